-- syncing.lua - when the journal goes to the disk, beside the loop, and who waits for that. Knows no record.
local backoff = require "backoff"
local journal = require "core.journal"
local worker = require "worker"

local syncing = {}
syncing.__index = syncing

--- given.loop, journal, log
--- given.refused  fn(code): counts a refusal
--- given.told     fn(why) when syncs fail, fn() when they succeed again; may be nil
--- given.start    fn() → worker (lua/worker.lua) of its own, asked for when first needed; nil: the loop waits
--- given.gather   fn() puts into the journal what waits for the next sync; may be nil
function syncing.new(given)
  local self = setmetatable({ first = 1, last = 0, failures = 0, waiting = {}, backoff = backoff.quick(nil) }, syncing)
  for _, name in ipairs { "loop", "journal", "log", "refused", "told", "gather" } do self[name] = given[name] end
  self.beside = worker.when_needed { start = given.start, log = given.log, layer = "dcache",
    what = "no thread for syncs: the loop waits for the disk" }
  return self
end

-- Those whose lines are on the disk are told, in the order in which they asked.
local function tell(self)
  local _, covered = self.journal:mark()
  while self.first <= self.last and self.waiting[self.first].mark <= covered do
    local entry = self.waiting[self.first]
    self.waiting[self.first], self.first = nil, self.first + 1
    entry.fn()
  end
end

local sync

-- The first failure is tried again at once, since by then the lines wait in a new segment; then with back-off.
local function failed(self, why)
  self.failures = self.failures + 1
  self.refused "disk"
  if self.failures <= 2 then -- said once, and once more when it stays so
    self.log:error("dcache", "could not sync", { { "times", self.failures }, { "why", why } })
  end
  if self.failures == 1 then return sync(self) end
  if self.told then self.told(why) end
  self.retry = self.loop:after(self.backoff:next(), function()
    self.retry = nil
    sync(self)
  end)
end

local function ended(self, why)
  self.running = false
  if self.stopped then return end
  if why then return failed(self, why) end
  if self.failures > 0 then
    self.log:info("dcache", "synced again", { failures = self.failures })
    if self.told then self.told() end
  end
  self.failures = 0
  self.backoff:reset()
  tell(self)
  if self.again and not self.running then sync(self) end
end

-- A sync covers all that is held when it begins, also what the index holds and the journal does not: else its old line
-- could go as replaced, and the new one with the power. → is there anything to bring to the disk?
local function gather(self)
  if self.gather then self.gather() end
  return self.journal:unsynced() > 0
end

function sync(self)
  self.running, self.again = true, false
  gather(self)
  local one = self.beside:get()
  if not one then
    local ok, why = self.journal:flush()
    return ended(self, not ok and why or nil)
  end
  local job, why = one:run(journal.sync, self.journal, function(result) ended(self, result.error) end)
  if not job then ended(self, why) end
end

-- All that was taken in so far goes to the disk soon. One sync at a time: what is asked meanwhile is one more.
function syncing:request()
  if self.retry or self.stopped then return end
  if self.running then
    self.again = true
  elseif gather(self) then
    sync(self)
  else
    tell(self)
  end
end

--- Asks for a sync each MS from here on; before, it may have done so at another pace.
function syncing:every(ms)
  if self.timer then self.timer:cancel() end
  self.timer = self.loop:every(ms, function() self:request() end)
end

-- fn() once all that was appended so far is on the disk, at once where it is; in order; never after a stop.
function syncing:when_synced(fn)
  local mark, covered = self.journal:mark()
  if covered >= mark and self.first > self.last then return fn() end
  self.last = self.last + 1
  self.waiting[self.last] = { mark = mark, fn = fn }
  self:request()
end

-- Bytes that neither are on the disk nor on their way.
function syncing:left()
  local all, flying = self.journal:unsynced()
  return all - flying
end

-- ms for which the disk has not answered a sync that runs, be it with an error; 0 where none runs.
function syncing:still_ms() return self.beside:still_ms() end

-- Waits for the sync that runs, brings the rest to the disk, closes the journal. → true | nil, text, code.
function syncing:stop()
  if self.stopped then return true end
  self.stopped = true
  for _, timer in ipairs { self.retry or false, self.timer or false } do
    if timer then timer:cancel() end
  end
  gather(self)
  local ok, why, code = self.journal:close()
  if not ok then
    self.refused(code)
    self.log:error("dcache", "could not sync", { why = why })
  end
  self.beside:close()
  return ok, why, code
end

return syncing
