-- rests.lua - files that did not come: how long each is left alone. Fetches nothing, asks no policy.
local rests = {}
rests.__index = rests

local FIRST, LONGEST = 5 * 1000, 60 * 1000 -- ms; where somebody gave wrong bytes always the longest
local KEPT_MAX = 1024 -- files; of the oldest one it is forgotten that it failed

-- loop; wake(key, signer) when a rest is over.
function rests.new(given)
  return setmetatable({ loop = given.loop, wake = given.wake, list = {}, by_key = {} }, rests)
end

-- One timer, for the rest that is over first.
local function arm(self)
  local soonest
  for _, rest in ipairs(self.list) do
    if rest.asleep and (not soonest or rest.till < soonest) then soonest = rest.till end
  end
  if self.timer then self.timer:cancel() end
  self.timer = soonest and self.loop:after(soonest - self.loop:now(), function()
    self.timer = nil
    self:ripe()
  end)
end

-- Wakes those whose rest is over.
function rests:ripe()
  local now = self.loop:now()
  for _, rest in ipairs(self.list) do
    if rest.asleep and rest.till <= now then
      rest.asleep = false
      self.wake(rest.key, rest.signer)
    end
  end
  arm(self)
end

local function remove(self, rest)
  self.by_key[rest.key] = nil
  for i, each in ipairs(self.list) do
    if each == rest then return table.remove(self.list, i) end
  end
end

local function add(self, key)
  if #self.list >= KEPT_MAX then remove(self, self.list[1]) end
  local rest = { key = key, step = 0 }
  self.by_key[key] = rest
  self.list[#self.list + 1] = rest
  return rest
end

-- The file KEY of SIGNER did not come; WORD says why (content's fetch).
function rests:put(key, signer, word)
  local rest = self.by_key[key] or add(self, key)
  rest.step = word == "missing" and math.min(math.max(rest.step * 2, FIRST), LONGEST) or LONGEST
  rest.signer, rest.unreached, rest.asleep = signer, word == "missing", true
  rest.till = self.loop:now() + rest.step
  arm(self)
end

function rests:has(key) return self.by_key[key] ~= nil and self.by_key[key].asleep end

-- It came.
function rests:forget(key)
  if self.by_key[key] then remove(self, self.by_key[key]) end
end

-- Who gives(key, signer) can be reached again: what nobody could be reached for rests no longer.
function rests:back(gives)
  for _, rest in ipairs(self.list) do
    if rest.asleep and rest.unreached and gives(rest.key, rest.signer) then rest.till = self.loop:now() end
  end
  self:ripe()
end

function rests:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return rests
