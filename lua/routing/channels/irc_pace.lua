-- irc_pace.lua - how many lines may be said to an IRC server now, so that it does not send us away. No queue, no timer.
--
-- Servers count commands more than bytes: by RFC 1459 (8.10) each costs two seconds, and who is ten ahead has to wait;
-- what waits fills a queue of theirs, and if that is full we are put out. So each line costs the same here, however
-- short it is. A line in two seconds and six at once are within the rules of all servers that we know of, of which none
-- puts out for one line that waits; who runs his own may give more by `budget`, and where a server complains we go at
-- half the pace.
local token_bucket = require "token_bucket"

local irc_pace = {}
irc_pace.__index = irc_pace

local LINE <const> = 390 -- bytes that a line counts for
local RATE <const> = 195 -- bytes a second
local BURST <const> = 6 -- lines at once: two frames of three
local RATE_LEAST <const> = 13 -- bytes a second: a line in half a minute

irc_pace.BURST, irc_pace.RATE = BURST, RATE

local function fill(self)
  self.bucket = token_bucket.new { now = self.now, rate = self.rate, burst = BURST * LINE }
end

--- NOW: fn() → ms; RATE: bytes a second, of lines of 390, or nil: as usual.
function irc_pace.new(now, rate)
  local self = setmetatable({ now = now, rate = math.max(RATE_LEAST, rate or RATE) }, irc_pace)
  fill(self)
  return self
end

--- → lines that may be said now; at most six.
function irc_pace:lines() return math.max(0, self.bucket:left() // LINE) end

--- N lines are said, whether they may or not: later ones wait the longer.
function irc_pace:charge(n) self.bucket:charge(n * LINE) end

--- → ms until N lines (at most six) may be said.
function irc_pace:wait(n) return self.bucket:wait(n * LINE) end

--- The server found it too fast: from now on at half the pace, beginning with nothing.
function irc_pace:slower()
  self.rate = math.max(RATE_LEAST, self.rate // 2)
  fill(self)
  self:charge(BURST)
end

return irc_pace
