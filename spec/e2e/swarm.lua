-- swarm.lua - real daemons on hosts of their own, and the command line beside them, for specs. No checks.
local daemons = require "spec.process"
local folder = require "spec.folder"
local json = require "core.json"
local namespaces = require "spec.net.namespaces"
local outside = require "spec.e2e.outside"
local patience = require "spec.patience"
local wire = require "spec.net.wire"

local swarm = {}
swarm.__index = swarm

local function sh(command)
  local pipe = assert(io.popen("( " .. command .. " ) 2>&1"))
  local text = pipe:read "a"
  local _, _, code = pipe:close()
  return text, code
end

swarm.sh = sh

local FIRST_USER = 61001 -- no account's, so that nothing else runs under it

-- HOSTS: names; DOWN: those whose link is down from the start; OPTIONS: wire = true: on spec/net/wire, not on a
-- bridge, with seed, nat and public as wire.lua has them; users = true: each host's daemon under a user of its own;
-- names = { host = name of its daemon }, else the host's. → swarm | nil, why there can be none here.
function swarm.new(hosts, down, options)
  options = options or {}
  if options.users and sh "id -u" ~= "0\n" then return nil, "not root: no users to choose" end
  local dir = sh "mktemp -d /tmp/dts-e2e.XXXXXX":match "%S+"
  local world, why = (options.wire and wire or namespaces).new { hosts = hosts, down = down, seed = options.seed,
    nat = options.nat, public = options.public, after = dir }
  if not world then
    sh("rm -rf " .. dir)
    return nil, why
  end
  sh("chmod 0711 " .. dir)
  local users, here = {}, sh "pwd":match "[^\n]+"
  for i, host in ipairs(hosts) do users[host] = options.users and FIRST_USER + i or nil end
  if options.users then
    here = dir .. "/program"
    folder.put_program(here)
  end
  return setmetatable({ world = world, dir = dir, here = here, running = {}, users = users, mounts = {},
    called = options.names or {} }, swarm)
end

function swarm:path(host, what) return ("%s/%s/%s"):format(self.dir, host, what) end

-- What stands before a command that runs as the host's user.
function swarm:as(host)
  local user = self.users[host]
  return user and ("setpriv --reuid %d --regid %d --clear-groups "):format(user, user) or ""
end

-- Gives the host's user the lab file TEXT: a daemon that starts later finds it.
function swarm:put_lab(host, text)
  local place = self:path(host, "dt-swarm")
  sh("mkdir -p -m 700 " .. place)
  folder.write(place .. "/lab", text)
  sh(("chmod 0600 %s/lab"):format(place))
end

