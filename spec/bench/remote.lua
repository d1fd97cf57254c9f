-- remote.lua - another node's `report` by its name, over TCP, beside the same by ssh. No pass or fail.
-- needs: ssh sshd ssh-keygen
dofile "spec/helper.lua"
local figures = require "spec.figures"
local folder = require "spec.folder"
local swarm = require "spec.e2e.swarm"
local uv = require "luv"

local say = figures.say

local ROUNDS <const>, FILES <const> = 21, 20
local POLICY <const> = [[
local p = extend "duckiebot"
p.routing.channels = { %s }
p.clients.logs.settle = { least = 0.1 * second, per = 32 * MB, most = 1 * second }
return p
]]

local s, why = swarm.new { "robot", "laptop" }
if not s then return print("  remote: not measured: " .. why) end

local function close(ok, fault)
  s:close()
  if not ok then error(fault, 0) end
end

-- ms that COMMAND takes, the median of several rounds.
local function median(command)
  local list = {}
  for i = 1, ROUNDS do
    local began = uv.hrtime()
    local said, code = swarm.sh(command)
    assert(code == 0 and said:find(FILES .. " files", 1, true), said)
    list[i] = (uv.hrtime() - began) / 1e6
  end
  table.sort(list)
  return list[#list // 2 + 1]
end

local function start_daemons()
  local channels = { robot = '"/ip4/0.0.0.0/tcp/3825/dswarm-line"',
    laptop = ('"/ip4/%s/tcp/3825/dswarm-line"'):format(s.world:address "robot") }
  for _, host in ipairs { "robot", "laptop" } do
    swarm.sh("mkdir -p " .. s:path(host, "share"))
    folder.write(s:path(host, "my.lua"), POLICY:format(channels[host]))
    s:start(host, s:path(host, "my.lua"))
  end
  for i = 1, FILES do folder.write(s:path("robot", ("share/run-%d.bag"):format(i)), "run " .. i) end
end

-- A real sshd on the robot, and the command line there by it. → command
local function ssh()
  local place = s.dir .. "/ssh"
  swarm.sh(("mkdir -p -m 700 %s /run/sshd && ssh-keygen -q -t ed25519 -N '' -f %s/host && ssh-keygen -q -t ed25519 \z
    -N '' -f %s/own && cp %s/own.pub %s/allowed"):format(place, place, place, place, place))
  folder.write(place .. "/config", ("HostKey %s/host\nAuthorizedKeysFile %s/allowed\nStrictModes no\nUsePAM no\n\z
    PidFile none\nPermitRootLogin yes\n"):format(place, place))
  s.world:spawn("robot", ("/usr/sbin/sshd -D -f %s/config"):format(place))
  return ("ip netns exec %s ssh -F none -i %s/own -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR -o \z
    UserKnownHostsFile=%s/known %s %s/dt-swarm-cli %s report"):format(s.world:name "laptop", place, place,
    s.world:address "robot", s.here, s:path("robot", "state/control.sock"))
end

close(xpcall(function()
  start_daemons()
  local by_name = ("RUNTIME_DIRECTORY=%s %s/dt-swarm-cli robot report"):format(s:path("laptop", "state"), s.here)
  local by_ssh = ssh()
  for _, command in ipairs { by_name, by_ssh } do
    assert(swarm.within(20, function() return swarm.sh(command):find(FILES .. " files", 1, true) end),
      command .. "\n" .. swarm.sh(command) .. s:logs())
  end
  local here = median(("%s/dt-swarm-cli %s report"):format(s.here, s:path("robot", "state/control.sock")))
  say("report on the machine itself", "%.0f ms", here)
  local named, remote = median(by_name), median(by_ssh)
  say("the same by name, over TCP", "%.0f ms", named)
  say("ssh ROBOT dt-swarm-cli report", "%.0f ms: %.1f times as long (bar: 1)", remote, remote / named)
end, debug.traceback))
