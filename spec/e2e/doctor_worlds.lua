-- doctor_worlds.lua - networks and machines with one fault each, in which whole daemons run, and what the doctor of the
-- first one has to say. No checks.
--
-- Each has the hosts ada and bob and the router `gate` on one bridge. A world is
--   name      what is wrong there
--   codes     what the doctor of ada finds besides what follows from it, causes first
--   under     what follows from that, if anything
--   harm(w)   makes it so, while all run and nothing is wrong; w: as below
--   first     true: it is so from the start; mend(w) ends it
--   policy    lines of all policies; channels: lines of routing.channels besides the usual ones
--   hosts     more of them; runs = who has a daemon (ada and bob); disk = true: ada's state lies on a disk of its own;
--             wire = true: no board shows facts there
--   peer      host that `doctor --peer` asks besides
local folder = require "spec.folder"
local json = require "core.json"
local side_by_side = require "spec.e2e.side_by_side"
local swarm = require "spec.e2e.swarm"

local worlds = {}

local LUA <const> = os.getenv "LUA" or "lua5.4"
local WITH_NAMES <const> = "#!/bin/sh\nmount --bind DIR/resolv.conf /etc/resolv.conf || exit 9\nexec \"$@\"\n"
local NAME <const> = "swarm.lab.example"

-- == one world that runs

local Running = {}
Running.__index = Running

function Running:on(host, command) return self.swarm.world:run(host, command) end

-- Where the bridge is.
function Running:bridge(command)
  local text, fine = self.swarm.world:run("wire", command)
  assert(fine, text)
end

-- The port of the bridge that HOST is at.
function Running:port(host)
  for number, name in ipairs(self.swarm.world.hosts) do
    if name == host then return "port" .. number end
  end
end

-- What the bridge passes on no more, as a rule of nftables'.
function Running:drop(rule)
  self:bridge("nft 'add table bridge f; add chain bridge f pass { type filter hook forward priority 0; }; "
    .. "add rule bridge f pass " .. rule .. " drop'")
end

function Running:pass_all() self:bridge "nft delete table bridge f" end

function Running:isolate(state)
  for _, host in ipairs { "ada", "bob" } do
    self:bridge(("bridge link set dev %s isolated %s"):format(self:port(host), state))
  end
end

