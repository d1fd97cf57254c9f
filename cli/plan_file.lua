-- plan_file.lua - a plan file, Lua in a fence: what it returns becomes the plan that is signed. Reads no file, asks
-- nobody, signs nothing.
--
-- In it `robots` are the rows of `discover`, latest heard first, each with id key name label type site version status
-- level battery (%) clock, seen (s ago) and self where known; only(robots, { … }) chooses among them; second, minute,
-- hour and day are spans. It returns
--   release               "NAME/SEQ"
--   robots                some of `robots`, or names and IDs, in the order in which they begin
--   waves                 { robots = N, max_unavailable = 1, soak = 5 * minute } each; one that leaves out `robots`
--                         has all the others; without waves all are one
--   max_failures 2, patience 10 * minute, unknown "back", run (the next one),
--   absent                { most = a quarter of them for the kind policy, else 0, after = 1 * hour }
--   clock                 "proved" if all that were heard have it, else "adopted"
local fence = require "core.fence"
local json = require "core.json"
local plans = require "clients.updates.plan"
local text = require "core.text"

local plan_file = {}

local LIMITS <const> = { memory = 8 << 20, instructions = 10000000, milliseconds = 1000 } -- a person waits for it
local INNER <const> = { "policy.names", "policy.form", "cli.plan_inside" }
local PAGE <const> = 256 -- rows that cross at once
local CALLED <const> = "plan.lua" -- what the fence calls the file, whose own name may be too long for Lua
local SAID_MAX <const> = 400 -- characters of a fault

local function start_fence()
  local f = assert(fence.new(LIMITS))
  for _, name in ipairs(INNER) do
    local path = package.searchpath(name, package.path)
    local file <close> = assert(io.open(path))
    assert(f:load(name:match "[^.]+$", file:read "a", true))
  end
  return f
end

-- == the rows that a file finds

local AWAY <const> = { lost = true, left = true, stranger = true }

-- Who is here is not told apart by seconds: by name. Who is away stands behind, the longest unseen last.
local function is_before(a, b)
  local one, other = AWAY[a.status] or false, AWAY[b.status] or false
  if one ~= other then return other end
  local seen, its = a.seen_ms or math.maxinteger, b.seen_ms or math.maxinteger
  if one and seen ~= its then return seen < its end
  if a.label ~= b.label then return a.label < b.label end
  return a.id < b.id
end

