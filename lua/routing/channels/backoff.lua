-- backoff.lua - how long to wait before the next try: doubling, with chance, bounded. No timer of its own.
local backoff = {}

local Backoff = {}
Backoff.__index = Backoff

-- backoff.new{ random =, first = 1000, most = 60000 } (milliseconds).
function backoff.new(options)
  return setmetatable({
    random = options.random, first = options.first or 1000, most = options.most or 60000, step = 0,
  }, Backoff)
end

-- Milliseconds to wait now: half of first·2ⁿ (at most `most`) and up to as much again by chance, so that a
-- room full of robots that lost power together does not come back together.
function Backoff:next()
  local whole = math.min(self.most, self.first << math.min(self.step, 20))
  self.step = self.step + 1
  return whole // 2 + self.random:integer(whole // 2 + 1)
end

function Backoff:reset()
  self.step = 0
end

return backoff