-- Writes the policy of HOST, with LINES besides those of its world; → its path.
function Running:policy(host, lines)
  local path = self.swarm.dir .. "/" .. host .. ".lua"
  local given = self.given
  local channels = {}
  for _, line in ipairs(host ~= "gate" and given.channels or {}) do
    channels[#channels + 1] = ("table.insert(p.routing.channels, %q)"):format(line)
  end
  folder.write(path, ('local p = extend "duckiebot"\np.clock = "%s"\n%s\n%s\n%s\nreturn p\n'):format(
    given.clock or "system", given.policy or "", table.concat(channels, "\n"), lines or ""))
  return path
end

-- Starts the daemon of HOST (again). BEFORE: words before it.
function Running:start(host, lines, before)
  self.swarm:start(host, self:policy(host, lines), before or self.before)
end

function Running:restart(host, lines, before)
  assert(self.swarm:stop(host))
  self:start(host, lines, before)
end

-- Runs a program of specs on HOST until the world ends → process
function Running:program(host, words) return self.swarm.world:spawn(host, LUA .. " " .. words) end

function Running:name_server(known)
  if self.names then
    self.names.stop "KILL"
    assert(side_by_side.within(5, function() return not self.names.alive() end), "its port is free again")
  end
  self.names = self:program("gate", "spec/net/name_server.lua 10.77.0.3 " .. (known or ""))
end

-- Inside what the daemon of HOST sees as its file systems.
function Running:inside(host, command)
  return swarm.sh(("nsenter -t %d -m %s"):format(self.swarm.running[host].pid, command))
end

function Running:sh(command)
  local text, code = side_by_side.sh(command, self.swarm.dir .. "/said")
  return text, code
end

-- How busy the machine is on which the specs run is no fault of a world, nor are file systems that another spec breaks.
local OF_THE_MACHINE <const> = {
  fs_errors = true,
  oom_killed = true,
  overloaded = true,
  memory_low = true,
  swap_full = true,
  writes_wait = true,
  hot = true,
}

-- ANSWER and exit CODE as they would be on a machine at rest.
local function at_rest(answer, code)
  local rest = {}
  for _, row in ipairs(answer.findings) do
    if not OF_THE_MACHINE[row.code] then rest[#rest + 1] = row end
  end
  if code == 1 and #rest == 0 and #answer.findings > 0 then code = 0 end
  answer.findings = rest
  return answer, code
end

-- What `doctor --json` says on ada → answer, exit code | nil, text
function Running:doctor(words)
  local text, code = self:sh(("timeout 40 %s/dt-swarm-cli %s doctor %s --json"):format(self.swarm.here,
    self.swarm:path("ada", "state/control.sock"), words or ""))
  local answer = json.decode((text:gsub("\n$", "")))
  if not answer or answer.error then return nil, text end
  return at_rest(answer, code)
end

-- Is NAME ready in what HOST lists?
function Running:sees(host, name)
  local ok, answer = pcall(self.swarm.request, self.swarm, host, { command = "discover" })
  for _, node in ipairs(ok and answer.nodes or {}) do
    if node.name == name and node.status ~= "lost" then return true end
  end
  return false
end

-- Does the daemon of HOST answer?
function Running:runs(host) return (pcall(self.swarm.request, self.swarm, host, { command = "identity" })) end

-- Waits until ada and bob know each other, who both run.
function Running:meet()
  return side_by_side.within(20, function() return self:sees("ada", "bob") and self:sees("bob", "ada") end)
end

-- == the worlds; the first twelve run in every test

local BROADCAST <const> = "meta l4proto udp meta pkttype { broadcast, multicast }"

local function hold(kind, port)
  return {
    name = kind .. " port " .. port .. " held by another program", codes = { "port_taken" }, first = true,
    before = function(w)
      w.holder = w:program("ada", ("spec/net/port_holder.lua %s %d"):format(kind, port))
      assert(side_by_side.within(5, function() return w.holder.output():find "holds" end), w.holder.output())
    end,
    mend = function(w)
      w.holder.stop "KILL"
      assert(side_by_side.within(5, function() return not w.holder.alive() end), "the port is free again")
      w:restart "ada"
    end,
  }
end

-- The daemon of HOST begins as that of ada, whose folder was copied, on what looks like the same board.
local function start_copy(w, host)
  local here, there = w.swarm:path(host, ""), w.swarm:path("ada", "")
  w.swarm.running[host] = w.swarm.world:spawn(host, ("sh -c 'mount --bind %s %s && exec env HOME=%s "
    .. "XDG_CONFIG_HOME=%s %s/dt-swarm --name ada --state %sstate --share %sshare --socket %sstate/control.sock %s'")
    :format(here, there, there, there, w.swarm.here, there, there, there, w:policy "ada"))
end

worlds.list = {
  { name = "broadcast dropped on the way out", codes = { "broadcast_out" },
    harm = function(w) w:drop(("iifname %s %s"):format(w:port "ada", BROADCAST)) end },
  { name = "broadcast dropped on the way in, since the start", codes = { "broadcast_in" }, first = true,
    before = function(w) w:drop(("oifname %s %s"):format(w:port "ada", BROADCAST)) end,
    mend = function(w) w:pass_all() end },
  { name = "bridge ports isolated", codes = { "isolated" }, first = true, runs = { "gate", "ada", "bob" },
    channels = { "/ip4/10.77.0.3/tcp/3825/dswarm-line" },
    before = function(w) w:isolate "on" end, mend = function(w) w:isolate "off" end },
  { name = "a link that is dead towards bob", codes = { "one_way" },
    harm = function(w) w:drop(("iifname %s oifname %s"):format(w:port "ada", w:port "bob")) end },
  { name = "a link that is dead from bob", codes = { "one_way" }, first = true, peer = "bob",
    before = function(w) w:drop(("iifname %s oifname %s"):format(w:port "bob", w:port "ada")) end,
    mend = function(w) w:pass_all() end },
  hold("udp", 3825), hold("tcp", 3825), hold("tcp", 3826),
  { name = "a name that bob has, too", codes = { "name_twice" },
    harm = function(w)
      w.swarm.called.bob = "ada"
      w:restart "bob"
    end },
  { name = "a clone of ada", codes = { "clone" }, hosts = { "twin" }, wire = true,
    harm = function(w)
      assert(w.swarm:stop "ada")
      swarm.sh(("cp -a %s %s"):format(w.swarm:path("ada", ""), w.swarm:path("twin", "")))
      w:start "ada"
      start_copy(w, "twin")
    end },
  { name = "an MTU of 1,000", codes = { "mtu" },
    harm = function(w) assert(w:on("ada", "ip link set eth0 mtu 1000")) end },
  { name = "a resolver that is silent", codes = { "dns_dead" }, names = true,
    harm = function(w) w.names.stop "STOP" end },

  { name = "a name that nobody knows", codes = { "dns_no_name" }, names = true,
    harm = function(w) w:name_server "" end },
  { name = "a router that is gone", codes = { "gateway_dead" },
    harm = function(w) w.swarm.world:down "gate" end },
  { name = "no default route", codes = { "no_route" },
    harm = function(w) assert(w:on("ada", "ip route del default")) end },
  { name = "two interfaces in one network", codes = { "same_subnet" },
    harm = function(w)
      local wire, ada = w.swarm.world:name "wire", w.swarm.world:name "ada"
      w.swarm.world:must(("ip -n %s link add eth1 type veth peer name second netns %s"):format(ada, wire))
      w:bridge "ip link set second master bridge up"
      assert(w:on("ada", "ip address add 10.77.0.101/24 dev eth1 && ip link set eth1 up"))
    end },
  { name = "only a bridge of containers", codes = { "bridge_only" },
    harm = function(w)
      assert(w:on("ada", "ip link add docker0 type bridge && ip address add 172.17.0.1/16 dev docker0 "
        .. "&& ip link set docker0 up && ip link set eth0 down"))
    end },
  { name = "no interface", codes = { "no_lan" }, harm = function(w) w.swarm.world:down "ada" end },
  { name = "a disk that is full", codes = { "disk_full" }, disk = true,
    harm = function(w)
      swarm.sh(("dd if=/dev/zero of=%s bs=64k 2>/dev/null"):format(w.swarm:path("ada", "state/filler")))
    end },
  { name = "a disk that is read-only", codes = { "disk_readonly" }, disk = true,
    harm = function(w)
      local state = w.swarm:path("ada", "state")
      w:inside("ada", ("sh -c 'mount --bind %s %s && mount -o remount,bind,ro %s'"):format(state, state, state))
    end },
  { name = "a file system with errors", codes = { "disk_errors" }, under = { "disk_readonly" }, disk = true,
    harm = function(w)
      local state = w.swarm:path("ada", "state")
      local loop = w:inside("ada", "findmnt -no SOURCE " .. state):match "/dev/(loop%d+)"
      w:inside("ada", "mount -o remount,errors=remount-ro " .. state) -- as Debian's installer writes it for the root
      swarm.sh(("echo broken >/sys/fs/ext4/%s/trigger_fs_error"):format(loop))
    end },
  { name = "a clock that is two years off", codes = { "clock_off" }, clock = "auto",
    believe = { bob = true, cem = true, dora = true }, hosts = { "cem", "dora" },
    runs = { "bob", "cem", "dora", "ada" },
    harm = function(w) w:restart("ada", nil, worlds.faketime(os.time() - 2 * 365 * 86400)) end },
  { name = "no clock that is proved anywhere", codes = { "time_unproved" },
    harm = function(w)
      for _, host in ipairs { "ada", "bob" } do w:restart(host, 'p.clock = "auto"') end
    end },
  { name = "neighbours with another swarm's name", codes = { "other_swarm" }, hosts = { "cem", "dora" },
    runs = { "ada", "bob", "cem", "dora" },
    harm = function(w)
      for _, host in ipairs { "bob", "cem", "dora" } do w:restart(host, 'p.swarm = "elsewhere"') end
    end },
  { name = "a neighbour with another law", codes = { "law" },
    harm = function(w) w:restart("bob", "p.dcache.classes.share.max_ttl = 29 * day") end },
}

worlds.first = 12 -- so many run in every test

-- Nothing is wrong, and nobody is there to ask: what cannot be known then.
worlds.alone = { name = "nobody to ask", runs = { "ada" },
  unknown = { "broadcast_out", "broadcast_in", "isolated", "one_way" } }

worlds.pairs = {
  { name = "a router that is gone, and its resolver with it", codes = { "gateway_dead" }, under = { "dns_dead" },
    names = true, harm = function(w) w.swarm.world:down "gate" end },
  { name = "bridge ports isolated, and a name that bob has, too", codes = { "isolated", "name_twice" }, first = true,
    runs = { "gate", "ada", "bob" }, called = { bob = "ada" }, channels = { "/ip4/10.77.0.3/tcp/3825/dswarm-line" },
    before = function(w) w:isolate "on" end, mend = function(w)
      w:isolate "off"
      w.swarm.called.bob = "bob"
      w:restart "bob"
    end },
}

--- Words before a command whose wall clock is to be at AT (Unix s); the monotonic one stays real.
function worlds.faketime(at)
  local library = swarm.sh "ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null":match "%S+"
  return ("LD_PRELOAD=%s FAKETIME='@%s' DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"):format(library,
    os.date("%Y-%m-%d %H:%M:%S", at))
end

-- Gives ada and bob the router, and a name server where GIVEN wants one.
local function set_up(w, given)
  for _, host in ipairs(given.hosts_all) do
    if host ~= "gate" then assert(w:on(host, "ip route add default via 10.77.0.3")) end
  end
  if given.disk then w.swarm:disk("ada", "state", 16) end
  if not given.names then return end
  given.channels = { ("/dns4/%s/tcp/3825/dswarm-line"):format(NAME) }
  folder.write(w.swarm.dir .. "/resolv.conf", "nameserver 10.77.0.3\n")
  folder.write(w.swarm.dir .. "/names.sh", (WITH_NAMES:gsub("DIR", w.swarm.dir)))
  w.before = "sh " .. w.swarm.dir .. "/names.sh"
  w:name_server(NAME .. "=10.77.0.3")
end

--- Makes the world GIVEN, a row of the lists above, with its daemons → w | nil, why there can be none here
function worlds.new(given)
  given.hosts_all = { "ada", "bob", "gate", table.unpack(given.hosts or {}) }
  local called = {} -- a world of its own may be changed
  for host, name in pairs(given.called or {}) do called[host] = name end -- any order
  local s, why = swarm.new(given.hosts_all, nil, { names = called, wire = given.wire })
  if not s then return nil, why end
  local w = setmetatable({ swarm = s, given = given }, Running)
  set_up(w, given)
  if given.before then given.before(w) end
  for _, host in ipairs(given.runs or { "bob", "ada" }) do
    w:start(host, given.believe and given.believe[host] and 'p.clock = "system"' or nil)
    if s.running.gate and host ~= "gate" then -- what the next one says of himself goes only to who is connected by then
      assert(side_by_side.within(20, function() return s:log(host):find("link up", 1, true) end), s:log(host))
    end
  end
  return w
end

return worlds
