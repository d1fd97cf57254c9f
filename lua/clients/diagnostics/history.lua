-- history.lua - how this node's body was: each minute of the last day, each hour of the last two weeks; and the last
-- words of others about theirs. Judges nothing.
--
-- Numbers are packed, two bytes each, since a robot has little memory: a day of minutes takes 23 KB. The minutes are
-- lost with the power; the hours are kept (lua/kept.lua, lazily), the one that goes on among them.
local bounded = require "bounded"
local text = require "core.text"

local history = {}
history.__index = history

local MINUTE <const>, HOUR <const> = 60 * 1000, 60 * 60 * 1000
local OF_HOUR <const> = 60 -- minutes
local DAY_HOURS <const>, HOURS_MAX <const> = 24, 14 * 24
local OTHERS_MAX <const>, WORDS_MAX <const> = 256, 32
local UNKNOWN <const> = -32768
local PLACES <const> = "<" .. ("i2"):rep(OF_HOUR)

local function part(of, value, whole)
  local some, all = of(value), of(whole)
  return some and all and all > 0 and some / all or nil
end

-- What is remembered of the metric NAME as it is.
local function plain(name)
  return function(of) return of(name) end
end

--- What is remembered: its name, its unit as people read it, and by how much it is multiplied to be a whole number.
history.series = {
  { name = "battery", unit = "ratio", scale = 100, of = plain "battery_ratio" },
  { name = "temperature", unit = "°C", scale = 10, of = plain "cpu_temperature_celsius" },
  { name = "processor", unit = "ratio", scale = 1000, of = plain "cpu_busy_ratio" },
  { name = "load", scale = 100, of = plain "load1" },
  { name = "memory_available", unit = "ratio", scale = 1000,
    of = function(of) return part(of, "memory_available_bytes", "memory_size_bytes") end },
  { name = "disk_free", unit = "ratio", scale = 1000,
    of = function(of) return part(of, "disk_free_bytes", "disk_size_bytes") end },
  { name = "wifi", unit = "dBm", scale = 1, of = plain "wifi_signal_dbm" },
  { name = "disk_waits", unit = "ratio", scale = 1000, of = plain "pressure_io_ratio" },
}

local SERIES <const> = #history.series
local ROW <const> = "<I4B" .. ("i2i2i2"):rep(SERIES) -- hour since 1970 or 0, minutes in it, least mean most of each
local ROW_SIZE <const> = ROW:packsize()

--- given.loop
--- given.time   lua/time.lua's: what hour it is
--- given.kept   fn(name, data(), nil, what) → a lazy value (lua/kept.lua)
--- given.of     fn(metric) → its value | nil
--- given.more   fn() → what else goes into the same file: a table of members | nil
function history.new(given)
  local self = setmetatable({ loop = given.loop, time = given.time, of = given.of, more = given.more, minutes = {},
    recent = {}, hours = {},
    others = bounded.new { limit = OTHERS_MAX } }, history)
  for i = 1, SERIES do self.minutes[i], self.recent[i] = {}, {} end
  self.kept = given.kept("history", function() return self:data() end, nil, "how this body was in the last two weeks")
  local data = self.kept:read()
  if data ~= nil and not self:load(data) then self.kept:reject() end
  return self
end

-- == the hour that goes on

local function begin_hour(self, number)
  self.now = { number = number, count = 0, values = {} }
  for i = 1, SERIES do self.now.values[i] = {} end
end

local function scaled(value, scale)
  if not value then return UNKNOWN end
  return math.max(-32767, math.min(32767, math.floor(value * scale + 0.5)))
end

-- least, mean, most of LIST without what is unknown
local function sum_of(list)
  local least, most, sum, n = UNKNOWN, UNKNOWN, 0, 0
  for _, value in ipairs(list) do
    if value ~= UNKNOWN then
      least = n == 0 and value or math.min(least, value)
      most = n == 0 and value or math.max(most, value)
      sum, n = sum + value, n + 1
    end
  end
  return least, n > 0 and math.floor(sum / n + 0.5) or UNKNOWN, most
end

