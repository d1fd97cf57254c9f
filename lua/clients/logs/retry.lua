-- retry.lua - files that could not be fetched: when each is tried again, and why it failed. It fetches nothing itself.
local backoff = require "backoff"
local bounded = require "bounded"
local lost_copies = require "clients.logs.lost_copies"

local retry = {}
retry.__index = retry

local FIRST = 5 * 1000 -- ms until a first try again where the reason may soon be over
local WRONG = 60 * 1000 -- ms until a try again where somebody gave wrong bytes
local GROWS = { missing = true, disk = true } -- what may soon be over: such a rest doubles, from FIRST to a minute
local KEPT_MAX = 1024 -- files; of the oldest one it is forgotten that it failed
local ROWS_MAX = 256

-- loop, random; wake(key, signer) when a rest is over.
function retry.new(given)
  return setmetatable({ loop = given.loop, random = given.random, wake = given.wake,
    rests = bounded.new { limit = KEPT_MAX },
    lost_copies = lost_copies.new(given) }, retry)
end

-- One timer, for the rest that is over first.
local function arm(self)
  local soonest
  for _, entry in self.rests:each() do
    local rest = entry.value
    if rest.asleep and (not soonest or rest.till < soonest) then soonest = rest.till end
  end
  if self.timer then self.timer:cancel() end
  self.timer = soonest and self.loop:after(soonest - self.loop:now(), function()
    self.timer = nil
    self:ripe()
  end)
end

-- Wakes those whose rest is over.
function retry:ripe()
  local now = self.loop:now()
  for _, entry in self.rests:each() do
    local rest = entry.value
    if rest.asleep and rest.till <= now then
      rest.asleep = false
      self.wake(rest.key, rest.file.by)
    end
  end
  arm(self)
end

local function add(self, key)
  local rest = { key = key, backoff = backoff.quick(self.random, FIRST), since = self.loop:now() }
  self.rests:put(key, rest)
  return rest
end

-- FILE { cid =, name =, size =, by = whose } did not come; CODE says why (content's fetch), REASON says it for
-- people.
function retry:put(file, code, reason)
  local rest = self.rests:get(file.cid) or add(self, file.cid)
  rest.unreached, rest.asleep = code == "missing", true
  if rest.word ~= code then rest.since = self.loop:now() end
  rest.file, rest.word, rest.reason = file, code, reason
  rest.till = self.loop:now() + (GROWS[code] and rest.backoff:next() or WRONG)
  arm(self)
end

function retry:has(key)
  local rest = self.rests:get(key)
  return rest ~= nil and rest.asleep or self.lost_copies:has(key)
end

-- Did the file KEY fail to come, whether it rests or is about to be tried again?
function retry:knows(key) return self.rests:get(key) ~= nil or self.lost_copies:has(key) end

-- As lost_copies.lua's note: what has to wait is found by a later look at all files.
function retry:lost(key, damaged) return self.lost_copies:note(key, damaged) end

-- It came, or nobody has it any more.
function retry:forget(key)
  self.rests:forget(key)
end

-- Who gives(key, signer) can be reached again: what nobody could be reached for rests no longer.
function retry:back(gives)
  for _, entry in self.rests:each() do
    local rest = entry.value
    if rest.asleep and rest.unreached and gives(rest.key, rest.file.by) then rest.till = self.loop:now() end
  end
  self:ripe()
end

-- Those that rest, longest first: { cid =, name =, size =, by = whose, state = "waits", word =, reason =, since_ms =
-- that this has been the reason, again_ms = until it is tried again }; at most 256.
function retry:rows()
  local rows, now = {}, self.loop:now()
  for _, entry in self.rests:each() do
    local rest = entry.value
    if #rows >= ROWS_MAX then break end
    local file = rest.file
    if rest.asleep then
      rows[#rows + 1] = { cid = rest.key, name = file.name, size = file.size, by = rest.file.by, state = "waits",
        word = rest.word, reason = rest.reason, since_ms = now - rest.since, again_ms = math.max(0, rest.till - now) }
    end
  end
  return rows
end

--- Rows of what is bounded here (bounded.lua).
function retry:bounds() return { self.rests:row "retries", self.lost_copies.copies:row "lost copies" } end

function retry:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return retry