--- ROWS of `discover` in the order in which a file finds them.
function plan_file.sorted(rows)
  local list = {}
  for _, row in ipairs(rows) do
    if row.status ~= "stranger" then list[#list + 1] = row end
  end
  table.sort(list, is_before)
  return list
end

local function fact_of(row)
  return { id = row.id, key = row.id:sub(-4), name = row.name, label = row.label, type = row.type, site = row.site,
    version = row.version, status = row.status, level = row.level, battery = row.battery, clock = row.clock,
    seen = row.seen_ms and row.seen_ms // 1000, self = row.self or nil }
end

-- == what it returned, with what it left out

local function fault(member, form, ...) return nil, member .. ": " .. form:format(...) end

-- A number that the file says; one such as 0.5 * minute may be whole. What is no number is refused by its form.
local function number_of(said, name, default)
  local value = said[name]
  if value == nil then return default end
  return type(value) == "number" and math.tointeger(value) or value
end

local WAVE <const> = { robots = true, max_unavailable = true, soak = true }

-- What is wrong with the wave ONE of the file | nil
local function wave_fault(one, i)
  if type(one) ~= "table" then return ("waves: number %d is no table"):format(i) end
  for name in pairs(one) do -- any order: one bad name is as good as another
    if not WAVE[name] then
      return ("waves: number %d has %s; a wave has robots, max_unavailable and soak"):format(i, tostring(name))
    end
  end
  local count = number_of(one, "robots", 1)
  if math.type(count) == "integer" and count >= 1 then return nil end
  return ("waves: number %d: robots is no whole number from 1"):format(i)
end

-- The waves of the file; at most one of them, LIST.rest, without a number of robots.
local function read_waves(said)
  local list = json.array {}
  for i, one in ipairs(said) do
    local why = wave_fault(one, i)
    if why then return nil, why end
    if one.robots == nil and list.rest then
      return fault("waves", "number %d and number %d both leave out how many robots", list.rest, i)
    end
    list[i] = { robots = number_of(one, "robots"), max_unavailable = number_of(one, "max_unavailable", 1),
      soak = number_of(one, "soak", 300) }
    if one.robots == nil then list.rest = i end
  end
  return list
end

-- → the waves of a plan for so many ROBOTS | nil, what is wrong
local function waves_of(said, robots)
  if said == nil then said = { {} } end
  if type(said) ~= "table" or not said[1] then
    return fault("waves", "this is no list of waves, { robots = N } each")
  end
  local list, why = read_waves(said)
  if not list then return nil, why end
  local sum, rest = 0, list.rest
  for _, wave in ipairs(list) do sum = sum + (wave.robots or 0) end
  list.rest = nil
  if rest and sum >= robots then
    return fault("waves", "number %d is for all the others, and none of %d robots is left", rest, robots)
  end
  if rest then list[rest].robots, sum = robots - sum, robots end
  if sum == robots then return list end
  return fault("waves", "they hold %d robots, and %d are named", sum, robots)
end

-- WAVES of a whole plan for the ROBOTS that are left of it: none holds more than before, or nobody.
local function left_of(waves, robots)
  local left = json.array {}
  for _, wave in ipairs(waves) do
    wave.robots = math.min(wave.robots, robots)
    robots = robots - wave.robots
    if wave.robots > 0 then left[#left + 1] = wave end
  end
  return left
end

local PROVED <const> = { own = true, quorum = true, held = true }

-- "proved" if all of ORDER that are heard have it.
local function clock_of(order, by_id)
  for _, id in ipairs(order) do
    local row = by_id[id]
    if not AWAY[row.status] and not PROVED[row.clock] then return "adopted" end
  end
  return "proved"
end

local function absent_of(said, robots, kind)
  if said == nil then said = {} end
  if type(said) ~= "table" then return fault("absent", "this is no table { most = N, after = SECONDS }") end
  for name in pairs(said) do -- any order
    local known = name == "most" or name == "after"
    if not known then return fault("absent", "it has most and after, not %s", tostring(name)) end
  end
  return { after = number_of(said, "after", 3600),
    most = number_of(said, "most", kind == "policy" and robots // 4 or 0) }
end

-- Of the release that the file names: { kind, run = its next number } | nil, why
local function release_of(said, given)
  local good, why = plans.release(said.release)
  if not good then return fault("release", "%s", why) end
  local release
  release, why = given.release(said.release)
  if not release then return fault("release", "%s", why) end
  if release.used and release.used[said.run] then
    return fault("run", "%d is used already; the next is %d", said.run, release.run)
  end
  return release
end

-- Takes those out of the robots of SAID who have its release already. → nil | what is wrong
local function keep_rest(said, done)
  local rest = {}
  for _, id in ipairs(said.robots) do
    if not done[id] then rest[#rest + 1] = id end
  end
  said.robots = rest
  return not rest[1] and ("robots: all of them have %s already"):format(said.release) or nil
end

local function complete(said, given, by_id)
  local release, why = release_of(said, given)
  if not release then return nil, why end
  local waves, absent
  waves, why = waves_of(said.waves, #said.robots)
  if not waves then return nil, why end
  why = given.done and keep_rest(said, given.done(said.release))
  if why then return nil, why end
  if given.done then waves = left_of(waves, #said.robots) end
  absent, why = absent_of(said.absent, #said.robots, release.kind)
  if not absent then return nil, why end
  return { absent = absent, clock = said.clock or clock_of(said.robots, by_id),
    max_failures = number_of(said, "max_failures", 2), order = json.array(said.robots),
    patience = number_of(said, "patience", 600), release = said.release, run = number_of(said, "run", release.run),
    swarm = given.swarm, unknown = said.unknown or "back", waves = waves }
end

-- == faults by file and line

-- The line of TEXT where MEMBER is set; else the last one that returns something.
local function line_of(source, member)
  local number, found, returns = 0, nil, 1
  for line in (source .. "\n"):gmatch "([^\n]*)\n" do
    number = number + 1
    line = line:gsub("%-%-.*", "")
    if member and not found and line:find("%f[%w_]" .. member .. "%s*=[^=]") then found = number end
    if line:find "%f[%w_]return%f[^%w_]" then returns = number end
  end
  return found or returns
end

-- MESSAGE of the fence or of ours, as FILE:LINE: what is wrong.
local function told(message, name, source)
  message = message:gsub("^policy: ", "")
  local at, line, rest = message:match "^([^:\n]+):(%d+): (.*)$"
  if at ~= CALLED then -- no line of the file itself: that of the member which is at fault
    local member = message:match "^(%l[%l_]+)"
    line, rest = line_of(source, member == "wave" and "waves" or member == "order" and "robots" or member), message
  end
  return text.escape(("%s:%s: %s"):format(name, line, rest), SAID_MAX)
end

-- Hands F all rows; → them by ID.
local function tell_robots(f, rows)
  local by_id = {}
  for from = 1, #rows, PAGE do
    local page = {}
    for i = from, math.min(from + PAGE - 1, #rows) do
      page[#page + 1] = fact_of(rows[i])
      by_id[rows[i].id] = rows[i]
    end
    assert(not select(2, f:call("robots", page)))
  end
  return by_id
end

--- The plan that SOURCE says, the text of a file called NAME.
--- given.robots   rows of `discover`, as plan_file.sorted has them
--- given.swarm    in which the plan counts
--- given.release  fn("NAME/SEQ") → { kind =, run = the next number of a run, used = set of those that were } | nil, why
---                there is no such release
--- given.done     fn("NAME/SEQ") → set of IDs that have it, and are left out; nil: nobody is
--- → the plan, as clients/updates/plan.lua has it | nil, "NAME:LINE: what is wrong"
function plan_file.run(source, name, given)
  local f <close> = start_fence()
  local by_id = tell_robots(f, given.robots)
  local said, why = f:call("run", CALLED, source)
  if not said then return nil, told(why, name, source) end
  local plan
  plan, why = complete(said, given, by_id)
  why = why or plans.fault(plan)
  if why then return nil, told(why, name, source) end
  return plan
end

return plan_file
