-- bounded.lua - values by key up to a limit: what goes first is chosen, and counted. Knows no value and no user.
local bounded = {}
bounded.__index = bounded

--- given.limit   how many are kept
--- given.victim  fn(things) → position of the one that goes, by things:each(); nil: the oldest goes
function bounded.new(given)
  return setmetatable({ limit = given.limit, victim = given.victim, keys = {}, values = {}, dropped = 0 }, bounded)
end

local function remove(self, at) self.values[table.remove(self.keys, at)] = nil end

--- → the value of KEY | nil
function bounded:get(key) return self.values[key] end

--- Keeps VALUE, which is not nil, by KEY. A key that is there keeps its place; for a new one, where all places are
--- taken, another goes first.
function bounded:put(key, value)
  if self.values[key] == nil then
    if #self.keys >= self.limit then
      remove(self, self.victim and self:victim() or 1)
      self.dropped = self.dropped + 1
    end
    self.keys[#self.keys + 1] = key
  end
  self.values[key] = value
end

--- Forgets KEY. That counts as no drop.
function bounded:forget(key)
  if self.values[key] == nil then return end
  for at, each in ipairs(self.keys) do
    if each == key then return remove(self, at) end
  end
end

local function after(self, at)
  local key = self.keys[at + 1]
  if key ~= nil then return at + 1, key, self.values[key] end
end

--- For `for at, key, value in things:each()`, the oldest first.
function bounded:each() return after, self, 0 end

function bounded:count() return #self.keys end

--- What `status` tells of it → { name = NAME, count =, limit =, dropped = how many had to go for others }
function bounded:row(name)
  return { name = name, count = #self.keys, limit = self.limit, dropped = self.dropped }
end

return bounded
