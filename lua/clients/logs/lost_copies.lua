-- lost_copies.lua - copies that were lost here: how long each waits before it is fetched again. Fetches nothing.
--
-- A disk that damages all that it takes would else have the same files fetched without end, and a copy that a person
-- removed would be there again at once.
local backoff = require "backoff"
local bounded = require "bounded"

local lost_copies = {}
lost_copies.__index = lost_copies

local FORGET = 2 * 60 * 60 * 1000 -- ms that a copy lasted, and then a loss of it is the first again
local KEPT_MAX = 16384 -- files; of the oldest one it is forgotten that it was lost

-- loop, random.
function lost_copies.new(given)
  return setmetatable({ loop = given.loop, random = given.random,
    copies = bounded.new { limit = KEPT_MAX } }, lost_copies)
end

local function add(self, key)
  local one = self.copies:get(key)
  if one then
    one.backoff:reset()
    return one
  end
  one = { backoff = backoff.slow(self.random) }
  self.copies:put(key, one)
  return one
end

-- The copy of KEY was lost. DAMAGED: its bytes changed; the first time that is put right at once. → may it be fetched
-- now?
function lost_copies:note(key, damaged)
  local one, now = self.copies:get(key), self.loop:now()
  local first = not one or now - one.at > FORGET
  if first then one = add(self, key) end
  one.at, one.till = now, first and damaged and now or now + one.backoff:next()
  return one.till == now
end

-- Is it left alone still?
function lost_copies:has(key)
  local one = self.copies:get(key)
  return one ~= nil and self.loop:now() < one.till
end

return lost_copies
