-- lease.lua - facts that programs and people tell this node, each for a time: `fact busy yes --for 1min`. Judges none.
--
-- A lease says one fact until it ends, by its time or with the connection over which it was told; then the fact is
-- unknown again, never no. Of several for one fact the newest counts, but whoever says yes is believed before whoever
-- says no: if one program drives, the robot drives.
local json = require "core.json"
local listeners = require "listeners"
local nearest = require "nearest"
local text = require "core.text"

local lease = {}
lease.__index = lease

local LEASES_MAX = 16
local WHY_BYTES <const> = 40
local LEAST_MS <const>, MOST_MS <const> = 1000, 24 * 60 * 60 * 1000

-- The facts, in the order in which people are told of them. A yes of most of them beats a no.
local FACTS <const> = { "driving", "recording", "estop", "busy", "battery", "charging", "hold" }
local NEWEST_COUNTS <const> = { battery = true, charging = true }
local KEPT <const> = "hold" -- the one fact that outlives a restart: updates rest on it
local LOST <const> = "its file cannot be read" -- why there is a hold where nobody knows whether there was one

lease.facts = FACTS

local is_fact = {}
for _, name in ipairs(FACTS) do is_fact[name] = true end

-- Why GIVEN (lease.add's) is none that can be told: text, code | nil: it is one.
local check

local function nothing() end

-- What is told again after a restart, before the loop runs. Where it cannot be read there may have been a hold, so
-- there is one until somebody ends it: what rests on it must not begin for want of a file.
local function restore(self)
  local rows = self.kept:read()
  self.has_kept = rows ~= nil or self.kept.lost ~= nil
  for _, row in ipairs(type(rows) == "table" and rows or {}) do
    local given = type(row) == "table" and { fact = KEPT, value = row.value, why = row.why, ms = row.ms }
    if given and given.ms and not check(given) and #self.list < LEASES_MAX then self:insert(given) end
  end
  if self.kept.lost then self:insert { fact = KEPT, value = true, why = LOST } end
end

--- given.loop  lua/loop.lua's; a lease runs by its monotonic clock
--- given.kept  lua/kept.lua's firm value for those that outlive a restart; nil: none does
--- given.atomic_write  lua/atomic_write.lua's, by which that is written
--- given.log   lua/log.lua's
function lease.new(given)
  local self = setmetatable({ loop = given.loop, kept = given.kept, log = given.log, list = {},
    atomic_write = given.atomic_write, news = listeners.new() }, lease)
  if self.kept then restore(self) end
  return self
end

--- fn(fact) from here on, when what is told of a fact changed. → a function that ends it
function lease:on_change(fn) return self.news:add(fn) end

-- The lease that counts for FACT | nil
local function deciding(self, fact)
  local newest
  for i = #self.list, 1, -1 do
    local one = self.list[i]
    if one.fact == fact then
      if NEWEST_COUNTS[fact] or one.value == true then return one end
      newest = newest or one
    end
  end
  return newest
end

--- What is told of FACT → true, false or, of the battery, a whole number of percent | nil: unknown
function lease:value(fact)
  local one = deciding(self, fact)
  if one then return one.value end
end

--- Why whoever told it says that it is so → text | nil
function lease:why(fact)
  local one = deciding(self, fact)
  return one and one.why
end

-- How long ONE still runs, in ms | nil: as long as its connection
local function left_of(self, one) return one.ends and math.max(0, one.ends - self.loop:now()) end

-- Those that outlive a restart, with the time that they have left now.
local function to_keep(self)
  local rows = {}
  for _, one in ipairs(self.list) do
    if one.fact == KEPT and one.ends then
      rows[#rows + 1] = { ms = left_of(self, one), value = one.value, why = one.why }
    end
  end
  return json.array(rows)
end

-- Brings these to the disk, beside the loop. TOLD(true) once they are there, or TOLD(nil, text, code).
local function keep(self, told)
  local rows = self.kept and to_keep(self)
  if not rows or not (rows[1] or self.has_kept) then return told(true) end
  self.has_kept = true
  self.kept:put_beside(rows, function(ok, err, code)
    if not ok then self.log:warn("lease", "a hold would not outlive a restart", { why = err }) end
    told(ok, err, code)
  end)
end

local function changed(self, fact, told)
  self.news:call(fact)
  if fact == KEPT then return keep(self, told) end
  told(true)
end

--- Notes the time that a hold has left now: a power cut later makes it no longer than that. To be called now and then.
function lease:note_time()
  if self.has_kept and not self.kept.lost then keep(self, nothing) end
end

-- Takes those off the list of which FITS(lease) holds. → how many there were
local function take_off(self, fits)
  local n = 0
  for i = #self.list, 1, -1 do
    local one = self.list[i]
    if fits(one) then
      table.remove(self.list, i)
      if one.timer then one.timer:cancel() end
      n = n + 1
    end
  end
  return n
end

local function drop(self, one)
  if take_off(self, function(other) return other == one end) > 0 then changed(self, one.fact, nothing) end
end

--- As add, for what was looked at already; nobody is told of it. → the lease
function lease:insert(given)
  local one = { fact = given.fact, value = given.value, why = given.why }
  self.list[#self.list + 1] = one
  if given.ms then
    one.ends = self.loop:now() + given.ms
    one.timer = self.loop:after(given.ms, function() drop(self, one) end)
  end
  return one
end

local function value_fault(fact, value)
  if fact == "battery" then
    if math.type(value) ~= "integer" or value < 0 or value > 100 then
      return "battery is a whole number of percent, 0 to 100"
    end
  elseif type(value) ~= "boolean" then
    return fact .. " is yes or no"
  end
end

local function time_fault(ms)
  if ms == nil then return nil end
  if math.type(ms) ~= "integer" or ms < LEAST_MS or ms > MOST_MS then return "a lease runs for 1 s to 24 h" end
end

local function why_fault(why)
  if why == nil then return nil end
  if type(why) ~= "string" or #why > WHY_BYTES or not text.utf8(why) then
    return ("a reason is a text of at most %d bytes"):format(WHY_BYTES)
  end
end

--- Is there a fact of that name? → true | nil, text, code
function lease.knows(fact)
  if is_fact[fact] then return true end
  local meant = type(fact) == "string" and nearest.of(FACTS, fact)
  return nil, ("missing: there is no fact %s%s facts are %s"):format(
    type(fact) == "string" and text.escape(fact:sub(1, 40)) or "of that form",
    meant and ("; did you mean %s?"):format(meant) or ";", table.concat(FACTS, ", ")), "missing"
end

function check(given)
  local ok, err, code = lease.knows(given.fact)
  if not ok then return err, code end
  local fault = value_fault(given.fact, given.value) or time_fault(given.ms) or why_fault(given.why)
  if fault then return "form: " .. fault, "form" end
end

--- given.fact   one of lease.facts
--- given.value  true or false; of the battery percent, 0 to 100
--- given.why    text of at most 40 bytes, or nil
--- given.ms     how long, 1 s to 24 h; nil: until finish is called
--- TOLD(true), or nil: called once it stands where it is to stand, of a hold on the disk; TOLD(nil, text, code): it
--- counts, but the disk did not take it
--- → finish(), which ends it; twice is safe | nil, text, code
function lease:add(given, told)
  local err, code = check(given)
  if err then return nil, err, code end
  if #self.list >= LEASES_MAX then
    return nil, ("full: %d facts are told already; end one (dt-swarm-cli fact NAME end), or tell them more rarely and \z
      for longer"):format(LEASES_MAX), "full"
  end
  local one = self:insert(given)
  changed(self, one.fact, told or nothing)
  return function() drop(self, one) end
end

--- How many tell FACT now.
function lease:count(fact)
  local n = 0
  for _, one in ipairs(self.list) do n = n + (one.fact == fact and 1 or 0) end
  return n
end

--- Ends all leases of FACT. TOLD: as for add. → how many there were
function lease:finish(fact, told)
  local n = take_off(self, function(one) return one.fact == fact end)
  if n > 0 then changed(self, fact, told or nothing) elseif told then told(true) end
  return n
end

--- All leases, the oldest first: { fact =, value =, why =, left_ms = nil for one that lasts as long as its connection,
--- counts = is it the one that decides? } each
function lease:rows()
  local rows = {}
  for i, one in ipairs(self.list) do
    rows[i] = { fact = one.fact, value = one.value, why = one.why, left_ms = left_of(self, one),
      counts = deciding(self, one.fact) == one }
  end
  return rows
end

--- Keeps what outlives this run as it is now; the loop waits for the disk.
function lease:stop()
  if self.has_kept and not self.kept.lost then
    self.atomic_write:close()
    local ok, err = self.kept:put_last(to_keep(self))
    if not ok then self.log:warn("lease", "a hold does not outlive this run", { why = err }) end
  end
  take_off(self, function() return true end)
end

return lease
