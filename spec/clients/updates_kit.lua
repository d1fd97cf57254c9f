-- updates_kit.lua - a lab of robots under the virtual clock whose people sign releases and rollouts, for specs of
-- updates. No checks of its own.
--
--   local k = kit.new { robots = 3 }       k.w, k.lab, k.node (robot 1, "ada"), k.known, k.saved
--   k:release("demos/42", { kind = … }, HOW)    the root signs it (HOW.by: another key) → its DATA as text
--   k:rollout("demos/42/1", DATA, BYTES, HOW), k:pause(KEY, WHY), k:skip(KEY, IDs), k:status(i, KEY, DATA)
--   k:say(fields, key)                     any statement; k:dismiss(bucket, key), k:run(ms)
local cid = require "core.cid"
local hash = require "core.hash"
local json = require "core.json"
local known = require "clients.updates.known"
local labs = require "spec.labs"
local plan = require "clients.updates.plan"
local policies = require "spec.policy.policies"
local sim = require "sim"
local text = require "core.text"

local kit = {}
kit.__index = kit

local DAY <const> = 86400

--- The CID of a raw block that has BYTES.
function kit.cid(bytes) return cid.make("raw", hash.sha256(bytes)) end

function kit.hash(data_text) return text.base64url(hash.blake2b(data_text)) end

--- The DATA of a release, with MORE.
function kit.data(more)
  local data = { artefacts = json.array { json.array { "any", kit.cid "demos", 1000 } }, kind = "files",
    version = "2.4" }
  for name, value in pairs(more or {}) do data[name] = value end
  return data
end

--- A plan of the robots of this lab for the run KEY, with MORE. → a table, its bytes
function kit:plan(key, more)
  local name, seq, run = key:match "^(.*)/(%d+)/(%d+)$"
  local order = json.array {}
  for i, robot in ipairs(self.lab.robots) do order[i] = robot.id end
  local one = { absent = { after = 3600, most = 0 }, clock = "proved", max_failures = 2, order = order, patience = 600,
    release = name .. "/" .. seq, run = math.tointeger(tonumber(run)), swarm = self.lab.swarm, unknown = "back",
    waves = json.array { { max_unavailable = 1, robots = #order, soak = 60 } } }
  for field, value in pairs(more or {}) do one[field] = value end
  return one, assert(plan.write(one))
end

--- KEY (core.key; the root's) signs FIELDS, and this node hears it, after its checks.
function kit:say(fields, by)
  local line = self.lab:line(by or self.lab.root, fields)
  self:hear { line }
  return line
end

--- This node hears LINES as if they came from others. → words of refusal by line
function kit:hear(lines)
  local words
  self.node.comms:offer(lines, function(results)
    words = {}
    for i, one in ipairs(results or {}) do words[i] = one.word or "taken" end
  end)
  for _ = 1, 50 do
    if words then break end
    self.w:run(100)
  end
  self.w:run(1200)
  return words
end

local function signed(self, bucket, key, data, more)
  more = more or {}
  self:say({ bucket = bucket, key = key, data = data, ttl = more.ttl or 30 * DAY, at = more.at,
    valid_from = more.valid_from, valid_until = more.valid_until }, more.by)
  return json.encode(data)
end

function kit:release(key, more, how) return signed(self, "updates/release", key, kit.data(more), how) end

--- A rollout of the plan with these BYTES; the release of its key has DATA_TEXT.
function kit:rollout(key, data_text, bytes, how)
  return signed(self, "updates/rollout", key, json.decode(kit.rollout_data(data_text, bytes)), how)
end

function kit.rollout_data(data_text, bytes)
  return json.encode { plan = kit.cid(bytes), release = kit.hash(data_text), size = #bytes }
end

function kit:pause(key, why, how) return signed(self, "updates/pause", key, { why = why }, how) end

function kit:skip(key, ids, how)
  return signed(self, "updates/skip", key, { robots = json.array(ids), why = "off" }, how)
end

--- Robot number I says DATA in the run KEY.
function kit:status(i, key, data, how)
  how = how or {}
  how.by = self.lab.robots[i].key
  return signed(self, "updates/status", key, data, how)
end

--- DATA_TEXT: only that DATA is dismissed; nil: all under the key.
function kit:dismiss(bucket, key, by, data_text)
  local data = data_text and kit.hash(data_text) or nil
  self:say({ verb = "dismiss", bucket = bucket, key = key, ttl = 60 * DAY, data = data }, by)
end

function kit:run(ms) self.w:run(ms) end

--- Starts the node NAME as robot number I, with MORE as given. → node
function kit:add(name, i, more)
  local robot = self.lab.robots[i]
  local given = { lab = self.lab.lab, identity = { id = robot.id, key = robot.key }, clients = {} }
  for field, value in pairs(more or {}) do given[field] = value end
  return self.w:add(name, given)
end

--- The row of the run KEY | nil
function kit:row(key)
  for _, row in ipairs(self.known:runs()) do
    if row.key == key then return row end
  end
end

--- GIVEN: robots (3), most = that the token lets in, roots, rules (Lua of the policy), data = what saved.lua has, seed,
--- node = what else the node is given, loop = fn(loop) → the node's.
function kit.new(given)
  given = given or {}
  local self = setmetatable({}, kit)
  self.policy = assert(policies.with(given.rules or ""))
  self.lab = labs.new { name = "robotics", robots = given.robots or 3, roots = given.roots, need = given.need,
    most = given.most }
  self.w = sim.new { seed = given.seed or 1, policy = self.policy }
  local node = { loop = given.loop and given.loop(self.w.loop) }
  for field, value in pairs(given.node or {}) do node[field] = value end
  self.node = self:add("ada", 1, node)
  self.w:run(1000)
  self.saved = { data = given.data or { failed = json.array {}, floor = {}, installed = {}, runs = {} } }
  self.known = known.new { node = self.node, loop = self.node.loop, swarm = self.node.swarm, saved = self.saved }
  local lines = {}
  for i, robot in ipairs(self.lab.robots) do lines[i] = self.lab:enrol(robot) end
  for i = 1, #lines, 32 do self:hear(table.move(lines, i, math.min(i + 31, #lines), 1, {})) end
  return self
end

function kit:close()
  self.known:stop()
  self.policy:close()
end

return kit
