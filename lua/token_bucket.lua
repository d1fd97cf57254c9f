-- token_bucket.lua - how much may be used now, of what comes back at a steady rate. No timer, no queue of its own.
local token_bucket = {}
token_bucket.__index = token_bucket

--- given.now   fn() → ms; a step back brings nothing back and takes nothing
--- given.rate  tokens (bytes, checks, tries) that come back a second
--- given.burst the most that are there at once; a new bucket is full
function token_bucket.new(given)
  return setmetatable({
    now = given.now, rate = given.rate, burst = given.burst, at = given.now(),
    thousandths = given.burst * 1000,
  }, token_bucket)
end

local function refill(self)
  local now = self.now()
  local passed = math.max(0, now - self.at)
  self.at = now
  self.thousandths = math.min(self.burst * 1000, self.thousandths + passed * self.rate)
end

--- → whole tokens that are there now; below 0 where more was charged than there was.
function token_bucket:left()
  refill(self)
  return self.thousandths // 1000
end

--- Takes N → true; or false where fewer are there, and then takes none.
function token_bucket:take(n)
  refill(self)
  if self.thousandths < n * 1000 then return false end
  self.thousandths = self.thousandths - n * 1000
  return true
end

--- Takes N, or as many as there are.
function token_bucket:drain(n)
  refill(self)
  self.thousandths = math.max(math.min(0, self.thousandths), self.thousandths - n * 1000)
end

--- Takes N, though fewer are there: what comes back pays the debt first.
function token_bucket:charge(n)
  refill(self)
  self.thousandths = self.thousandths - n * 1000
end

--- Gives N back, up to the burst.
function token_bucket:put_back(n)
  refill(self)
  self.thousandths = math.min(self.burst * 1000, self.thousandths + n * 1000)
end

--- → ms until N are there if nobody takes any meanwhile.
function token_bucket:wait(n)
  refill(self)
  return math.max(0, (n * 1000 - self.thousandths + self.rate - 1) // self.rate)
end

return token_bucket
