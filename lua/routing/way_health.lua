-- way_health.lua - did answers come over each way, and when may one that failed be tried again? Knows no address.
--
-- A way may work in one direction only: a peer is heard, and yet nothing that is sent there arrives. So a way counts
-- as good in its outward direction by answers alone. One that failed rests, and is good again with the next answer.
local backoff = require "backoff"
local bounded = require "bounded"

local way_health = {}
way_health.__index = way_health

local WAYS_MAX <const> = 1000
local MINUTE <const>, MINUTES_MAX <const> = 60 * 1000, 10 -- for each failure: then it is tried beside living ones
local SHARE <const> = 8 -- the newest try has an eighth of the weight in what is known of losses

--- given.loop, given.random (core.random)
function way_health.new(given)
  return setmetatable({ loop = given.loop, random = given.random,
    states = bounded.new { limit = WAYS_MAX } }, way_health)
end

local function state_of(self, key)
  local state = self.states:get(key)
  if not state then
    state = { failures = 0, loss = 0, backoff = backoff.quick(self.random) }
    self.states:put(key, state)
  end
  return state
end

--- What was sent over the way KEY got no answer in time, or the refusal CODE. It rests for 1 s, doubling to 1 min.
function way_health:failed(key, code)
  local state, now = state_of(self, key), self.loop:now()
  state.failures, state.failed, state.code = state.failures + 1, now, code
  state.loss = state.loss + (1 - state.loss) / SHARE
  state.again = now + state.backoff:next()
end

--- An answer came over the way KEY, after RTT_US microseconds (nil: that was not measured).
function way_health:answered(key, rtt_us)
  local state = state_of(self, key)
  state.answered, state.failures, state.again, state.code = self.loop:now(), 0, nil, nil
  state.loss = state.loss - state.loss / SHARE
  state.rtt_us = rtt_us or state.rtt_us
  state.backoff:reset()
end

--- Has the way KEY failed since the last answer over it? PROVED: ms at which an answer came that nobody told us of, or
--- nil. → bool, and where it has: its state { failures =, code =, failed = ms, again = ms }
function way_health:is_failing(key, proved)
  local state = self.states:get(key)
  if not state or not state.again then return false end
  if proved and proved > state.failed then
    self:answered(key)
    return false
  end
  return true, state
end

--- May it be tried now whether the way of STATE, which fails, is good again? Then the next time is later.
function way_health:may_try(state)
  local now = self.loop:now()
  if now < state.again then return false end
  state.again = now + state.backoff:next()
  return true
end

--- Is the way of STATE, which fails and which no ping can ask in the background, taken only where no other lives?
function way_health:waits(state)
  return self.loop:now() - state.failed < MINUTE * math.min(state.failures, MINUTES_MAX)
end

--- What is known of the way KEY → { rtt_us =, loss = 0…1, answered = ms }, each nil where unknown | nil
function way_health:get(key) return self.states:get(key) end

--- What is bounded here, as bounded.lua's rows.
function way_health:bounds() return { self.states:row "ways" } end

return way_health
