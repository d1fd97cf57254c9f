-- gather.lua - gathers the counters of its site, a week each, and publishes sums in which nobody is seen. Says
-- nothing of any single robot.
--
-- Robots are kept under a name that only this node could make, by a key of the week that goes with them. A day after
-- the week's end or half a day later the sums are published, once and never again, and by one node of a site only: so
-- nobody is had by the difference of two. That they are is on the disk before they go out, so no restart publishes them
-- twice, and a full disk publishes none.
local backoff = require "backoff"
local hash = require "core.hash"
local json = require "core.json"
local sorted = require "sorted"
local sums = require "clients.statistics.sums"
local text = require "core.text"
local usage = require "clients.statistics.usage"

local gather = {}
gather.__index = gather

local WEEK <const>, DAY <const> = 604800, 86400 -- s
local SPREAD <const> = DAY // 2 -- s in which those of one site publish, each at its time: the first one does
local ROBOTS_MAX <const> = 1024 -- of a week
local WEEKS_MAX <const> = 2 -- this one and the last: so the file has 256 KiB at most
local WEEK_MOST <const> = 1 << 31
local FIRST_LOOK <const>, LOOK <const> = 10 * 1000, 60 * 1000 -- ms after the start, between two
local SETTLED <const> = 55 * 1000 -- ms after the start in which neighbours tell what they published meanwhile
local STARTS <const> = 30 * 60 * 1000 -- and ms in which those publish that start together, late: each at its time
local KEY <const>, NAME <const> = 32, 16 -- bytes

--- given.loop, comms, log, random, time
--- given.id       this node's ID
--- given.site     fn() → text | nil
--- given.is_open  fn() → is there no root, so that anybody may make up robots?
--- given.wanted   fn() → is this node to gather?
--- given.is_near  fn(id) → is that node a neighbour, who hears the same robots?
--- given.others   fn() → how many other nodes live
--- given.kept     fn(name, data()) → a lazy value (lua/kept.lua)
function gather.new(given)
  local self = setmetatable({ bucket = ("pri/%s/info/statistics"):format(given.id), weeks = {}, done = 0, retry_at = 0,
    backoff = backoff.slow(nil) }, gather)
  for _, name in ipairs { "loop", "comms", "log", "random", "time", "site", "is_open", "wanted", "id", "is_near",
    "others" } do
    self[name] = given[name]
  end
  self.kept = given.kept("statistics", function() return self:data() end, nil, "what was gathered of these weeks")
  local data = self.kept:read()
  if data ~= nil and not self:load(data) then self.kept:reject() end
  return self
end

-- The counters of DATA, which may be anything | nil
local function steps_of(data)
  if type(data) ~= "table" then return nil end
  local steps = {}
  for _, name in ipairs(usage.names) do
    local step = data[name]
    if step ~= nil and (math.type(step) ~= "integer" or step < 0 or step > usage.most[name]) then return nil end
    steps[name] = step
  end
  return steps
end

local function bytes_of(value, n)
  local bytes = type(value) == "string" and text.unbase64url(value)
  return bytes and #bytes == n and bytes or nil
end

local function is_week(value) return math.type(value) == "integer" and value >= 0 and value < WEEK_MOST end

-- One of an earlier run's weeks | nil: it is none
local function week_from(one)
  local key = type(one) == "table" and is_week(one.week) and bytes_of(one.key, KEY)
  if not key or type(one.rows) ~= "table" or sums.count(one.rows) > ROBOTS_MAX then return nil end
  local rows = {}
  for name, row in pairs(one.rows) do -- any order: a map
    rows[name] = bytes_of(name, NAME) and steps_of(row)
    if not rows[name] then return nil end
  end
  return { key = key, rows = rows }
end

--- Takes DATA of an earlier run, or whatever stands there → true | false: it has not that form, and none of it is taken
function gather:load(data)
  local list = type(data) == "table" and is_week(data.done) and data.weeks
  if type(list) ~= "table" or sums.count(list) > WEEKS_MAX then return false end
  local weeks = {}
  for _, given in pairs(list) do -- any order: each by its number
    local one = week_from(given)
    if not one then return false end
    weeks[given.week] = one
  end
  self.weeks, self.done = weeks, data.done
  return true
end

--- As it goes into STATE/statistics; nil: nothing was ever gathered.
function gather:data()
  local list = {}
  for i, week in ipairs(sorted.keys(self.weeks)) do
    local one = self.weeks[week]
    list[i] = { week = week, key = text.base64url(one.key), rows = one.rows }
  end
  self.is_used = self.is_used or list[1] ~= nil or self.done > 0
  return self.is_used and { done = self.done, weeks = json.array(list) } or nil
end

-- What node ID is called in the week ONE.
local function name_of(one, id) return text.base64url(hash.blake2b(one.key .. id):sub(1, NAME)) end

