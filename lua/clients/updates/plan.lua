-- plan.lua - the plan of a rollout: its form, read and written. Judges no signature; what follows is turn.lua's.
--
-- A plan is canonical JSON, at most 64 KiB, with exactly these members (times in seconds):
--   absent         { after =, most = }: who was not heard for `after` may be left out, `most` of them at once
--   clock          "proved" or "adopted": by which time a robot applies
--   max_failures   so many failures stop the run
--   order          peer IDs, each once
--   patience       that a robot waits for what only it can open, before it goes on to the next round
--   release, run   "NAME/SEQ" and the number of the run
--   swarm          in which it counts
--   unknown        "back" or "commit": what a robot does that cannot tell whether it is healthy
--   waves          { max_unavailable =, robots =, soak = } each; their robots add up to those of `order`
local checks = require "dcache.form_checks"
local json = require "core.json"
local text = require "core.text"
local update_keys = require "dcache.update_keys"

local is_within = checks.is_within

local plan = {}

local BYTES_MAX <const> = 64 * 1024
local ROBOTS_MAX <const>, WAVES_MAX <const> = 1000, 16
local MEMBERS <const> = { "absent", "clock", "max_failures", "order", "patience", "release", "run", "swarm", "unknown",
  "waves" }

--- NAME and SEQ of a release's key, "demos/42" | nil, what is wrong
function plan.release(key)
  local name, seq = update_keys.release(key)
  if not name then return nil, "a release is NAME/SEQ, such as demos/42" end
  return name, seq
end

-- VALUE has the members NAMES, sorted, and no other. → nil | what is wrong
local function members_fault(value, names, what)
  if type(value) ~= "table" or json.is_array(value) then return what .. " is no object" end
  local all = checks.set(table.concat(names, " "))
  for name in pairs(value) do -- any order
    if not all[name] then
      return ("%s has a member that no version has: %s"):format(what, text.escape(tostring(name)))
    end
  end
  for _, name in ipairs(names) do
    if value[name] == nil then return ("%s has no %s"):format(what, name) end
  end
end

-- A whole number of TABLE from LEAST to MOST. → nil | what is wrong
local function number_fault(table, name, least, most, what)
  if is_within(table[name], least, most) then return nil end
  return ("%s%s is no whole number from %d to %d"):format(what or "", name, least, most)
end

local function order_fault(order)
  if not json.is_array(order) or not is_within(#order, 1, ROBOTS_MAX) then
    return ("order is no list of 1 to %d peer IDs"):format(ROBOTS_MAX)
  end
  local known = {}
  for i, id in ipairs(order) do
    if not checks.is_id(id) then return ("order: number %d is no peer ID"):format(i) end
    if known[id] then return ("order has %s twice, as number %d and %d"):format(id, known[id], i) end
    known[id] = i
  end
end

local function waves_fault(waves, robots)
  if not json.is_array(waves) or not is_within(#waves, 1, WAVES_MAX) then
    return ("waves is no list of 1 to %d"):format(WAVES_MAX)
  end
  local sum = 0
  for i, wave in ipairs(waves) do
    local what = ("wave %d: "):format(i)
    local fault = members_fault(wave, { "max_unavailable", "robots", "soak" }, ("wave %d"):format(i))
      or number_fault(wave, "max_unavailable", 1, 100, what) or number_fault(wave, "robots", 1, ROBOTS_MAX, what)
      or number_fault(wave, "soak", 0, 86400, what)
    if fault then return fault end
    sum = sum + wave.robots
  end
  if sum ~= robots then return ("the waves hold %d robots, and order names %d"):format(sum, robots) end
end

local function words_fault(one)
  if one.clock ~= "proved" and one.clock ~= "adopted" then return "clock is neither proved nor adopted" end
  if one.unknown ~= "back" and one.unknown ~= "commit" then return "unknown is neither back nor commit" end
  if type(one.swarm) ~= "string" or one.swarm == "" then return "swarm is no text" end
  local name, fault = plan.release(one.release)
  return not name and fault or nil
end

--- What is wrong with ONE, a table → text | nil
function plan.fault(one)
  return members_fault(one, MEMBERS, "the plan") or members_fault(one.absent, { "after", "most" }, "absent")
    or number_fault(one.absent, "after", 60, 86400, "absent: ") or number_fault(one.absent, "most", 0, 1000, "absent: ")
    or number_fault(one, "max_failures", 1, 100) or number_fault(one, "patience", 60, 86400)
    or number_fault(one, "run", 1, update_keys.RUN_MAX) or words_fault(one) or order_fault(one.order)
    or waves_fault(one.waves, #one.order)
end

--- How many of the COUNT robots of ONE, a plan, are down at once at most. It needs its `waves` and `absent`.
function plan.down_most(one, count)
  local most = 0
  for _, wave in ipairs(one.waves) do most = math.max(most, wave.max_unavailable) end
  return math.min(count, most + one.absent.most)
end

--- The plan that TEXT is, one raw block. → a table | nil, text, code ("long", "form")
function plan.read(bytes)
  if #bytes > BYTES_MAX then
    return nil, ("long: a plan has at most %d bytes, and this one %d"):format(BYTES_MAX, #bytes), "long"
  end
  local one = json.decode(bytes)
  if one == nil then return nil, "form: the plan is no JSON", "form" end
  local fault = plan.fault(one) or json.encode(one) ~= bytes and "the plan is not in canonical form"
  if fault then return nil, "form: " .. fault, "form" end
  return one
end

--- ONE as the bytes that are signed → text | nil, text, code
function plan.write(one)
  local fault = plan.fault(one)
  if fault then return nil, "form: " .. fault, "form" end
  local bytes = json.encode(one)
  if #bytes > BYTES_MAX then return nil, ("long: a plan has at most %d bytes"):format(BYTES_MAX), "long" end
  return bytes
end

return plan
