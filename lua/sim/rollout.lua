-- rollout.lua - a fleet of the simulator to which a plan is rolled out: a lab, a desk, robots that run the very clients
-- of a robot, with a kind `sim` and files that take their time. It tells what became of whom; it decides for nobody.
local cid = require "core.cid"
local hash = require "core.hash"
local json = require "core.json"
local key = require "core.key"
local labs = require "sim.lab"
local memory = require "core.sim".memory
local payload = require "sim.payload"
local plans = require "clients.updates.plan"
local power = require "sim.power"
local sim = require "sim"
local text = require "core.text"
local turn = require "clients.updates.turn"

local rollout = {}
rollout.__index = rollout

local CLIENTS <const> = { "clients.leases", "clients.membership", "clients.discovery", "clients.updates" }
local START <const> = 1700000000000 -- ms Unix: lua/sim/loop.lua's
local STEP <const> = 1000 -- ms between two looks at all robots
local SETTLE_MOST <const> = 20 * 60 * 1000 -- ms until a fleet knows its lab
local DAY <const> = 24 * 60 * 60 -- s
local TAKES <const> = { check = 500, stage = 2000, apply = 60000, verify = 1000, commit = 2000, rollback = 20000 } -- ms

local POLICY <const> = [[
local p = extend "duckiebot"
local u = p.clients.updates
function u.want(release) return release.signers ~= nil end
function u.ready(release) return release.in_window == true end
function u.go(rollout) return rollout.failures ~= nil end
function u.healthy(before) return before.peers ~= nil or nil end
return p
]]

--- The policy of such robots: nothing holds one back. SHIPPED: the folder of the shipped policies.
function rollout.policy(shipped)
  local policy, faults = require("policy.load").load("/rollout.lua", { shipped = shipped, read = function(path)
    if path == "/rollout.lua" then return POLICY end
    local file <close> = io.open(path)
    if not file then return nil, "no such file", "missing" end
    return file:read "a"
  end })
  return assert(policy, faults and faults[1] and faults[1].text)
end

local function id_of(seed, name) return key.generate(hash.blake2b(("%d %s"):format(seed, name))):id() end

-- == what is signed

local function sign(self, plan, size)
  local bytes = assert(plans.write(plan))
  local name = cid.make("raw", hash.sha256(bytes))
  local data = { artefacts = json.array { json.array { "any", cid.make("raw", hash.sha256 "a release"), size } },
    kind = "sim", version = "sim" }
  self.payload = payload.new { [name] = bytes }
  self.plan, self.key, self.places = plan, ("%s/%d"):format(plan.release, plan.run), turn.places(plan)
  self.lines = { self.lab:line("updates/release", plan.release, data, 60 * DAY),
    self.lab:line("updates/rollout", self.key, { plan = name, size = #bytes,
      release = text.base64url(hash.blake2b(json.encode(data))) }, 60 * DAY) }
end

-- == robots

-- The kind `sim` on the machine ONE: each verb takes its time; where the release is bad, `verify` says no.
local function kind_of(self, one)
  return function(kind)
    if kind ~= "sim" then return nil, "no handler of kind " .. kind, "target" end
    return function(verb, _, done)
      self:note(one, verb)
      one.node.loop:after(self.takes[verb] or TAKES[verb], function()
        if verb == "verify" and one.fails then return done("no", "the release is bad here") end
        done "ok"
      end)
    end
  end
end

--- ONE is switched on. MORE: options of sim:add.
function rollout:on(one, more)
  one.boot = one.boot + 1
  local options = { loop = power.loop(self.world.loop, one.ahead), disk = one.disk, boot = one.boot, host = one.host,
    lab = self.lab.lab, clock = one.clock, here = one.here, policy = one.policy, clients = CLIENTS,
    update_kinds = kind_of(self, one), update_fetching = function(node) return self.payload:of(node) end }
  for name, value in pairs(more or {}) do options[name] = value end -- any order
  options.ready = function(node) one.node = node end
  self.world:add(one.name, options)
