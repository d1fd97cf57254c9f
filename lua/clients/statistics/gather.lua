-- gather.lua - gathers the counters of its site, a week each, and publishes sums in which nobody is seen. Says
-- nothing of any single robot.
--
-- Robots are kept under a name that only this node could make, by a key of the week that goes with them. A day after
-- the week's end the sums are published, once and never again: so nobody is had by the difference of two. A cell of
-- fewer than five robots is told as -1, and of fewer than five robots in all nothing is told.
local hash = require "core.hash"
local json = require "core.json"
local sorted = require "sorted"
local text = require "core.text"
local usage = require "clients.statistics.usage"

local gather = {}
gather.__index = gather

local K <const> = 5
local WEEK <const>, DAY <const> = 604800, 86400 -- s
local ROBOTS_MAX <const> = 1024 -- of a week
local WEEKS_MAX <const> = 3 -- that wait: this one, the last, and one of a clock that went
local STEP_MAX <const> = 41 -- the greatest E that a counter may have
local KEY <const> = 32 -- bytes
local SITE_MAX <const> = 24

--- given.loop, comms, log, random, time
--- given.id       this node's ID
--- given.site     fn() → text | nil
--- given.is_open  fn() → is there no root, so that anybody may make up robots?
--- given.wanted   fn() → is this node to gather?
--- given.kept     fn(name, data()) → a lazy value (lua/kept.lua)
function gather.new(given)
  local self = setmetatable({ bucket = ("pri/%s/info/statistics"):format(given.id), weeks = {}, done = 0 }, gather)
  for _, name in ipairs { "loop", "comms", "log", "random", "time", "site", "is_open", "wanted" } do
    self[name] = given[name]
  end
  self.kept = given.kept("statistics", function() return self:data() end)
  self:load(self.kept:read())
  return self
end

local function is_step(value) return math.type(value) == "integer" and value >= 0 and value <= STEP_MAX end

-- The counters of DATA, which may be anything | nil
local function steps_of(data)
  if type(data) ~= "table" then return nil end
  local steps = {}
  for _, name in ipairs(usage.names) do
    if data[name] ~= nil and not is_step(data[name]) then return nil end
    steps[name] = data[name]
  end
  return steps
end

local function count(rows)
  local n = 0
  for _ in pairs(rows) do n = n + 1 end -- any order: a sum
  return n
end

--- DATA of an earlier run, or whatever stands there.
function gather:load(data)
  if type(data) ~= "table" or type(data.weeks) ~= "table" then return end
  self.done = math.type(data.done) == "integer" and data.done or 0
  for _, one in ipairs(data.weeks) do
    local key = type(one.key) == "string" and text.unbase64url(one.key)
    if math.type(one.week) == "integer" and key and #key == KEY and type(one.rows) == "table" then
      local rows = {}
      for name, row in pairs(one.rows) do rows[name] = steps_of(row) end -- any order: a map
      self.weeks[one.week] = { key = key, rows = rows }
    end
  end
end

--- As it goes into STATE/statistics; nil: nothing was ever gathered.
function gather:data()
  local list = {}
  for i, week in ipairs(sorted.keys(self.weeks)) do
    local one = self.weeks[week]
    list[i] = { week = week, key = text.base64url(one.key), rows = one.rows }
  end
  if not list[1] and self.done == 0 then return nil end
  return { done = self.done, weeks = json.array(list) }
end

-- What node ID is called in the week ONE.
local function name_of(one, id) return text.base64url(hash.blake2b(one.key .. id):sub(1, 16)) end

local function week_of(self, number)
  if self.weeks[number] then return self.weeks[number] end
  if #sorted.keys(self.weeks) >= WEEKS_MAX then return nil end
  self.weeks[number] = { key = self.random:bytes(KEY), rows = {} }
  return self.weeks[number]
end

local function now_s(self)
  local now = self.time:proved_now()
  return now and now // 1000
end

-- ID's row goes from all weeks, and from the file at once.
local function forget(self, id)
  local is_there = false
  for _, week in ipairs(sorted.keys(self.weeks)) do
    local one = self.weeks[week]
    local name = name_of(one, id)
    is_there = is_there or one.rows[name] ~= nil
    one.rows[name] = nil
  end
  if is_there then self.kept:write() end
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
  if not one then return end
  local name = name_of(one, st.signer)
  if one.rows[name] or count(one.rows) < ROBOTS_MAX then one.rows[name] = steps end
end

-- How many of ROWS have each step of the counter NAME, under K as -1, as far as there are K of any.
local function cells_of(rows, name)
  local cells, last = {}, 0
  for i = 1, STEP_MAX + 1 do cells[i] = 0 end
  for _, row in pairs(rows) do -- any order: sums
    if row[name] then cells[row[name] + 1] = cells[row[name] + 1] + 1 end
  end
  for i, n in ipairs(cells) do
    if n >= K then last = i end
  end
  local list = {}
  for i = 1, last do list[i] = cells[i] >= K and cells[i] or -1 end
  return list
end

--- The sums of the week NUMBER as DATA | nil: too few robots
function gather:sums(number)
  local rows = self.weeks[number].rows
  local robots = count(rows)
  if robots < K then return nil end
  local site = self.site()
  local data = { k = K, list = 1, week = number, robots = robots // K * K,
    site = type(site) == "string" and #site <= SITE_MAX and site or nil, open = self.is_open() or nil }
  for _, name in ipairs(usage.names) do
    local cells = cells_of(rows, name)
    if cells[1] then data[name] = json.array(cells) end
  end
  return data
end

-- The week NUMBER is over for a day: its sums are said, and all that was gathered goes. It is noted first that it was
-- published, so that a start half-way publishes nothing twice.
local function publish(self, number)
  local data = self:sums(number)
  self.weeks[number], self.done = nil, math.max(self.done, number)
  self.kept:write()
  if not data or not self.wanted() then return end
  local st, why = self.comms:propose(self.bucket, data, {})
  if not st then return self.log:error("statistics", "could not publish the sums of a week", { why = why }) end
  self.log:info("statistics", "published", { { "week", number }, { "robots", data.robots } })
end

--- Is a week to be published?
function gather:look()
  local now = now_s(self)
  if not now then return end
  for _, number in ipairs(sorted.keys(self.weeks)) do
    if now >= (number + 1) * WEEK + DAY then publish(self, number) end
  end
end

--- The row of node ID goes, wherever it is.
function gather:forget(id) forget(self, id) end

function gather:start()
  self.kept:start()
  self.timer = self.loop:every(60 * 1000, function() self:look() end)
end

function gather:stop()
  if self.timer then self.timer:cancel() end
  self.kept:stop()
end

return gather
