-- retry.lua - files that could not be fetched: when each is tried again, and why it failed. It fetches nothing itself.
local backoff = require "backoff"
local bounded = require "bounded"
local lost_copies = require "clients.logs.lost_copies"

local retry = {}
retry.__index = retry

local FIRST = 5 * 1000 -- ms until a first try again where the reason may soon be over
local WRONG = 60 * 1000 -- ms until a try again where somebody gave wrong bytes
local GROWS = { missing = true, disk = true } -- what may soon be over: such a rest doubles, from FIRST to a minute
local BAD <const> = 8 -- failures in a row, none of which brought a byte, after which a file is a bad one
local DAY <const> = 24 * 60 * 60 * 1000 -- ms between two tries of a bad file
local KEPT_MAX = 1024 -- files, and as many bad ones; of the oldest one it is forgotten that it failed
local ROWS_MAX = 256

-- loop, random; wake(key, tried) when a rest is over; tried: how often it was tried as whose, by ID.
function retry.new(given)
  return setmetatable({ loop = given.loop, random = given.random, wake = given.wake,
    rests = bounded.new { limit = KEPT_MAX }, bad = bounded.new { limit = KEPT_MAX },
    lost_copies = lost_copies.new(given) }, retry)
end

local function get(self, key) return self.rests:get(key) or self.bad:get(key) end

-- Calls FN(rest) for each that failed: the good ones first, then the bad ones, each time the oldest first.
local function each(self, fn)
  for _, list in ipairs { self.rests, self.bad } do
    for _, _, rest in list:each() do fn(rest) end
  end
end

-- One timer, for the rest that is over first.
local function arm(self)
  local soonest
  each(self, function(rest)
    if rest.asleep and (not soonest or rest.till < soonest) then soonest = rest.till end
  end)
  if self.timer then self.timer:cancel() end
  self.timer = soonest and self.loop:after(math.max(0, soonest - self.loop:now()), function()
    self.timer = nil
    self:ripe()
  end)
end

-- Wakes those whose rest is over.
function retry:ripe()
  local now = self.loop:now()
  each(self, function(rest)
    if not rest.asleep or rest.till > now then return end
    rest.asleep = false
    self.wake(rest.key, rest.tried)
  end)
  arm(self)
end

local function add(self, key)
  local rest = { key = key, backoff = backoff.quick(self.random, FIRST), since = self.loop:now(), failures = 0,
    tried = {} }
  self.rests:put(key, rest)
  return rest
end

local function forgive(self, rest)
  rest.failures = math.min(rest.failures, BAD - 1)
  if not self.bad:get(rest.key) then return end
  self.bad:forget(rest.key)
  self.rests:put(rest.key, rest)
end

-- Who failed too often waits in a queue of his own, so that he takes no good one's place. → ms until a try again
local function wait_of(self, rest, code)
  if rest.failures < BAD then
    forgive(self, rest)
    return GROWS[code] and rest.backoff:next() or WRONG
  end
  self.rests:forget(rest.key)
  self.bad:put(rest.key, rest)
  return DAY - self.random:integer(DAY // 8)
end

-- FILE { cid =, name =, size =, by = whose } did not come; CODE says why (content's fetch), REASON says it for
-- people. BLAMED: it could have come, so that this is the file's failure; HERE: bytes of it that are here.
function retry:put(file, code, reason, blamed, here)
  local rest = get(self, file.cid) or add(self, file.cid)
  rest.unreached, rest.asleep = code == "missing", true
  rest.tried[file.by] = (rest.tried[file.by] or 0) + 1
  if (here or 0) > (rest.here or 0) then rest.failures, rest.here = 0, here end
  if blamed then rest.failures = rest.failures + 1 end
  if rest.word ~= code then rest.since = self.loop:now() end
  rest.file, rest.word, rest.reason = file, code, reason
  rest.till = self.loop:now() + wait_of(self, rest, code)
  arm(self)
end

function retry:has(key)
  local rest = get(self, key)
  return rest ~= nil and rest.asleep or self.lost_copies:has(key)
end

-- Did the file KEY fail to come, whether it rests or is about to be tried again?
function retry:knows(key) return get(self, key) ~= nil or self.lost_copies:has(key) end

-- Did the file KEY fail so often that it is tried once a day, when nothing else is to be fetched?
function retry:is_bad(key) return self.bad:get(key) ~= nil end

-- As lost_copies.lua's note: what has to wait is found by a later look at all files.
function retry:lost(key, damaged) return self.lost_copies:note(key, damaged) end

-- It came, or nobody has it any more.
function retry:forget(key)
  self.rests:forget(key)
  self.bad:forget(key)
end

local function is_waiting(rest) return rest.asleep and rest.unreached end

-- Who gives(key, signer) can be reached again: what nobody could be reached for rests no longer.
function retry:back(gives)
  each(self, function(rest)
    if is_waiting(rest) and gives(rest.key, rest.file.by) then rest.till = self.loop:now() end
  end)
  self:ripe()
end

-- Somebody else has the file KEY now: if nobody could be reached for it, it rests no longer; and it is no bad one any
-- more, for those who gave wrong bytes may have been liars.
function retry:another(key)
  local rest = get(self, key)
  if not rest or not rest.asleep then return end
  rest.failures = 0
  forgive(self, rest)
  rest.till = is_waiting(rest) and self.loop:now() or math.min(rest.till, self.loop:now() + WRONG)
  self:ripe()
end

-- Those that rest, longest first: { cid =, name =, size =, by = whose, state = "waits", word =, reason =, since_ms =
-- that this has been the reason, again_ms = until it is tried again }; at most 256.
function retry:rows()
  local rows, now = {}, self.loop:now()
  each(self, function(rest)
    if #rows >= ROWS_MAX or not rest.asleep then return end
    local file = rest.file
    rows[#rows + 1] = { cid = rest.key, name = file.name, size = file.size, by = file.by, state = "waits",
      word = rest.word, reason = rest.reason, since_ms = now - rest.since, again_ms = math.max(0, rest.till - now) }
  end)
  return rows
end

--- Rows of what is bounded here (bounded.lua).
function retry:bounds()
  return { self.rests:row "retries", self.bad:row "bad files", self.lost_copies.copies:row "lost copies" }
end

function retry:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return retry