end

--- The power of ONE goes.
function rollout:off(one)
  self:look_at(one)
  one.disk = power.off(self.world, one.node, one.disk, self.world.random:integer(1 << 30))
  one.node = nil
end

--- given.seed, loss (0…1)
--- given.plan     as plan.lua has it; its order has names, its swarm is left out
--- given.policy   rollout.policy's
--- given.off      set of names that are not switched on
--- given.fail     set of names where the release is bad
--- given.size     bytes of the release
--- given.takes    ms that verbs of its kind take, by their names, where not as long as most
--- given.robot    fn(one, name): what else is so of a robot, such as its clock
function rollout.new(given)
  local self = setmetatable({ robots = {}, by_name = {}, events = {}, down_most = 0, down = 0, failed = 0,
    takes = given.takes or {} }, rollout)
  self.world = sim.new { seed = given.seed, policy = given.policy, loss = given.loss, untraced = true }
  self.lab = labs.new("sim", given.seed, START)
  local plan = { order = json.array {}, swarm = self.lab.swarm }
  for name, value in pairs(given.plan) do plan[name] = plan[name] or value end -- any order
  for i, name in ipairs(given.plan.order) do
    local one = { name = name, id = id_of(given.seed, name), boot = 0, host = ("10.0.1.%d"):format(i),
      disk = memory(given.seed), fails = (given.fail or {})[name], state = "waits" }
    if given.robot then given.robot(one, name) end
    plan.order[i], self.robots[i], self.by_name[name] = one.id, one, one
  end
  sign(self, plan, given.size or 1)
  self.desk = { name = "the-desk", boot = 0, host = "10.0.1.0", disk = memory(given.seed) }
  if given.robot then given.robot(self.desk, self.desk.name) end
  self:on(self.desk)
  for _, one in ipairs(self.robots) do
    if not (given.off or {})[one.name] then self:on(one) end
  end
  return self
end

-- == what becomes of them

--- It is written down that ONE does ACT.
function rollout:note(one, act) self.events[#self.events + 1] = { ms = self:ms(), name = one.name, act = act } end

--- ms since the rollout was said.
function rollout:ms() return self.world.loop:now() - (self.began or 0) end

local DOWN <const> = { applying = true, failed = true }

--- How ONE is in this run, as its own disk has it: down from `applying` on, until it is resolved.
function rollout:look_at(one)
  local updates = one.node and one.node.updates
  local run = updates and updates.saved.data.runs[self.key]
  local state = run and run.state or one.state
  if state == one.state then return end
  self.down = self.down + (DOWN[state] and 1 or 0) - (DOWN[one.state] and 1 or 0)
  self.failed = self.failed + (turn.FAILED[state] and 1 or 0) - (turn.FAILED[one.state] and 1 or 0)
  one.state, one.changed = state, self:ms()
  if state == "applying" then one.started = one.started or self:ms() end
  if turn.RESOLVED[state] then one.ended = self:ms() end
  self.down_most = math.max(self.down_most, self.down)
end

--- Runs on by MS; after each step EACH() where it is given, which ends it by true. → did it?
function rollout:run(ms, each)
  for _ = 1, ms, STEP do
    self.world:run(STEP)
    for _, one in ipairs(self.robots) do self:look_at(one) end
    if each and each() then return true end
  end
  return false
end

local function is_settled(one) return not one.node or one.node.dcache.trust:settled() == true end

--- Until the fleet knows its lab; then the desk says release and rollout.
function rollout:start()
  self:run(SETTLE_MOST, function()
    for _, one in ipairs(self.robots) do
      if not is_settled(one) then return false end
    end
    return is_settled(self.desk)
  end)
  self.began = self.world.loop:now()
  self.desk.node.comms:offer(self.lines, function(results) self.offered = results end)
end

--- Are all resolved who are switched on?
function rollout:is_done()
  for _, one in ipairs(self.robots) do
    if one.node and not turn.RESOLVED[one.state] then return false end
  end
  return true
end

return rollout
