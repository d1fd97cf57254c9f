-- unmet.lua - newcomers who are to hear our beacon: who, how often still, and from when on it is not to be left out.
-- Says none itself.
--
-- All on a medium hear a newcomer at once. Where they are few each greets him now; of hundreds, of whom somebody is
-- switched on each second, all would speak all the time. So there each waits by chance, and longer the more they are:
-- together they greet by ten beacons a second, whoever came meanwhile is greeted by the same one.
local unmet = {}
unmet.__index = unmet

local GREETINGS <const>, MOST <const> = 3, 256 -- beacons said to one who does not answer; who are remembered
local APART <const> = 100 -- ms of the wait for each who is heard on a medium
local COUNTED <const> = 1000 -- ms that their number is good for

--- given.loop, random, peers
function unmet.new(given)
  return setmetatable({ loop = given.loop, random = given.random, peers = given.peers, left = {}, count = 0 }, unmet)
end

--- Is anybody to be greeted?
function unmet:any() return self.count > 0 end

-- How many are heard by broadcast now.
local function crowd(self)
  local now = self.loop:now()
  if self.crowd and now - self.crowd_at < COUNTED then return self.crowd end
  self.crowd, self.crowd_at = 0, now
  for _, peer in ipairs(self.peers.list) do
    if peer.broadcast_at and now - peer.broadcast_at < self.peers.silent_ms then self.crowd = self.crowd + 1 end
  end
  return self.crowd
end

-- ms in which all greet once: half of the longest interval at most, in which all speak anyway; nil: few are here.
local function window(self, interval)
  local ms = math.min(interval[2] // 2, crowd(self) * APART)
  return ms > interval[1] and ms or nil
end

--- ID came. INTERVAL: the beacon's. → is there room for him?
function unmet:add(id, interval)
  if not self.left[id] then
    if self.count >= MOST then return false end
    self.count = self.count + 1
  end
  self.left[id] = GREETINGS
  if self.count > 1 and self.from then return true end
  local ms = window(self, interval)
  self.from = ms and self.loop:now() + self.random:integer(ms + 1)
  return true
end

--- ID heard us.
function unmet:drop(id)
  if not self.left[id] then return end
  self.left[id], self.count = nil, self.count - 1
end

--- A beacon was said.
function unmet:spoken(interval)
  for id, left in pairs(self.left) do -- any order
    if left > 1 then self.left[id] = left - 1 else self:drop(id) end
  end
  local ms = self.count > 0 and window(self, interval)
  self.from = ms and self.loop:now() + ms // 2 + self.random:integer(ms // 2 + 1) or nil
end

--- ms until somebody is to be greeted, where that waits for others here | nil
function unmet:wait() return self.count > 0 and self.from and math.max(0, self.from - self.loop:now()) or nil end

--- Is the next beacon one that greets?
function unmet:is_due() return self.count > 0 and (self:wait() or 0) == 0 end

return unmet
