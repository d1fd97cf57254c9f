-- finished.lua - is a file finished? Closed by all writers and calm for a time that grows with its size.
--
-- Three signals: inotify saw writing without closing; the kernel refuses a read lease while somebody has the
-- file open for writing; its size, times and inode stay the same. No clock of the file's is believed.
-- A log that is opened, appended to and closed again and again looks finished in between. Each time that a finished
-- file turns out to have grown, longer calm is asked of it, so that few versions of it go out.
local backoff = require "backoff"

local finished = {}
local Finished = {}
Finished.__index = Finished

local AT_ONCE = 8 -- files that are looked at in a turn: where one is finished, the policy is asked, too
local LOOK_MS = 500 -- between two looks at a file that grows
local FIRST_MS = 200 -- from an event to the first look: events come in bursts
local BUSY_MS, BUSY_MOST_MS = 1000, 10000 -- between two questions whether it is open, doubling
local DEAF_MS = 3600000 -- calm so long, a file that cannot be asked is finished though no close was seen
local CALM_MOST_MS = 600000 -- the longest calm that a file is asked for because it grew after it was finished
local GAP_MS = 60000 -- one that grew again so soon must be calm for twice that time, at once
local FORGET_MS = 1800000 -- unchanged for so long, its growth is forgotten
local IDENTITY = { "dev", "ino", "size", "mtime_ns", "ctime_ns" }

--- given.loop    the event loop
--- given.stat    fn(name) → info | nil, text, code
--- given.busy    fn(name) → does somebody have it open to write: true, false, nil = cannot tell
--- given.settle  fn(size in bytes) → ms of calm that are asked for
--- given.done    fn(name, info): it is finished
--- given.lost    fn(name, code, info): it is gone, CODE says why, or INFO is what stands there instead
function finished.new(given)
  return setmetatable({
    loop = given.loop, stat = given.stat, busy = given.busy, settle = given.settle, done = given.done,
    lost = given.lost, entries = {}, index = {}, past = {},
  }, Finished)
end

function finished.same(a, b)
  for _, field in ipairs(IDENTITY) do
    if a[field] ~= b[field] then return false end
  end
  return true
end

local function remove(self, entry)
  local last = table.remove(self.entries)
  if last ~= entry then
    self.entries[self.index[entry.name]] = last
    self.index[last.name] = self.index[entry.name]
  end
  self.index[entry.name] = nil
end

-- The calm that is asked of it, ms.
local function calm_of(self, entry)
  local least = self.settle(entry.info and entry.info.size or 0)
  if not entry.step then return least end
  local calm = least << math.min(entry.step, 10)
  if entry.gap <= GAP_MS then calm = math.max(calm, 2 * entry.gap) end
  return math.max(least, math.min(calm, CALM_MOST_MS))
end

local function due_at(self, entry)
  return entry.since + calm_of(self, entry)
end

-- Did it grow since it was taken for finished? Asked once for each time that it settles.
local function compare(self, entry, info, now)
  local past = self.past[entry.name]
  if not past or entry.step or info.size <= past.size then return end
  entry.gap = now - past.since
  entry.step = entry.gap < FORGET_MS and past.step + 1 or 1
end

local function remember(self, entry, info)
  local past = self.past[entry.name]
  self.past[entry.name] = { size = info.size, since = entry.since, step = entry.step or past and past.step or 0 }
end

-- Sizes seen become a rate: bytes a second since the last look, half of it from before.
local function measure(entry, info, now)
  local passed = now - (entry.looked or now)
  local grown = info.size - (entry.info and entry.info.size or info.size)
  if passed > 0 then
    local rate = math.max(0, grown) * 1000 // passed
    entry.rate = entry.rate and (entry.rate + rate) // 2 or rate
  end
  entry.looked = now
end

-- Calm for long enough. Nobody writes it: done. Somebody does, or may: asked again later.
local function ask(self, entry, now)
  local busy = self.busy(entry.name)
  if busy == nil and entry.writer then busy = now - entry.since < DEAF_MS end
  if busy then
    entry.open = true
    entry.backoff = entry.backoff or backoff.quick(nil, BUSY_MS, BUSY_MOST_MS)
    entry.due = now + entry.backoff:next()
    return
  end
  local info = self.stat(entry.name)
  if not info or not finished.same(info, entry.info) then
    entry.due = now
    return
  end
  remove(self, entry)
  remember(self, entry, info)
  self.done(entry.name, info)
