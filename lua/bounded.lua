-- bounded.lua - values by key up to a limit: what goes first is chosen, and counted. Knows no value and no user.
local bounded = {}
bounded.__index = bounded

--- given.limit   how many are kept
--- given.victim  fn(list of { key =, value = }, the oldest first) → position of the one that goes; nil: the oldest goes
function bounded.new(given)
  return setmetatable({ limit = given.limit, victim = given.victim, list = {}, by_key = {}, dropped = 0 }, bounded)
end

local function remove(self, at)
  local entry = table.remove(self.list, at)
  self.by_key[entry.key] = nil
end

--- → the value of KEY | nil
function bounded:get(key)
  local entry = self.by_key[key]
  return entry and entry.value
end

--- Keeps VALUE by KEY. A key that is there keeps its place; for a new one, where all places are taken, another goes
-- first.
function bounded:put(key, value)
  local entry = self.by_key[key]
  if entry then
    entry.value = value
    return
  end
  if #self.list >= self.limit then
    remove(self, self.victim and self.victim(self.list) or 1)
    self.dropped = self.dropped + 1
  end
  entry = { key = key, value = value }
  self.by_key[key], self.list[#self.list + 1] = entry, entry
end

--- Forgets KEY. That counts as no drop.
function bounded:forget(key)
  local entry = self.by_key[key]
  if not entry then return end
  for at, each in ipairs(self.list) do
    if each == entry then return remove(self, at) end
  end
end

--- For `for _, entry in things:each()`: entries { key =, value = }, the oldest first.
function bounded:each() return ipairs(self.list) end

function bounded:count() return #self.list end

--- What `status` tells of it → { name = NAME, count =, limit =, dropped = how many had to go for others }
function bounded:row(name)
  return { name = name, count = #self.list, limit = self.limit, dropped = self.dropped }
end

return bounded
