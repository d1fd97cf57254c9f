-- updates_fleet.lua - a few robots of the simulator and their rollouts (lua/sim/rollout.lua), for specs of what one
-- robot does. No checks of its own.
--
--   local f = fleet.new { names = { "ada", "bea" }, waves = …, here = { ada = FACTS }, policy = TEXT, …of the plan }
--   f:start()                             the lab settles, the desk says release and run
--   f:until_(ms, fn)                      runs on until fn(), MS at most → did it?
--   f:ask("ada", "update explain", more)  the answer of her daemon | nil, text, code
--   f:state "ada", f:started "ada"        how she is; when (ms) her update began
--   f:order()                             names in the order of their starts
--   f:say(bucket, key, data), f:take_back(bucket, key)    the root signs it at the desk
--   f:release(key, more), f:rollout(key, names, more)    one more release, one more run
--   f:off "ada", f:on "ada"               the power
local cid = require "core.cid"
local hash = require "core.hash"
local json = require "core.json"
local lease = require "lease"
local plans = require "clients.updates.plan"
local policies = require "spec.policy.policies"
local rollout = require "sim.rollout"
local text = require "core.text"

local fleet = {}
fleet.__index = fleet

local DAY <const> = 24 * 60 * 60 -- s
local PLAN <const> = { "absent", "clock", "max_failures", "patience", "unknown" }
local DEFAULTS <const> = { absent = { after = 3600, most = 0 }, clock = "proved", max_failures = 2, patience = 600,
  unknown = "back" }

-- Robots of which nothing is known but what `here` says; the hooks are the shipped ones, but for the body, which the
-- simulator does not measure.
local POLICY <const> = [[
local p = extend "duckiebot"
function p.clients.updates.healthy(_, now)
  if now.peers then return true, "alive" end
end
return p
]]

fleet.AT_REST = { tags = {}, driving = false, recording = false }

local function plan_of(given, key, names)
  local name, seq, run = key:match "^(.*)/(%d+)/(%d+)$"
  local plan = { release = name .. "/" .. seq, run = math.tointeger(tonumber(run)),
    order = json.array { table.unpack(names) },
    waves = json.array(given.waves or { { max_unavailable = 1, robots = #names, soak = 60 } }) }
  for _, field in ipairs(PLAN) do
    plan[field] = given[field]
    if plan[field] == nil then plan[field] = DEFAULTS[field] end
  end
  return plan
end

-- FACTS, and what is told by leases on NODE.
local function with_leases(node, facts)
  local all = {}
  for name, value in pairs(facts) do all[name] = value end -- any order
  for _, fact in ipairs(node and node.leases and lease.facts or {}) do
    local value = node.leases:value(fact)
    if value ~= nil then all[fact] = value end
  end
  return all
end

function fleet.new(given)
  local self = setmetatable({ given = given }, fleet)
  local policy = assert(policies.load(given.policy or POLICY))
  self.all = rollout.new { seed = given.seed or 3, loss = given.loss or 0, policy = policy, off = given.off,
    fail = given.fail, plan = plan_of(given, "demos/42/1", given.names),
    robot = function(one, name)
      local facts = (given.here or {})[name] or fleet.AT_REST
      one.here = function() return with_leases(one.node, facts) end
      for field, value in pairs((given.robot or {})[name] or {}) do one[field] = value end -- any order
    end }
  return self
end

function fleet:start() self.all:start() end

function fleet:of(name) return self.all.by_name[name] or name == self.all.desk.name and self.all.desk or nil end

function fleet:until_(ms, fn) return self.all:run(ms, fn) end

--- Until all of NAMES are in STATE in the first run. → did they get there?
function fleet:all_are(state, names, ms)
  return self.all:run(ms, function()
    for _, name in ipairs(names) do
      if self:state(name) ~= state then return false end
    end
    return true
  end)
end

function fleet:ask(name, command, more)
  local request, answer = { command = command }, nil
  for field, value in pairs(more or {}) do request[field] = value end -- any order
  local reply = setmetatable({ run = function(_, fn) fn() end, on_cancel = function(_, fn) self.cancel = fn end,
    on_line = function() end }, { __call = function(_, ...) answer = { ... } end })
  self:of(name).node.commands:run(request, reply)
  if not answer then self.all:run(5000, function() return answer ~= nil end) end
  return table.unpack(answer or {})
end

--- What NAME keeps of the run KEY (the first one's) → { state, round, … } | nil
function fleet:kept(name, key)
  local node = self:of(name).node
  return node and node.updates.saved.data.runs[key or self.all.key]
end

function fleet:state(name, key)
  local mine = self:kept(name, key)
  return mine and mine.state
end

function fleet:started(name) return self:of(name).started end

--- Names in the order in which their handler's `apply` was called.
function fleet:order()
  local list = {}
  for _, event in ipairs(self.all.events) do
    if event.act == "apply" then list[#list + 1] = event.name end
  end
  return list
end

--- Closed gates of NAME, by their name what was seen.
function fleet:closed(name, key)
  local answer = assert(self:ask(name, "update explain", { run = key }))
  local by_gate = {}
  for _, row in ipairs(answer.rows) do by_gate[row.code or "-"] = row.seen or row.what end
  return by_gate, answer
end

local function offer(self, line)
  local taken
  self.all.desk.node.comms:offer({ line }, function(results) taken = results or {} end)
  self.all:run(5000, function() return taken ~= nil end)
  return taken and taken[1] and taken[1].word
end

--- The root signs DATA at the desk. → the word by which it was refused | nil
function fleet:say(bucket, key, data, seconds)
  return offer(self, self.all.lab:line(bucket, key, data, seconds or 7 * DAY))
end

function fleet:take_back(bucket, key) return offer(self, self.all.lab:line(bucket, key, nil, 7 * DAY)) end

--- One more release under KEY. → its DATA
function fleet:release(key, more)
  local data = { artefacts = json.array { json.array { "any", cid.make("raw", hash.sha256(key)), 1 } }, kind = "sim",
    version = key }
  for field, value in pairs(more or {}) do data[field] = value end -- any order
  assert(not self:say("updates/release", key, data))
  return data
end

--- One more run of a release with DATA, of NAMES.
function fleet:rollout(key, data, names, more)
  local plan = plan_of(more or self.given, key, names)
  plan.swarm = self.all.lab.swarm
  for i, name in ipairs(names) do plan.order[i] = self:of(name).id end
  local bytes = assert(plans.write(plan))
  local name = cid.make("raw", hash.sha256(bytes))
  self.all.payload.plans[name] = bytes
  return self:say("updates/rollout", key, { plan = name, size = #bytes,
    release = text.base64url(hash.blake2b(json.encode(data))) }, more and more.seconds)
end

--- The DATA of the first release.
function fleet:first_release()
  return self.all.desk.node.updates.known:release "demos/42".data
end

function fleet:off(name) self.all:off(self:of(name)) end
function fleet:on(name, more) self.all:on(self:of(name), more) end

return fleet