-- A file system of its own, of so many MB, at the host's WHAT (such as "state"), mounted before the daemon starts.
function swarm:disk(host, what, megabytes)
  local place = self:path(host, what)
  local image = ("%s/%s-%s.img"):format(self.dir, host, what:gsub("/", "-"))
  local text, code = sh(("mkdir -p %s && truncate -s %dM %s && mkfs.ext4 -qFm0 -J size=4 %s && mount -o loop %s %s")
    :format(place, megabytes, image, image, image, place))
  assert(code == 0, text)
  self.mounts[#self.mounts + 1] = place
  return place
end

-- Lets no more than so many Mbit/s leave the host.
function swarm:slow(host, mbit)
  self.world:must(("tc -n %s qdisc replace dev eth0 root tbf rate %dmbit burst 64k latency 200ms")
    :format(self.world:name(host), mbit))
end

-- A daemon that was told to end has its state folder, and the lock of that, until it is gone.
local function wait_for_end(process)
  if not process or not process.told_to_end then return end
  if swarm.within(10, function() return not process.alive() end) then return end
  error("the daemon of before does not end\n" .. process.output(), 3)
end

-- Starts the daemon of a host, again once the one of before is gone; POLICY: a shipped name or a path; BEFORE: words
-- such as NAME=value.
function swarm:start(host, policy, before)
  wait_for_end(self.running[host])
  local home = self:path(host, "")
  sh(("mkdir -p %s && chmod 0700 %s"):format(home, home))
  if self.users[host] then sh(("chown %d:%d %s"):format(self.users[host], self.users[host], home)) end
  local command = ("%senv HOME=%s XDG_CONFIG_HOME=%s %s %s/dt-swarm --name %s --state %s --share %s --socket %s %s")
    :format(self:as(host), home, home, before or "", self.here, self.called[host] or host,
      self:path(host, "state"), self:path(host, "share"), self:path(host, "state/control.sock"), policy or "")
  self.running[host] = self.world:spawn(host, command)
  return self.running[host]
end

-- A daemon that is killed goes like one whose power was cut; its policy is no longer on trial, for which that would be
-- a crash (lua/trial.lua).
function swarm:stop(host, signal)
  local process = self.running[host]
  if signal == "KILL" then self:cli(host, "policy confirm") end
  process.stop(signal)
  return swarm.within(5, function() return not process.alive() end) ~= nil
end

-- The host's daemon stands still from here on, until go_on(). Who connects to it waits.
function swarm:halt(host) sh(("kill -STOP %d"):format(self.running[host].pid)) end

function swarm:go_on(host) sh(("kill -CONT %d"):format(self.running[host].pid)) end

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

-- What the host's daemon answers to REQUEST, a table as programs send it; a refusal has the member `error`.
function swarm:request(host, request)
  local connection = daemons.connect(self:path(host, "state/control.sock"), 0.01)
  local answer = connection:ask(request)
  connection:close()
  return answer
end

local WARM = 50 -- answers in which memory did not grow

-- Asks the host's daemon for its state until that takes no more memory: Lua's heap grows by nearly what lives before a
-- collection ends, whoever asks, and whoever measures growth wants to begin where it has done so.
function swarm:warm(host)
  local pid, most, calm = self.running[host].pid, 0, 0
  for _ = 1, 40 * WARM do
    assert(self:request(host, { command = "status" }))
    local now = outside.memory(pid)
    calm = now > most and 0 or calm + 1
    most = math.max(most, now)
    if calm == WARM then return end
  end
  error(host .. " takes more and more memory")
end

-- Names that the host's `discover` lists as ready and heard by itself, sorted.
function swarm:names(host)
  local answer = self:ask(host, "discover")
  local list = {}
  for _, node in ipairs(answer and answer.nodes or {}) do
    if node.status == "ready" and not (node.via and node.via.by) then list[#list + 1] = node.name end
  end
  table.sort(list)
  return list
end

-- Names of those who stand at HOST and are heard there, sorted. How one of them is he says in a soft word: who missed
-- it has no status for him until it is renewed (5 min); strangers, the lost and those who left have one.
function swarm:heard(host)
  local answer = self:ask(host, "discover")
  local list = {}
  for _, node in ipairs(answer and answer.nodes or {}) do
    if node.status == nil or node.status == "ready" then list[#list + 1] = node.name end
  end
  table.sort(list)
  return list
end

-- What HOST's report says of the file called NAME; nil where it knows none.
function swarm:file(host, name)
  for _, file in ipairs((self:ask(host, "report") or { files = {} }).files) do
    for _, each in ipairs(file.names) do
      if each == name then return file end
    end
  end
end

-- By which way the word of the file NAME came to HOST: "-" where it is its own, nil where it did not.
function swarm:way_of(host, name)
  local file = self:file(host, name)
  local record = file and self:ask(host, "record show share/files " .. file.cid)
  return record and (record.proposals[1].statements[1].via or "-")
end

-- Seconds until TEST holds, or nil after several times BAR, which is for a machine at rest (spec/patience.lua).
function swarm.within(bar, test) return (patience.within(math.max(bar, patience.LEAST), test)) end

-- Bytes that the host's interface sent so far, by the kernel's counter.
function swarm:sent(host)
  return math.tointeger(tonumber((self.world:run(host, "cat /sys/class/net/eth0/statistics/tx_bytes"):match "%d+")))
end

-- Bytes of frames in which the host's kernel said something once more: it does so early where the machine is busy.
function swarm:said_again(host)
  local names, values = self.world:run(host, "cat /proc/net/snmp"):match "\nTcp: ([^\n]*)\nTcp: ([^\n]*)\n"
  local value = values:gmatch "%S+"
  for name in names:gmatch "%S+" do
    local n = value()
    if name == "RetransSegs" then return n * 1514 end
  end
end

function swarm:log(host) return self.running[host].output() end

-- Those of all hosts whose daemon runs.
function swarm:logs()
  local list = {}
  for host in pairs(self.running) do list[#list + 1] = host .. ":\n" .. self:log(host) end
  table.sort(list)
  return table.concat(list, "\n")
end

function swarm:close()
  for _, process in pairs(self.running) do process.stop "KILL" end -- any order
  self.world:close()
  for _, place in ipairs(self.mounts) do sh("umount -l " .. place) end
  sh("rm -rf " .. self.dir)
end

return swarm