local function row_of(hour)
  local numbers = {}
  for i = 1, SERIES do
    local least, mean, most = sum_of(hour.values[i])
    table.move({ least, mean, most }, 1, 3, #numbers + 1, numbers)
  end
  return ROW:pack(hour.number, math.min(255, hour.count), table.unpack(numbers))
end

-- Sixty values of series I are there: they are packed.
local function pack_minutes(self, i)
  local list = self.minutes[i]
  list[#list + 1] = PLACES:pack(table.unpack(self.recent[i]))
  if #list > DAY_HOURS then table.remove(list, 1) end
  self.recent[i] = {}
end

local function end_hour(self)
  table.insert(self.hours, row_of(self.now))
  if #self.hours > HOURS_MAX then table.remove(self.hours, 1) end
  self.now = nil
end

-- Hours since 1970, by the time that is proved; 0: nobody knows.
local function hour_number(self)
  local now = self.time:proved_now()
  return now and math.min(now // HOUR, 0xFFFFFFFF) or 0
end

--- A look was done: one value a minute is remembered of each series.
function history:look()
  local minute, number = self.loop:now() // MINUTE, hour_number(self)
  if self.minute == minute then return end
  local is_over = self.now and (self.now.count >= OF_HOUR or self.now.number ~= number and number ~= 0)
  self.minute = minute
  if is_over then end_hour(self) end
  if not self.now then begin_hour(self, number) end
  self.now.count = self.now.count + 1
  for i, series in ipairs(history.series) do
    local value = scaled(series.of(self.of), series.scale)
    self.now.values[i][self.now.count] = value
    table.insert(self.recent[i], value)
    if #self.recent[i] == OF_HOUR then pack_minutes(self, i) end
  end
end

-- == what is kept

--- As it goes into STATE/history.
function history:data()
  local rows = table.move(self.hours, 1, #self.hours, 1, {})
  if self.now then rows[#rows + 1] = row_of(self.now) end
  if #rows > HOURS_MAX then table.remove(rows, 1) end
  local data = self.more and self.more() or {}
  data.hours = text.base64url(table.concat(rows))
  return data
end

-- Is BYTES, of a file, rows of hours?
local function is_rows(bytes)
  if not bytes or #bytes % ROW_SIZE ~= 0 or #bytes // ROW_SIZE > HOURS_MAX then return false end
  for at = 1, #bytes, ROW_SIZE do
    local row = { ROW:unpack(bytes, at) }
    for i = 3, #row - 1, 3 do
      if row[i] > row[i + 1] or row[i + 1] > row[i + 2] then return false end
    end
  end
  return true
end

--- Takes DATA of an earlier run, or whatever stands there → true | false: it has not that form, and none of it is taken
function history:load(data)
  local hours = type(data) == "table" and data.hours
  local bytes = type(hours) == "string" and text.unbase64url(hours)
  if not is_rows(bytes) then return false end
  for at = 1, #bytes, ROW_SIZE do self.hours[#self.hours + 1] = bytes:sub(at, at + ROW_SIZE - 1) end
  self.read = data
  return true
end

-- == what is told

local function number(value, scale) return value ~= UNKNOWN and value / scale or nil end

--- The last day of series I, a value a minute, the oldest first: array of numbers, false where it is unknown.
function history:day(i)
  local scale, list = history.series[i].scale, {}
  local function add(value) list[#list + 1] = number(value, scale) or false end
  for _, packed in ipairs(self.minutes[i]) do
    local values = { PLACES:unpack(packed) }
    for k = 1, OF_HOUR do add(values[k]) end
  end
  for _, value in ipairs(self.recent[i]) do add(value) end
  return list
end

--- All hours, the oldest first: { hour = since 1970 | nil, minutes = how many of it, values = by the place of the
--- series { least, mean, most } or false }.
function history:all_hours()
  local list = {}
  for place, row in ipairs(self.hours) do
    local numbers = { ROW:unpack(row) }
    local one = { hour = numbers[1] > 0 and numbers[1] or nil, minutes = numbers[2], values = {} }
    for i, series in ipairs(history.series) do
      local least = number(numbers[3 * i], series.scale)
      one.values[i] = least and { least, number(numbers[3 * i + 1], series.scale),
        number(numbers[3 * i + 2], series.scale) } or false
    end
    list[place] = one
  end
  return list
end

-- == the words of others

--- Node ID said SAID (health_form.read) of its body.
function history:word(id, said)
  local words = self.others:get(id) or {}
  words[#words + 1] = { at = self.loop:now(), said = said }
  if #words > WORDS_MAX then table.remove(words, 1) end
  self.others:put(id, words)
end

--- The last words of node ID, the oldest first: { at = ms of the loop's clock, said }.
function history:words(id) return self.others:get(id) or {} end

function history:start() self.kept:start() end

function history:stop() self.kept:stop() end

--- What is bounded here, as bounded.lua's rows.
function history:bounds() return { self.others:row "health words" } end

return history
