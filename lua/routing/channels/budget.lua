-- budget.lua - how many bytes may be said on a shared medium now. No queue, no timer, no channel.
--
-- A token bucket of the medium: what is heard from others empties it as what is said does, else each of n
-- nodes would take a whole share. A small reserve is ours alone, so that nobody can silence us by talking.
local budget = {}

local RESERVE = 16 -- part of the rate that hearing does not take

local Budget = {}
Budget.__index = Budget

-- budget.new{ now = fn() → ms, rate = bytes a second, burst = bytes, least = bytes of one frame }.
function budget.new(options)
  local made = {
    now = options.now, rate = options.rate, burst = options.burst,
    reserve_rate = math.max(1, options.rate // RESERVE), reserve_burst = 2 * options.least,
  }
  made.at, made.medium, made.reserve = made.now(), made.burst * 1000, made.reserve_burst * 1000
  return setmetatable(made, Budget) -- medium and reserve count thousandths of bytes
end

local function refill(self)
  local now = self.now()
  local passed = math.max(0, now - self.at)
  self.at = now
  self.medium = math.min(self.burst * 1000, self.medium + passed * self.rate)
  self.reserve = math.min(self.reserve_burst * 1000, self.reserve + passed * self.reserve_rate)
end

-- Bytes that may go now.
function Budget:available()
  refill(self)
  return math.max(self.medium, self.reserve) // 1000
end

-- Takes SIZE bytes → true, or false if they may not go.
function Budget:spend(size)
  refill(self)
  if self.medium >= size * 1000 then
    self.medium = self.medium - size * 1000
  elseif self.reserve >= size * 1000 then
    self.reserve = self.reserve - size * 1000
  else
    return false
  end
  return true
end

-- SIZE bytes were heard from others.
function Budget:heard(size)
  refill(self)
  self.medium = math.max(0, self.medium - size * 1000)
end

-- Milliseconds until SIZE bytes may go if nobody speaks meanwhile.
function Budget:wait(size)
  refill(self)
  local medium = (size * 1000 - self.medium + self.rate - 1) // self.rate
  local reserve = (size * 1000 - self.reserve + self.reserve_rate - 1) // self.reserve_rate
  return math.max(0, math.min(medium, reserve))
end

return budget
