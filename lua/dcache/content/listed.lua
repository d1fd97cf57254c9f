-- listed.lua - methods of content (init.lua) for the list of what is held: put in, gone through, summed.
local place = require "dcache.content.place"
local slices = require "slices"
local store = require "dcache.content.store"

local listed = {}

-- Where the file KEY stands, or would, in LIST, which is sorted by CID.
local function position(list, key)
  local low, high = 1, #list + 1
  while low < high do
    local middle = (low + high) // 2
    if list[middle].cid < key then low = middle + 1 else high = middle end
  end
  return low
end

--- FILE is held (CHANGE 1) or no longer (-1), for the sums: a payload of an update is no copy of anybody's.
function listed:count(file, change)
  if place.is_payload(file.path) then
    self.apart, self.is_apart[file.cid] = self.apart + change, change > 0 or nil
  else
    self.bytes = self.bytes + change * file.identity.size
  end
end

-- FILE is held from here on; nobody is told yet.
function listed:insert(file)
  table.insert(self.list, position(self.list, file.cid), file)
  self.by_cid[file.cid], self.by_path[file.path] = file, file
  self:count(file, 1)
  if not self.list[2] then self.first_files:call() end
end

-- Sorted by CID: { cid =, name = its path at its origin, size =, path = here, class =, from = peer ID }; what is not
-- known is left out, then name is the file's name here. also: other names of the same bytes, { from =, name = } each.
-- away: the disk of held files is not there.
function listed:stored()
  local list = {}
  for one in self:each_stored() do list[#list + 1] = one end
  return list
end

-- The same, one after the other, AFTER: those behind that CID. → a function that gives the next one | nil
function listed:each_stored(after)
  local files, i = table.move(self.list, 1, #self.list, 1, {}), 0 -- it may change between two slices
  if after then i = position(files, after .. "\0") - 1 end
  return function()
    slices.step(0.3)
    i = i + 1
    local file = files[i]
    if not file then return nil end
    local origin = file.origin or {}
    return { cid = file.cid, name = origin.name or file.name, size = file.identity.size,
      path = store.path(self, file), checked = file.checked, class = origin.class, from = origin.from, also = file.also,
      away = self.disk_space.away and true or nil }
  end
end

-- How many copies of others' files are held, and their bytes; payloads of updates are none.
function listed:sums() return #self.list - self.apart, self.bytes end

return listed
