-- backoff.lua - how long to wait before the next try: doubling, bounded, with chance. It has no timer of its own.
--
-- There are two kinds. `quick` is for what may be over soon, such as a busy port or a peer that was switched off: 1 s
-- doubling to 1 min. `slow` is for what a person has to mend, or what costs others something: 1 min doubling to 1 h.
local backoff = {}
backoff.__index = backoff

local MINUTE = 60 * 1000
local DOUBLINGS_MAX = 20 -- more would leave the range of an integer

--- The wait after TRIES failures (0: the first) → ms: between half of FIRST · 2^TRIES ms (at most MOST ms) and the
-- whole. The part by chance keeps a room full of robots that lost power together from coming back together. RANDOM
-- (core.random) is nil where nobody shares what is waited for, such as the own disk: then it is always the whole.
function backoff.wait(random, tries, first, most)
  local whole = math.min(most, first << math.min(tries, DOUBLINGS_MAX))
  if not random then return whole end
  return whole // 2 + random:integer(whole // 2 + 1)
end

local function new(random, first, most)
  return setmetatable({ random = random, first = first, most = most, tries = 0 }, backoff)
end

--- → a back-off of the quick kind. RANDOM as above; FIRST and MOST (ms) where the user needs other bounds.
function backoff.quick(random, first, most) return new(random, first or 1000, most or MINUTE) end

--- The same of the slow kind.
function backoff.slow(random, first, most) return new(random, first or MINUTE, most or 60 * MINUTE) end

--- It failed once more → ms to wait now.
function backoff:next()
  local wait = backoff.wait(self.random, self.tries, self.first, self.most)
  self.tries = self.tries + 1
  return wait
end

--- It succeeded: the next failure is the first again.
function backoff:reset() self.tries = 0 end

--- Of the failures before, no more than TRIES count.
function backoff:at_most(tries) self.tries = math.min(self.tries, tries) end

return backoff
