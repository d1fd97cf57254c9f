-- peers.lua - the other IPFS implementations that specs meet, where they are here. No checks.
local peers = {}

local function made_by(script)
  local pipe = io.popen(script .. " 2>/dev/null")
  local path = pipe:read "l"
  pipe:close()
  return path
end

-- The program of a Kubo of at least 0.43, or nil.
function peers.kubo() return made_by "spec/net/kubo.sh" end

-- The folder of JavaScript's client (fetch.js), or nil.
function peers.javascript() return made_by "spec/net/js.sh" end

-- A command that runs KUBO on a repository of its own beneath FOLDER, which contacts nobody.
function peers.repository(kubo, folder)
  local command = ("IPFS_PATH='%s/ipfs' LD_PRELOAD= '%s'"):format(folder, kubo)
  assert(os.execute(command .. " init --profile=test >/dev/null 2>&1"))
  for _, profile in ipairs { "unixfs-v1-2025", "announce-off", "autoconf-off" } do
    assert(os.execute(command .. " config profile apply " .. profile .. " >/dev/null 2>&1"), profile)
  end
  assert(os.execute(command .. " config --json AutoTLS '{\"Enabled\":false}' >/dev/null 2>&1"))
  return command
end

local function output(text)
  local pipe = io.popen(text)
  local line = pipe:read "l"
  pipe:close()
  return line
end

-- Runs the daemon of a repository's COMMAND, its log in FOLDER. → { address = of one who joins it, stop(),
-- rest(bool): it stands still, or goes on, so that what it does after its work is not in another's figure }
function peers.daemon(command, folder)
  local log = folder .. "/daemon.log"
  local pid = output(("%s daemon >'%s' 2>&1 </dev/null & echo $!"):format(command, log))
  local ready = ("for i in $(seq 999); do grep -qs 'Daemon is ready' '%s' && exit; sleep 0.1; done; exit 1"):format(log)
  local one = {}
  function one.stop()
    os.execute(("kill %s; while kill -0 %s 2>/dev/null; do sleep 0.1; done"):format(pid, pid))
  end
  function one.rest(still) os.execute(("kill -%s %s"):format(still and "STOP" or "CONT", pid)) end
  if not os.execute(ready) then
    one.stop()
    error("Kubo's daemon did not start: " .. log)
  end
  one.address = output(command .. " id -f '<addrs>' | grep '/ip4/127.0.0.1/tcp/[0-9]*/p2p/'")
  return one
end

return peers
