-- suppliers.lua - which source of a file is asked next, and how long one that failed rests. Asks nobody itself.
local backoff = require "backoff"

local suppliers = {}
suppliers.__index = suppliers

local LOOK_AGAIN = 1000 -- ms between two looks at who there is
local WIDTH, WIDTH_SLOW = 4, 8 -- requests at once; where each of them is slow
local LONG, SLOW = 256 * 1024, 1000 -- bytes whose time tells something; bytes/ms
local FASTER = 4 -- times as fast: then a slow source is left for another slow one that is further away

-- The back-off after a failure, by its code: a kind, and the first and the longest wait in ms where those differ.
-- What no honest source does weighs more; a body that was cut short is what a publisher leaves who loses power.
local UNREACHED = { backoff.quick, 500, 30 * 1000 }
local ABSENT = { backoff.quick, 5 * 1000, 5 * 60 * 1000 }
local HOSTILE = { backoff.slow }
local RESTS = {
  missing = ABSENT, moved = ABSENT, permission = ABSENT,
  block = HOSTILE, long = HOSTILE, redirect = HOSTILE, form = HOSTILE,
}
RESTS.pause = { backoff.quick, 15 * 1000, 15 * 1000 } -- one small question, and no byte of a file
RESTS.full = { backoff.quick, 500, 4 * 1000 } -- he is there, and says that he has too much to do now
local SPARE = 1000 -- ms from a failure, and from one rest that was cut short to the next

-- loop, random; list() → array of { id =, name =, url =, urls = (not given: only that one), own = }, nearest first.
function suppliers.new(given)
  return setmetatable({ loop = given.loop, random = given.random, list = given.list, known = {}, sources = {} },
    suppliers)
end

local function refresh(self)
  local now = self.loop:now()
  if self.looked and now - self.looked < LOOK_AGAIN then return end
  self.looked = now
  self.sources = self.list()
  for _, source in ipairs(self.sources) do
    local state, urls = self.known[source.id], source.urls or { source.url }
    if not state or state.first ~= urls[1] then -- a new address, such as after a restart, is tried at once
      state = { first = urls[1], turn = 0, faults = state and state.faults or 0, retry_at = 0 }
      self.known[source.id] = state
    end
    state.url = urls[state.turn % #urls + 1]
    source.url = state.url
  end
end

local function is_better(state, than)
  if state.faults ~= than.faults then return state.faults < than.faults end
  if not (state.slow and than.slow) then return not state.slow and than.slow or false end
  return state.rate > than.rate * FASTER
end

-- The source to ask now: of those that do not rest the one with fewest faults, then one that is not known to be slow,
-- or is far less so, then the nearest. → source | nil, ms until it may be asked again
function suppliers:pick()
  refresh(self)
  local now, best, soonest = self.loop:now(), nil, LOOK_AGAIN
  for _, source in ipairs(self.sources) do
    local state = self.known[source.id]
    local rest = state.retry_at - now
    if rest > 0 then
      soonest = math.min(soonest, rest)
    elseif not best or is_better(state, self.known[best.id]) then
      best = source
    end
  end
  return best, soonest
end

-- Was each of those known asked, and did none of them give anything the last time?
function suppliers:all_failed()
  for _, source in ipairs(self.sources) do
    if not self.known[source.id].rests then return false end
  end
  return #self.sources > 0
end

-- Where the source ID is met now, as far as anybody knows | nil.
function suppliers:address(id)
  self.looked = nil
  refresh(self)
  return self.known[id] and self.known[id].first
end

-- Requests that were under way together and failed together count as one failure. → true: he was not reached there
function suppliers:failed(source, code)
  local state, now = self.known[source.id], self.loop:now()
  local rests = RESTS[code] or UNREACHED
  if code == "permission" and source.urls and source.urls[2] then rests = UNREACHED end -- else by another way, perhaps
  if state.url ~= source.url then return end
  if rests == HOSTILE then state.faults = state.faults + 1 end
  if state.retry_at > now and rests ~= HOSTILE then return end
  if state.rests ~= rests then state.backoff = rests[1](self.random, rests[2], rests[3]) end
  state.retry_at = now + state.backoff:next()
  state.rests, state.failed_at = rests, now
  if rests == UNREACHED then state.turn = state.turn + 1 end -- another of his addresses
  return rests == UNREACHED
end

-- The source ID is heard of again: where he rests because he could not be reached he need not for long. → ms until then
function suppliers:back(id)
  local state, now = self.known[id], self.loop:now()
  if not state or state.rests ~= UNREACHED or state.retry_at <= now then return nil end
  if self.cut_short and now - self.cut_short < SPARE then return nil end
  self.cut_short = now
  state.backoff:reset()
  state.retry_at = math.min(state.retry_at, math.max(now, state.failed_at + SPARE))
  return state.retry_at - now
end

-- SIZE bytes came within MS and were what was asked for.
function suppliers:gave(source, size, ms)
  local state = self.known[source.id]
  if state.faults == 0 then state.rests = nil end
  if size < LONG then return end
  state.slow, state.rate = size < ms * SLOW, size / math.max(ms, 1)
  self.slow = state.slow -- the newest long answer, whoever's
end

-- Is nobody known who has it?
function suppliers:nobody() return #self.sources == 0 end

-- How many requests of one file may be under way at once.
function suppliers:width() return self.slow and WIDTH_SLOW or WIDTH end

-- Did the last long answer come slowly? Where frames get lost, what a connection believes of its path sinks with
-- time and does not rise again: another one costs a handshake and begins anew.
function suppliers:is_slow(source) return self.known[source.id].slow or false end

function suppliers.is_hostile(code) return RESTS[code] == HOSTILE end

return suppliers
