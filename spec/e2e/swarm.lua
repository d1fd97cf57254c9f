-- swarm.lua - real daemons on hosts of their own, and the command line beside them, for specs. No checks.
local json = require "core.json"
local namespaces = require "spec.net.namespaces"

local swarm = {}
swarm.__index = swarm

local function sh(command)
  local pipe = assert(io.popen("( " .. command .. " ) 2>&1"))
  local text = pipe:read "a"
  local _, _, code = pipe:close()
  return text, code
end

swarm.sh = sh

-- HOSTS: names; DOWN: those whose link is down from the start. → swarm | nil, why there can be none here.
function swarm.new(hosts, down)
  local world, why = namespaces.new { hosts = hosts, down = down }
  if not world then return nil, why end
  local dir = sh "mktemp -d /tmp/dts-e2e.XXXXXX":match "%S+"
  return setmetatable({ world = world, dir = dir, here = sh "pwd":match "[^\n]+", running = {} }, swarm)
end

function swarm:path(host, what) return ("%s/%s/%s"):format(self.dir, host, what) end

-- Starts (again) the daemon of a host; POLICY: a shipped name or a path; BEFORE: a command that runs it.
function swarm:start(host, policy, before)
  sh(("mkdir -p %s/%s && chmod 0700 %s/%s"):format(self.dir, host, self.dir, host))
  local command = ("env HOME=%s XDG_CONFIG_HOME=%s %s %s/dt-swarm --name %s --state %s --share %s --socket %s %s")
    :format(self:path(host, ""), self:path(host, ""), before or "", self.here, host, self:path(host, "state"),
      self:path(host, "share"), self:path(host, "state/control.sock"), policy or "")
  self.running[host] = self.world:spawn(host, command)
  return self.running[host]
end

function swarm:stop(host, signal)
  local process = self.running[host]
  process.stop(signal)
  for _ = 1, 100 do
    if not process.alive() then return true end
    os.execute "sleep 0.05"
  end
  return false
end

-- The command line asks the host's daemon, from outside its network: a socket is a file. → text, exit code
function swarm:cli(host, command)
  return sh(("%s/dt-swarm-cli %s %s"):format(self.here, self:path(host, "state/control.sock"), command))
end

-- The same, as a table | nil, text.
function swarm:ask(host, command)
  local text, code = self:cli(host, command .. " --json")
  if code ~= 0 then return nil, text end
  return json.decode((text:gsub("\n$", "")))
end


-- Names that the host's `discover` lists as ready, sorted.
function swarm:names(host)
  local answer = self:ask(host, "discover")
  local list = {}
  for _, node in ipairs(answer and answer.nodes or {}) do
    if node.status == "ready" then list[#list + 1] = node.name end
  end
  table.sort(list)
  return list
end

-- Seconds until TEST holds, or nil after MOST.
function swarm.within(most, test)
  local function now()
    local file = assert(io.open "/proc/uptime")
    local seconds = file:read "n"
    file:close()
    return seconds
  end
  local began = now()
  repeat
    if test() then return now() - began end
    os.execute "sleep 0.1"
  until now() - began > most
end

-- Bytes that the host's interface sent so far, by the kernel's counter.
function swarm:sent(host)
  return math.tointeger(tonumber((self.world:run(host, "cat /sys/class/net/eth0/statistics/tx_bytes"):match "%d+")))
end

function swarm:log(host) return self.running[host].output() end

function swarm:close()
  for _, process in pairs(self.running) do process.stop "KILL" end -- any order
  self.world:close()
  sh("rm -rf " .. self.dir)
end

return swarm
