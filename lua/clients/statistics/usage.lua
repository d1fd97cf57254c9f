-- usage.lua - how much this node was used this week: own counters, in steps of two. Tells nobody.
--
-- A counter is told as E: 0 for none, else one more than its binary logarithm, so that nobody is known by a number.
local sorted = require "sorted"

local usage = {}
usage.__index = usage

local WEEK <const> = 604800 -- s, since 1970
local MINUTE <const> = 60 * 1000
local MOST <const> = 1 << 40

--- What is counted: minutes with `driving`, files shared, their MB, minutes that the daemon ran, minutes with
--- `recording`, starts of the daemon.
usage.names = { "drive", "files", "mb", "on", "record", "starts" }

--- The greatest E of each: of minutes a week has 10,080, and of the others what is more is told as that.
usage.most = { drive = 14, files = 20, mb = 24, on = 14, record = 14, starts = 20 }

-- Minutes of facts that somebody must tell: while nobody does they are unknown, which is not 0.
local FACTS <const> = { drive = "driving", record = "recording" }

-- Where nobody can tell whether a word is out, one may be.
local function is_out(self, data, code)
  if type(data) == "table" then return data.out == true or nil end
  return (self.kept.begun_anew or code) and true or nil
end

--- given.loop
--- given.time  lua/time.lua's
--- given.here  fn() → facts of this node
--- given.kept  fn(name, data()) → a lazy value (lua/kept.lua)
function usage.new(given)
  local self = setmetatable({ loop = given.loop, time = given.time, here = given.here, seconds = {} }, usage)
  self.kept = given.kept("usage", function() return self:data() end, nil, "how much this node was used")
  local data, _, code = self.kept:read()
  if not self:load(data) and data ~= nil then
    self.kept:reject()
    data = nil
  end
  self.out = is_out(self, data, code)
  return self
end

--- The week by the time that is proved | nil: nobody knows
function usage:week_now()
  local now = self.time:proved_now()
  return now and now // 1000 // WEEK or nil
end

local function begin(self, week)
  self.week, self.counts = week, {}
  for _, name in ipairs(usage.names) do
    if not FACTS[name] then self.counts[name] = 0 end
  end
end

local function is_count(value) return math.type(value) == "integer" and value >= 0 and value <= MOST end

--- Takes DATA of an earlier run, or whatever stands there → true | false: it has not that form, and none of it is taken
function usage:load(data)
  begin(self, nil)
  if type(data) ~= "table" or not is_count(data.week) or type(data.counts) ~= "table" then return false end
  for _, name in ipairs(usage.names) do
    local count = data.counts[name]
    if count ~= nil and not is_count(count) then return false end
  end
  self.week = data.week
  for _, name in ipairs(usage.names) do self.counts[name] = data.counts[name] or self.counts[name] end
  return true
end

function usage:data() return { week = self.week or 0, counts = self.counts, out = self.out } end

--- A word is out from here on, so that a later run takes it back where the owner does not agree any more. DONE(true):
--- that is on the disk; DONE(nil, text).
function usage:note_out(done)
  self.out = true
  self.kept:write(function(ok, why)
    if not ok then self.out = nil end
    done(ok, why)
  end)
end

--- None is out any more.
function usage:note_back()
  self.out = nil
  self.kept:soon()
end

-- Another week begins from nothing. What was counted before anybody knew the time is of the week that is known first.
local function turn(self)
  local week = self:week_now()
  if week and self.week ~= week then
    if self.week and self.week > 0 then begin(self, week) end
    self.week = week
  end
end

--- NAME grows by N (1).
function usage:add(name, n)
  turn(self)
  self.counts[name] = math.min(MOST, (self.counts[name] or 0) + (n or 1))
end

--- A minute is over.
function usage:tick()
  turn(self)
  local here = self.here()
  self:add "on"
  for _, name in ipairs(usage.names) do
    local told = FACTS[name] and here[FACTS[name]]
    if told ~= nil then self:add(name, told and 1 or 0) end
  end
end

--- N as it is told: 0, else ⌊log₂ n⌋ + 1.
function usage.step(n)
  local e = 0
  while n > 0 do n, e = n >> 1, e + 1 end
  return e
end

--- By name, as they are told.
function usage:steps()
  turn(self)
  local steps = {}
  for _, name in ipairs(sorted.keys(self.counts)) do
    steps[name] = math.min(usage.most[name], usage.step(self.counts[name]))
  end
  return steps
end

--- Nothing was counted.
function usage:forget()
  begin(self, self:week_now())
  self.kept:write()
end

function usage:start()
  self.kept:start()
  self:add "starts"
  self.timer = self.loop:every(MINUTE, function() self:tick() end)
end

function usage:stop()
  if self.timer then self.timer:cancel() end
  self.kept:stop()
end

return usage
