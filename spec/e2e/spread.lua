-- spread.lua - a desk, an uplink that the wire throttles, and robots of one lab behind it, to whom a release is rolled
-- out: how much of it crosses that uplink. Whole daemons, for specs. No checks.
local cid = require "core.cid"
local folder = require "spec.folder"
local hash = require "core.hash"
local json = require "core.json"
local labs = require "spec.labs"
local plan = require "clients.updates.plan"
local swarm = require "spec.e2e.swarm"
local text = require "core.text"

local spread = {}
spread.__index = spread

local LAN <const> = '"/ip4/0.0.0.0/udp/3825/dswarm-line", "/ip4/0.0.0.0/tcp/3825/dswarm-line"'
local TTL <const> = 30 * 86400

local function start(self, host, channels)
  local s = self.swarm
  swarm.sh(("mkdir -p -m 700 %s %s %s"):format(s:path(host, "state"), s:path(host, "share"), s:path(host, "demos")))
  folder.write(s:path(host, "state/lab"), self.lab.text)
  folder.write(s:path(host, "my.lua"), ([[local p = extend "duckiebot"
p.routing.channels = { %s }
p.clients.updates.folders = { demos = "%s" }
return p
]]):format(channels, s:path(host, "demos/current")))
  s:start(host, s:path(host, "my.lua"))
end

local function keep_apart(self)
  for i, one in ipairs(self.robots) do
    for j, other in ipairs(self.robots) do
      if i ~= j then self.swarm.world:cut(one, other) end
    end
  end
end

--- GIVEN: robots (8), rate = bytes/s of the uplink, apart = true: the robots hear nobody of their LAN; seed. → spread |
--- nil, why there can be none here
function spread.new(given)
  local robots, hosts = {}, { "desk" }
  for i = 1, given.robots or 8 do robots[i] = "r" .. i end
  table.move(robots, 1, #robots, 2, hosts)
  local s, why = swarm.new(hosts, nil, { wire = true, nat = { north = robots }, seed = given.seed or 7, public = true })
  if not s then return nil, why end
  local self = setmetatable({ swarm = s, robots = robots, ids = {},
    lab = labs.new { name = "robotics", at = os.time() * 1000 } }, spread)
  self:rate(given.rate)
  self.is_apart = given.apart
  if given.apart then keep_apart(self) end
  start(self, "desk", LAN)
  for _, robot in ipairs(robots) do
    start(self, robot, ('%s, "/ip4/%s/tcp/3825/dswarm-line"'):format(LAN, s.world:address "desk"))
  end
  return self
end

--- The daemon of HOST is killed, as by a power cut, and started again.
function spread:restart(host)
  assert(self.swarm:stop(host, "KILL"), host)
  self.swarm:start(host, self.swarm:path(host, "my.lua"))
end

--- Bytes/s that go over the uplink each way.
function spread:rate(bytes)
  for _, port in ipairs { "desk", "north" } do
    self.swarm.world:tell(("rate %d %s"):format(bytes, port))
    self.swarm.world:tell(("queue %d %s"):format(64 * 1024, port))
  end
end

--- Does the desk hear all robots, and each robot the desk and, unless they are apart, all others?
function spread:is_met()
  if #self.swarm:names "desk" <= #self.robots then return false end
  for _, robot in ipairs(self.robots) do
    local names = self.swarm:names(robot)
    if names[1] ~= "desk" or not self.is_apart and #names <= #self.robots then return false end
  end
  return true
end

local HEADERS <const> = 66 -- bytes of Ethernet, IP and TCP before what one frame brings

--- Bytes that the desk sent over the uplink so far, without the headers: the kernel sends as many frames as it likes.
function spread:crossed()
  local count = self.swarm.world:counters().hosts.north.tcp
  return count.out_bytes - HEADERS * count.out
end

-- The root signs DATA, and the desk's daemon says it.
local function say(self, bucket, key, data)
  local line = self.lab:line(self.lab.root, { bucket = bucket, key = key, data = data, ttl = TTL })
  local answer = self.swarm:request("desk", { command = "offer", lines = json.array { line } })
  assert(not answer.error and not answer.results[1].word, json.encode(answer))
end

local function plan_of(self, key)
  local order = json.array {}
  for i, robot in ipairs(self.robots) do order[i] = self.swarm:ask(robot, "identity show").id end
  return assert(plan.write { absent = { after = 3600, most = 0 }, clock = "proved", max_failures = 2, order = order,
    patience = 600, release = key, run = 1, swarm = self.lab.swarm, unknown = "back",
    waves = json.array { { max_unavailable = 1, robots = #order, soak = 60 } } })
end

--- A tar with SIZE bytes at the desk, which its daemon holds from here on. → its CID, its size
function spread:take(size)
  local path = self.swarm:path("desk", "tree")
  swarm.sh(("mkdir -p %s && head -c %d /dev/urandom > %s/data && tar -C %s -cf %s.tar ."):format(path, size, path, path,
    path))
  local file = self.swarm:request("desk", { command = "take", path = path .. ".tar" })
  assert(file.cid, json.encode(file))
  return file.cid, file.size
end

--- The release KEY ("demos/42") is that file, with MORE members, and is rolled out to all robots.
function spread:roll_out(key, cid_text, size, more)
  local bytes = plan_of(self, key)
  local planned = self.swarm:request("desk", { command = "take", text = bytes })
  assert(planned.cid == cid.make("raw", hash.sha256(bytes)), json.encode(planned))
  local data = { artefacts = json.array { json.array { "any", cid_text, size } }, kind = "files", target = "demos",
    version = "2.4" }
  for name, value in pairs(more or {}) do data[name] = value end -- any order
  say(self, "updates/release", key, data)
  say(self, "updates/rollout", key .. "/1", { plan = planned.cid, size = planned.size,
    release = text.base64url(hash.blake2b(json.encode(data))) })
  self.key, self.size = key, size
end

--- How many robots have the file of the last release, whole.
function spread:have()
  local n = 0
  for _, robot in ipairs(self.robots) do
    local found = swarm.sh(("find %s/updates -size %dc"):format(self.swarm:path(robot, "state/files"), self.size))
    if found:find("/" .. (self.key:gsub("/", "-")), 1, true) then n = n + 1 end
  end
  return n
end

--- What is known of it, for who looks why.
function spread:told()
  local words = {}
  for i, robot in ipairs(self.robots) do words[i] = self.swarm:cli(robot, "update explain") end
  return table.concat(words, "\n") .. self.swarm:logs()
end

function spread:close() self.swarm:close() end

return spread