end

local function check(self, entry, now)
  local info, _, code = self.stat(entry.name)
  if not info or info.kind ~= "file" then
    remove(self, entry)
    return self.lost(entry.name, code, info)
  end
  measure(entry, info, now)
  compare(self, entry, info, now)
  if not entry.info or not finished.same(info, entry.info) then
    entry.since, entry.backoff, entry.open = now, nil, nil
    entry.info = info
    entry.due = now + math.min(LOOK_MS, calm_of(self, entry))
    return
  end
  if now < due_at(self, entry) then
    entry.due = math.min(due_at(self, entry), now + (entry.writer and LOOK_MS or BUSY_MOST_MS))
    return
  end
  ask(self, entry, now)
end

-- One timer for all: rests until the earliest entry is due.
local function arm(self)
  if self.due then return end -- their turn comes
  local earliest
  for _, entry in ipairs(self.entries) do
    if not earliest or entry.due < earliest then earliest = entry.due end
  end
  if self.timer then
    if earliest == self.armed then return end
    self.timer:cancel()
    self.timer = nil
  end
  self.armed = earliest
  if not earliest then return end
  self.timer = self.loop:after(math.max(earliest - self.loop:now(), 0), function()
    self.timer = nil
    self:tick()
  end)
end

-- What is due now, an array, and its field `at`: so many of them were looked at.
local function all_due(self, now)
  local due = { at = 0 }
  for _, entry in ipairs(self.entries) do
    if entry.due <= now then due[#due + 1] = entry end
  end
  return due
end

-- Looks at what is due, some in a turn. Called by its timer.
function Finished:tick()
  local now = self.loop:now()
  local due = self.due or all_due(self, now)
  self.due = due
  for at = due.at + 1, math.min(due.at + AT_ONCE, #due) do
    local entry = due[at]
    if self.entries[self.index[entry.name]] == entry then check(self, entry, now) end
  end
  due.at = due.at + AT_ONCE
  if due.at < #due then return self.loop:post(function() if self.due == due then self:tick() end end) end
  self.due = nil
  arm(self)
end

-- Something happened to NAME, or it was found. EVENT is inotify's (modify, close_write, moved_to, create) or nil.
function Finished:touch(name, event)
  local now = self.loop:now()
  local entry
  if self.index[name] then
    entry = self.entries[self.index[name]]
  else
    entry = { name = name, since = now, begun = now, due = now }
    self.entries[#self.entries + 1] = entry
    self.index[name] = #self.entries
  end
  if event then
    entry.since, entry.open, entry.backoff = now, nil, nil
    if event.modify then entry.writer = true end
    if event.close_write or event.moved_to then entry.writer = nil end
  end
  entry.due = math.min(entry.due, now + (entry.info and FIRST_MS or 0))
  if not self.timer or entry.due < self.armed then arm(self) end
end

-- There is no such file any more, or it is another one.
function Finished:forget(name)
  self.past[name] = nil
  local at = self.index[name]
  if at then remove(self, self.entries[at]) end
end

-- { state = "growing" | "settling", size =, rate = bytes a second | nil, since = ms, reason = } | nil.
function Finished:state(name)
  local entry = self.entries[self.index[name]]
  if not entry then return nil end
  local now = self.loop:now()
  local growing = entry.writer or entry.open or entry.step or now - entry.since < 2 * LOOK_MS
  local reason = entry.open and "still open for writing"
    or entry.step and ("appended to after it was finished: waits for %d s of calm"):format(calm_of(self, entry) // 1000)
  return {
    state = growing and "growing" or "settling", size = entry.info and entry.info.size, since = entry.since,
    rate = growing and entry.rate or nil, reason = reason or nil,
  }
end

function Finished:stop()
  if self.timer then self.timer:cancel() end
  self.timer, self.due, self.entries, self.index, self.past = nil, nil, {}, {}, {}
end

return finished
