-- adopted_time.lua - the time that peers' clocks tell, for a node that cannot prove one. It judges and proves nothing.
--
-- Of the clocks that are stated now the lower median counts, forward or back: who lies alone among two honest ones
-- moves nobody, and who stops lying is believed again. Times are Unix milliseconds.
local adopted_time = {}
adopted_time.__index = adopted_time

local MINUTE = 60 * 1000
local SMALL = MINUTE -- a change under this is left alone
local APART = 10 * MINUTE -- a change over this is another time, a leap: it must have stood for a while
local STOOD = MINUTE -- so long
local EVERY = 10 * MINUTE -- between two leaps at least
local DAY = 24 * 60 * MINUTE
local BEFORE, AFTER = DAY, 3653 * DAY -- around the build: clocks that say something else are wrong

-- loop; build = ms.
function adopted_time.new(given)
  return setmetatable({ loop = given.loop, least = given.build - BEFORE, most = given.build + AFTER }, adopted_time)
end

-- The adopted time (ms), running on; nil where none was adopted yet.
function adopted_time:now() return self.at and self.at + self.loop:now() - self.mono end

-- Those of CLAIMS (as for `look`) that say the adopted time.
function adopted_time:agreeing(claims)
  local list, now = {}, self:now()
  for _, claim in ipairs(now and claims or {}) do
    if math.abs(claim.at - now) <= APART then list[#list + 1] = claim end
  end
  return list
end

local function lower_median(self, claims)
  local list = {}
  for _, claim in ipairs(claims) do
    if claim.at >= self.least and claim.at <= self.most then list[#list + 1] = claim.at end
  end
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- Has another time than ours been said for long enough?
local function has_stood(self, at, mono)
  local other = self.other
  if not other or math.abs(at - (other.at + mono - other.mono)) > APART then
    self.other = { at = at, mono = mono }
    return false
  end
  return mono - other.mono >= STOOD and (not self.leapt or mono - self.leapt >= EVERY)
end

-- CLAIMS: array of { at = ms now }. → "first", "leap" or "change" where another time counts from here on, or nil.
function adopted_time:check(claims)
  local at, mono, now = lower_median(self, claims), self.loop:now(), self:now()
  if not at then return nil end
  local moved = now and math.abs(at - now)
  if moved and moved <= APART then self.other = nil end
  if moved and (moved < SMALL or moved > APART and not has_stood(self, at, mono)) then return nil end
  self.at, self.mono, self.other = at, mono, nil
  if not moved then return "first" end
  if moved <= APART then return "change" end
  self.leapt = mono
  return "leap"
end

return adopted_time