-- The week NUMBER, which is now. Weeks of a clock that went, and those that no disk took in time, make room.
local function week_of(self, number)
  if self.weeks[number] then return self.weeks[number] end
  local known = sorted.keys(self.weeks)
  while known[1] and (known[#known] > number or #known >= WEEKS_MAX) do
    self.weeks[table.remove(known, known[#known] > number and #known or 1)] = nil
  end
  self.weeks[number] = { key = self.random:bytes(KEY), rows = {} }
  return self.weeks[number]
end

local function now_s(self)
  local now = self.time:proved_now()
  return now and now // 1000
end

-- ID's row goes from all weeks, and from the file at once, but not as often as somebody takes back what he says again.
local function forget(self, id)
  local is_kept = false
  local function drop(one)
    local name = name_of(one, id)
    one.rows[name] = nil
    is_kept = is_kept or self.kept:holds(name)
  end
  for _, week in ipairs(sorted.keys(self.weeks)) do drop(self.weeks[week]) end
  if self.leaving then drop(self.leaving.one) end
  if is_kept then self.kept:soon(0) end
end

--- ST, a statement in a bucket of counters, was taken in.
function gather:hear(st)
  if st.key ~= st.signer then return end
  if st.verb ~= "propose" then return forget(self, st.signer) end
  local now = self.wanted() and now_s(self)
  local data = now and json.decode(st.data)
  local steps = steps_of(data)
  if not steps or data.list ~= 1 or data.week ~= now // WEEK or data.week <= self.done then return end
  local one = week_of(self, data.week)
  local name = name_of(one, st.signer)
  if one.rows[name] or sums.count(one.rows) < ROBOTS_MAX then one.rows[name] = steps end
end

-- Does ST, the sums that DATA has, tell of the robots that are heard here?
local function is_of_here(self, st, data)
  if st.signer == self.id or self.is_near(st.signer) then return true end
  return data.site ~= nil and data.site == self.site()
end

--- ST, the sums of a week, was taken in: another node of this site was first, or an earlier run of this one. What two
--- such sums differ in may be one robot, so the rows go, and nothing is published of them here.
function gather:heard_sums(st)
  local now = st.key == st.signer and st.verb == "propose" and now_s(self)
  local data = now and json.decode(st.data)
  if type(data) ~= "table" or not is_week(data.week) or now < (data.week + 1) * WEEK then return end
  local leaving = self.leaving
  local one = self.weeks[data.week] or leaving and leaving.number == data.week and leaving.one
  if not one or not next(one.rows) or not is_of_here(self, st, data) then return end
  one.rows = {}
  self.kept:soon(0)
end

-- The sums of week NUMBER, whose rows are in ONE, go out.
local function tell(self, number, one)
  local data = self.wanted() and sums.of(one.rows, number, self.site(), self.is_open())
  if not data then return end
  local st, why = self.comms:propose(self.bucket, data, {})
  if not st then return self.log:error("statistics", "could not publish the sums of a week", { why = why }) end
  self.log:info("statistics", "published", { { "week", number }, { "robots", data.robots } })
end

-- The week that was leaving stays: nothing of it went out.
local function put_back(self)
  local leaving = self.leaving
  self.weeks[leaving.number], self.done, self.leaving = leaving.one, leaving.done, nil
end

-- The week NUMBER is over for a day: its sums are said, and all that was gathered goes. First it is on the disk that
-- they went out.
local function publish(self, number)
  local one = self.weeks[number]
  self.leaving = { number = number, one = one, done = self.done }
  self.weeks[number], self.done = nil, math.max(self.done, number)
  self.kept:write(function(ok, why)
    if not ok then
      put_back(self)
      self.retry_at = self.loop:now() + self.backoff:next()
      return self.log:error("statistics", "not published: the disk does not take that it was",
        { week = number, why = why })
    end
    self.leaving = nil
    self.backoff:reset()
    tell(self, number, one)
  end)
end

local function chance(self, number)
  return (string.unpack(">I4", hash.blake2b(("statistics %d %s"):format(number, self.id))))
end

--- When the week NUMBER is to be published here (s), if nobody of the site was first.
function gather:due(number) return (number + 1) * WEEK + DAY + chance(self, number) % SPREAD end

-- May a neighbour have been first, or be about to be, in a time in which this daemon did not run?
local function may_hear(self, number)
  return self.loop:now() - self.began < SETTLED + chance(self, number) % STARTS and self.others() > 0
end

--- Is a week to be published?
function gather:look()
  local now = now_s(self)
  if not now or self.leaving or self.loop:now() < self.retry_at then return end
  for _, number in ipairs(sorted.keys(self.weeks)) do
    if now >= self:due(number) and not may_hear(self, number) then return publish(self, number) end
  end
end

--- The row of node ID goes, wherever it is.
function gather:forget(id) forget(self, id) end

function gather:start()
  self.kept:start()
  self.began = self.loop:now()
  self.timers = { self.loop:after(FIRST_LOOK, function() self:look() end),
    self.loop:every(LOOK, function() self:look() end) }
end

function gather:stop()
  for _, timer in ipairs(self.timers or {}) do timer:cancel() end
  if self.leaving then put_back(self) end -- nobody calls back from here on
  self.kept:stop()
end

return gather
