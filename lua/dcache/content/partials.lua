-- partials.lua - the beginnings of files that lie in STATE/partial: listed, removed, given up for another's room.
local cid = require "core.cid"

local partials = {}
partials.__index = partials

-- disk, log, dir (the state folder), store (the folder of finished ones), disk_space (disk_space.lua's), awaited (set
-- of CIDs whose beginnings are left alone); fetcher (fetch.lua's), to be set.
function partials.new(given)
  return setmetatable({ disk = given.disk, log = given.log, dir = given.dir, store = given.store,
    disk_space = given.disk_space, awaited = given.awaited or {} }, partials)
end

-- Where they are: on the file system of the finished ones, else none could be renamed to its place. the store may be
-- a disk of its own.
function partials:folder()
  local here, there = self.disk:stat(self.dir .. "/partial"), self.disk:stat(self.store)
  local apart = here and there and here.dev ~= there.dev
  return apart and self.store .. "/.partial" or self.dir .. "/partial"
end

local function size_of(self, folder, key)
  local facts = self.disk:stat(folder .. "/" .. key)
  return facts and facts.kind == "file" and facts.size or nil
end

-- Bytes that lie there of the file KEY.
function partials:size(key) return size_of(self, self:folder(), key) or 0 end

-- Of files that are not being fetched: { cid =, size = bytes that lie there }, by CID.
function partials:idle()
  local list, folder = {}, self:folder()
  for _, key in ipairs(self.disk:list(folder) or {}) do
    local left = cid.parse(key) and not self.fetcher.by_cid[key] and not self.awaited[key]
    local size = left and size_of(self, folder, key)
    if size then list[#list + 1] = { cid = key, size = size } end
  end
  return list
end

-- The file KEY is not fetched any more, and what came of it goes. WHY: for the log, and for who waits for the file.
function partials:drop(key, why)
  self.disk_space:forget(key)
  self.fetcher:give_up(key, "missing: " .. why, "missing")
  local folder = self:folder()
  local size = size_of(self, folder, key)
  if not size or not self.disk:unlink(folder .. "/" .. key) then return end
  self.log:info("content", "half removed", { cid = key, bytes = size, why = why })
end

-- The file KEY waits for room: smaller beginnings than its own go, which wait too, where that lets it begin; the
-- smallest first, no more than it takes. Never a larger one, so that two do not take each other's. → can it begin now?
function partials:make_room(key)
  local short = self.disk_space:short(key)
  if not short then return false end -- the disk refused for another reason than that its rest does not fit
  local own, list, victims, sum = size_of(self, self:folder(), key) or 0, self:idle(), {}, 0
  table.sort(list, function(a, b) return a.size < b.size or a.size == b.size and a.cid < b.cid end)
  for _, half in ipairs(list) do
    if half.cid ~= key and half.size < own and sum < short then
      victims[#victims + 1], sum = half, sum + half.size
    end
  end
  if sum < short then return false end
  for _, half in ipairs(victims) do self:drop(half.cid, "its room lets another file come to its end") end
  return true
end

return partials
