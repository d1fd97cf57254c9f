-- budget.lua - how many bytes may be said on a shared medium now. No queue, no timer, no channel.
--
-- What is heard from others empties the medium's bucket as what is said does, else each of n nodes would take a whole
-- share. A small reserve is ours alone, so that nobody can silence us by talking.
local token_bucket = require "token_bucket"

local budget = {}
local Budget = {}
Budget.__index = Budget

local RESERVE = 16 -- part of the rate that hearing does not take

--- options.now    fn() → ms
--- options.rate   bytes a second that the medium carries
--- options.burst  bytes at once
--- options.least  bytes of the largest frame: the reserve holds two
function budget.new(options)
  return setmetatable({
    medium = token_bucket.new { now = options.now, rate = options.rate, burst = options.burst },
    reserve = token_bucket.new {
      now = options.now, rate = math.max(1, options.rate // RESERVE), burst = 2 * options.least,
    },
  }, Budget)
end

-- Bytes that may go now.
function Budget:available() return math.max(self.medium:left(), self.reserve:left()) end

-- Takes SIZE bytes → true, or false if they may not go.
function Budget:spend(size) return self.medium:take(size) or self.reserve:take(size) end

-- SIZE bytes were heard from others.
function Budget:heard(size) self.medium:drain(size) end

-- Milliseconds until SIZE bytes may go if nobody speaks meanwhile.
function Budget:wait(size) return math.min(self.medium:wait(size), self.reserve:wait(size)) end

return budget
