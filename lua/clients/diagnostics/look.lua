-- look.lua - looks at the sensors each minute or so, beside the loop, and notes what they say. Judges nothing.
--
-- A look is one job of a thread of its own. A sensor may hold that thread for ever (a file of a dead network disk):
-- then all values are unknown, and no second look begins before the first comes back. What it brings then was read
-- before or after it hung, nobody knows: it is not taken. Who stops does not wait for it.
local listeners = require "listeners"
local metrics = require "policy.metrics"
local parse = require "clients.diagnostics.parse"
local reading = require "clients.diagnostics.reading"
local sorted = require "sorted"

local look = {}
look.__index = look

local SLOW <const> = 10 * 1000 -- ms after which a look is said to hang
local FIRST <const> = 1000 -- ms after the start: the second look may tell what needs two
local INTERFACES_MAX <const>, DISKS_MAX <const> = 8, 8 -- of one look
local VCIO <const> = "/dev/vcio" -- the mailbox of a Raspberry Pi's firmware

-- Each path of all metrics once.
local function all_files()
  local set = {}
  for _, row in ipairs(metrics.list) do
    for _, path in ipairs(row.files or {}) do set[path] = true end
  end
  return sorted.keys(set)
end

--- given.loop
--- given.sensor      core.sensor
--- given.worker      fn() → worker (lua/worker.lua), of this look alone | nil, text
--- given.values      values.lua
--- given.every       fn() → ms between two looks
--- given.places      fn() → { share =, state = }: folders whose disks are looked at
--- given.interfaces  fn() → names of interfaces
--- given.more        paths that are read besides, for who hears of the look
--- given.log
function look.new(given)
  local files, more = all_files(), given.more or {}
  table.move(more, 1, #more, #files + 1, files)
  local self = setmetatable({ files = files, besides = {}, kept = {}, was = {}, looked = listeners.new() }, look)
  for _, path in ipairs(more) do self.besides[path] = true end
  for _, name in ipairs { "loop", "sensor", "worker", "values", "every", "places", "interfaces", "log" } do
    self[name] = given[name]
  end
  return self
end

--- FN(found) after each look: a reading (reading.lua), nil where it failed. → a function that takes it off again.
function look:on_look(fn) return self.looked:add(fn) end

-- What was known of a metric in this run, and now is not there, was taken away: that is another thing than a machine
-- that never had it.
local function put(self, row, value, quality, why)
  if value ~= nil then self.was[row.name] = true end
  if quality == "unsupported" and self.was[row.name] then quality, why = "unknown", why .. " any more" end
  self.values:put(row.name, value, quality, why)
end

local function put_all_unknown(self, why)
  for _, row in ipairs(metrics.list) do
    if row.missing then put(self, row, parse.value(nil, row)) else put(self, row, nil, "unknown", why) end
  end
end

local function take(self, places, result)
  self.slow:cancel()
  self.running = nil
  if self.late then result = { error = "slow: the look before this came back too late" } end
  if self.stopped then return end
  local found
  if result.error then
    put_all_unknown(self, result.error)
  else
    if self.besides[result.more] then result.more = nil end -- those are the last: no sensor is left out
    found = reading.new(result, places, self.kept)
    for _, row in ipairs(metrics.list) do put(self, row, parse.value(found, row)) end
  end
  self.looked:call(found)
end

local function some(list, most)
  return table.move(list, 1, math.min(#list, most), 1, {})
end

-- Paths of PLACES, each once.
local function disks_of(places)
  local set = {}
  for _, name in ipairs(sorted.keys(places)) do set[places[name]] = true end
  return some(sorted.keys(set), DISKS_MAX)
end

--- Looks now, if no look is on its way.
function look:now()
  if self.running or self.stopped then return end
  local places = self.places()
  local worker, why = self:thread()
  local what = { files = self.files, disks = disks_of(places), interfaces = some(self.interfaces(), INTERFACES_MAX),
    vcio = VCIO }
  self.late = false
  self.slow = self.loop:after(SLOW, function()
    self.late = true
    put_all_unknown(self, "slow: the look before this has not come back")
    self.looked:call()
  end)
  self.running = worker and worker:run(self.sensor.look, what, function(result) take(self, places, result) end)
  if not self.running then take(self, places, { error = why or "no thread can be had" }) end
end

-- The thread of the looks, made for the first.
function look:thread()
  local why
  if not self.made then self.made, why = self.worker() end
  return self.made, why
end

local function again(self)
  if self.timer then self.timer:cancel() end
  self.timer = self.loop:after(math.max(1, self.every()), function()
    self:now()
    again(self)
  end)
end

--- Another time between two looks may be in force.
function look:apply()
  if self.timer then again(self) end
end

function look:start()
  self:now()
  self.second = self.loop:after(FIRST, function() self:now() end)
  again(self)
end

--- Looks no more.
function look:stop()
  self.stopped = true
  for _, timer in ipairs { self.timer or false, self.second or false, self.slow or false } do
    if timer then timer:cancel() end
  end
  if self.made and self.running then self.made:leave() elseif self.made then self.made:close() end
end

return look
