-- saved.lua - STATE/updates: what this robot has installed, what it is at, how its runs ended. Decides nothing.
--
-- One firm value (lua/kept.lua), on the disk before anything that it announces is done:
--   failed     "NAME/SEQ" of releases that failed here, the oldest first
--   floor      by NAME the highest SEQ that this robot committed
--   installed  by NAME { SEQ, VERSION, CID }
--   now        what is under way, see machine.lua | absent
--   runs       by "NAME/SEQ/RUN" { go = true?, plan = CID, round = R?, state = S?, why = T?, word = W? }
local json = require "core.json"
local turn = require "clients.updates.turn"
local update_keys = require "dcache.update_keys"

local saved = {}
saved.__index = saved

local MOST <const> = 64 -- failures, names, runs
local PHASES <const> = { applying = true, verifying = true, committing = true, rolling_back = true }

local function is_count(value) return math.type(value) == "integer" and value >= 0 end

local function each(map, is)
  if type(map) ~= "table" or json.is_array(map) and next(map) ~= nil then return false end
  for name, value in pairs(map) do -- any order
    if type(name) ~= "string" or not is(value) then return false end
  end
  return true
end

local function is_installed(one)
  return type(one) == "table" and is_count(one[1]) and type(one[2]) == "string" and type(one[3]) == "string"
end

local function is_run(one)
  return type(one) == "table" and (one.state == nil or turn.RANK[one.state] ~= nil) and type(one.plan) == "string"
    and (one.round == nil or is_count(one.round))
end

local function is_now(one)
  if one == nil then return true end
  if type(one) ~= "table" or not PHASES[one.phase] then return false end
  for _, name in ipairs { "cid", "kind", "release", "run" } do
    if type(one[name]) ~= "string" then return false end
  end
  return is_count(one.tries) and is_count(one.starts) and is_count(one.soaked) and is_count(one.failures)
end

-- Is DATA of the form above?
local function is_fit(data)
  if type(data) ~= "table" or type(data.failed) ~= "table" then return false end
  for _, release in ipairs(data.failed) do
    if type(release) ~= "string" then return false end
  end
  return each(data.floor, is_count) and each(data.installed, is_installed) and each(data.runs, is_run)
    and is_now(data.now)
end

local function empty() return { failed = json.array {}, floor = {}, installed = {}, runs = {} } end

--- KEPT: lua/kept.lua's firm value of the file `updates/state`. Fields: data, lost = why nothing may start | nil
function saved.new(kept)
  local self = setmetatable({ kept = kept, queue = {} }, saved)
  local data, why = kept:read()
  if data ~= nil and not is_fit(data) then
    self.lost, data = "it has not the form of such a file", nil
  end
  self.lost = self.lost or why or kept.lost and "it was damaged" or nil
  self.data = data or empty()
  return self
end

-- A whole copy: what is being written is not changed meanwhile.
local function copy(value)
  if type(value) ~= "table" then return value end
  local all = json.is_array(value) and json.array {} or {}
  for name, one in pairs(value) do all[name] = copy(one) end -- any order
  return all
end

-- What can be told of no release any more goes first: failures at or below the floor, then the oldest.
local function bound(data)
  local failed = json.array {}
  for _, release in ipairs(data.failed) do
    local name, seq = update_keys.release(release)
    if name and (data.floor[name] or 0) < seq then failed[#failed + 1] = release end
  end
  while #failed > MOST do table.remove(failed, 1) end
  data.failed = failed
end

local function is_older(a, b)
  if a.is_below ~= b.is_below then return a.is_below end
  if a.seq ~= b.seq then return a.seq < b.seq end
  if a.run ~= b.run then return a.run < b.run end
  return a.key < b.key
end

-- Of too many runs go first those at or below the floor, then the lowest numbers; never the one under way.
local function bound_runs(data)
  local rows = {}
  for key in pairs(data.runs) do -- any order: they are sorted
    local name, seq, run = update_keys.run(key)
    rows[#rows + 1] = { key = key, seq = seq or 0, run = run or 0,
      is_below = not name or seq <= (data.floor[name] or 0) }
  end
  table.sort(rows, is_older)
  local count = #rows
  for _, row in ipairs(rows) do
    if count <= MOST then return end
    if not (data.now and data.now.run == row.key) then data.runs[row.key], count = nil, count - 1 end
  end
end

local write

-- One at a time, so that each change is made to what the one before left.
local function next_write(self)
  local one = table.remove(self.queue, 1)
  if one then write(self, one) end
end

function write(self, one)
  local data = copy(self.data)
  one.change(data)
  bound(data)
  bound_runs(data)
  self.writing = true
  self.kept:put_beside(data, function(ok, text, code)
    self.writing = nil
    if ok then self.data = data end
    one.told(ok, text, code)
    if not self.writing then next_write(self) end
  end)
end

--- CHANGE(data) is made to a copy; TOLD(true) once that is on the disk and in force, or TOLD(nil, text, code): nothing
--- changed.
function saved:change(change, told)
  if self.lost then
    return told(nil, ("disk: STATE/updates/state: %s; dt-swarm-cli update forgive --all begins it anew")
      :format(self.lost), "disk")
  end
  local one = { change = change, told = told }
  if self.writing then self.queue[#self.queue + 1] = one else write(self, one) end
end

--- Begins anew, though the file was damaged. TOLD as above.
function saved:forgive_all(told)
  local data = empty()
  self.kept:put_beside(data, function(ok, text, code)
    if ok then self.data, self.lost = data, nil end
    told(ok, text, code)
  end)
end

--- How many of a kind there may be.
saved.MOST = MOST

return saved
