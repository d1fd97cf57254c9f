-- driver.lua - a small store on the journal: slots with rising versions, as records have them. No checks.
local journal = require "core.journal"

local driver = {}

driver.options = { families = { "short", "long" }, segment = 2048, reserve = 600, date = "2026-11-22" }

-- A generator of its own, so that one seed is one run everywhere.
function driver.generator(seed)
  local state = (seed * 7919 + 17) % 2147483648
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 256 % n
  end
end

-- Operations that disk D was asked for so far and that the power can be cut at: reading is none.
function driver.operations(d)
  local sum = 0
  for kind, count in pairs(d:counts()) do -- any order
    if kind ~= "read" and kind ~= "bytes" then sum = sum + count end
  end
  return sum
end

-- What a run knows: said = every line ever appended; acknowledged = by slot the newest version that a
-- sync covered; now = the time up to which segments were let go. With a POOL syncs run beside it.
function driver.new(disk, folder, seed, pool)
  return setmetatable({
    pool = pool, disk = disk, folder = folder, draw = driver.generator(seed), said = {}, slots = {}, acknowledged = {},
    version = 0, now = 0, clock = 1000,
  }, { __index = driver })
end

function driver:open()
  local j, report, word = journal.open(self.disk, self.folder, driver.options)
  if not j then return nil, report, word end
  self.journal, self.slots = j, {}
  local ok, message
  ok, message, word = j:replay(function(family, line, place, ends) self:take(family, line, place, ends) end)
  if not ok then return nil, message, word end
  return report
end

function driver:take(family, line, place, ends)
  local slot, version = line:match "^(%S+) (%d+) "
  version = math.tointeger(tonumber(version))
  local old = self.slots[slot]
  if old and old.version >= version then
    self.journal:drop(place, #line)
    return
  end
  if old then self.journal:drop(old.place, #old.line) end
  self.slots[slot] = { family = family, line = line, place = place, version = version, ends = ends }
end

function driver:append()
  local family = self.draw(2) == 0 and "short" or "long"
  local slot = family .. self.draw(12)
  self.version = self.version + 1
  self.clock = self.clock + 1
  local ends = self.clock + (family == "short" and 40 or 100000)
  local line = ("%s %d %s"):format(slot, self.version, ("x"):rep(self.draw(400)))
  self.said[line] = ends
  local place, message, word = self.journal:append(family, line, ends)
  if not place then return nil, message, word end
  self:take(family, line, place, ends)
  return true
end

function driver:acknowledge(slots)
  for name, slot in pairs(slots) do
    local old = self.acknowledged[name]
    if not old or old.version < slot.version then self.acknowledged[name] = slot end
  end
end

function driver:flush()
  local ok, message, word = self.journal:flush()
  if ok then self:acknowledge(self.slots) end
  return ok, message, word
end

-- A sync beside what goes on: begun, and its result taken in later. What is said between is not covered.
function driver:begin()
  local covered = {}
  for name, slot in pairs(self.slots) do covered[name] = slot end
  local job, message, word = journal.sync(self.pool, self.journal, covered)
  if not job and word ~= "full" then return nil, message, word end
  return true
end

function driver:collect()
  local text, reason
  for _, result in ipairs(self.pool:collect()) do
    if not result.word then
      self:acknowledge(result.done)
    elseif result.word ~= "closed" then -- cancelled: a flush that waited has done its work
      text, reason = result.error, result.word
    end
  end
  return not reason or nil, text, reason
end

function driver:expire()
  self.now = self.clock
  for name, slot in pairs(self.slots) do
    if slot.ends <= self.now then
      self.journal:drop(slot.place, #slot.line)
      self.slots[name] = nil
    end
  end
  return self.journal:expire(self.now)
end

function driver:compact(bytes)
  return self.journal:compact_step(bytes, function(line, place)
    local slot = self.slots[line:match "^%S+"]
    return slot and slot.place == place
  end, function(line, place)
    self.slots[line:match "^%S+"].place = place
  end)
end

function driver:reopen()
  local ok = self.journal:close()
  if ok then self:acknowledge(self.slots) end
  return self:open()
end

-- One step by chance: nil, message, word when the disk refused.
function driver:step()
  local what = self.draw(100)
  if what < 62 then return self:append() end
  if self.pool and what < 86 then
    if what < 74 then return self:begin() end
    return self:collect()
  end
  if what < 88 then return self:flush() end
  if what < 91 then return self:expire() end
  if what < 98 then return self:compact(1500) end
  return self:reopen()
end

-- nil, or what is wrong with the store as opened by `other`, which stands on what a cut left of mine.
function driver:compare(other)
  for name, slot in pairs(self.acknowledged) do
    local found = other.slots[name]
    if slot.ends > self.now and not (found and found.version >= slot.version) then
      return ("the acknowledged word %s %d is gone, found %s"):format(name, slot.version,
        found and found.version or "nothing")
    end
  end
  for _, slot in pairs(other.slots) do
    if self.said[slot.line] ~= slot.ends then return "never said: " .. slot.line:sub(1, 40) end
    local line, message = other.journal:read(slot.place, #slot.line)
    if line ~= slot.line then return "read differs: " .. tostring(message) end
  end
end

return driver
