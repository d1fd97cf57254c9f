-- kubo_daemon.lua - real Kubos for specs of pubsub, each on a host of a world (spec/net/namespaces.lua). No checks.
local folder = require "spec.folder"
local peers = require "spec.net.peers"

local kubo_daemon = {}
kubo_daemon.__index = kubo_daemon

-- What `init --profile=test` leaves as text of the config, and what is there instead: loopback is for nobody else.
local CHANGES <const> = {
  { '"Swarm": %[%s*"[^"]*"%s*%]', '"Swarm": ["/ip4/0.0.0.0/tcp/4001"]' },
  { '"API": "[^"]*"', '"API": "/ip4/127.0.0.1/tcp/5001"' },
  { '"Gateway": "[^"]*"', '"Gateway": ""' },
  { '"Pubsub": {', '"Pubsub": { "Enabled": true,' },
}

local function change(path, changes)
  local text = folder.read(path)
  for _, one in ipairs(changes) do
    local n
    text, n = text:gsub(one[1], (one[2]:gsub("%%", "%%%%")))
    assert(n == 1, one[1])
  end
  folder.write(path, text)
  return text
end

--- A Kubo for HOST of WORLD, which has its repository beneath PLACE, and does not run yet. Its swarm port is 4001, its
--- RPC at 127.0.0.1:5001, its field `id` its peer ID. CHANGES: more of the config, as above.
--- → one | nil, why there is none
function kubo_daemon.new(world, host, place, changes)
  local program = peers.kubo()
  if not program then return nil, "no Kubo of at least 0.43" end
  local command = ("env IPFS_PATH='%s' LD_PRELOAD= '%s'"):format(place, program)
  assert(os.execute(("mkdir -p '%s' && %s init --profile=test >/dev/null 2>&1"):format(place, command)))
  local id = change(place .. "/config", CHANGES):match '"PeerID": "(%w+)"'
  change(place .. "/config", changes or {})
  return setmetatable({ world = world, host = host, place = place, command = command, id = id }, kubo_daemon)
end

--- Starts it, and returns at once.
function kubo_daemon:start() self.process = self.world:spawn(self.host, self.command .. " daemon") end

function kubo_daemon:is_ready() return self.process.output():find("Daemon is ready", 1, true) ~= nil end

--- Ends it, and returns when it has ended.
function kubo_daemon:stop(signal)
  self.process.stop(signal or "KILL")
  while self.process.alive() do os.execute "sleep 0.02" end
  os.remove(self.place .. "/repo.lock")
  os.remove(self.place .. "/api")
end

--- Runs `ipfs WORDS` beside it. → what it printed
function kubo_daemon:run(words) return (self.world:run(self.host, self.command .. " " .. words)) end

return kubo_daemon
