-- leaves.lua - the hashes of files' leaves, in STATE/leaves/CID, by which a file is served and checked without being
-- hashed. Hashes nothing.
--
-- A file of one leaf has the digest that its CID names, so nothing is kept of it.
local cid = require "core.cid"
local unixfs = require "core.unixfs"

local leaves = {}
leaves.__index = leaves

local SLICE <const> = 256 -- names that are looked at in a turn
local MOST <const> = unixfs.size_max // unixfs.chunk * 32

-- disk, atomic_write (atomic_write.lua), dir (the state folder)
function leaves.new(given)
  local self = setmetatable({ disk = given.disk, atomic_write = given.atomic_write, folder = given.dir .. "/leaves",
    keeping = {}, users = {} }, leaves)
  self.disk:mkdir(self.folder, 448) -- 0700
  return self
end

local function only_leaf(root)
  local _, digest = cid.parse(root)
  return digest
end

--- The digests of the file ROOT of SIZE bytes, if they are there and whole | nil
function leaves:read(root, size)
  if size <= unixfs.chunk then return only_leaf(root) end
  local bytes = self.disk:read(self.folder .. "/" .. root, MOST)
  if not bytes or #bytes ~= (size + unixfs.chunk - 1) // unixfs.chunk * 32 then return nil end
  return unixfs.layout(size, bytes) == root and bytes or nil
end

--- Brings the digests of a file to the disk: TOLD(true), then a row may name it; or TOLD(nil, text, code). Once; at
-- once where there is nothing to write.
function leaves:keep(root, bytes, told)
  if #bytes <= 32 then return told(true) end
  self.keeping[root] = (self.keeping[root] or 0) + 1
  self.atomic_write:put(self.folder .. "/" .. root, bytes, 384, function(...) -- 0600
    self.keeping[root] = self.keeping[root] > 1 and self.keeping[root] - 1 or nil
    told(...)
  end)
end

--- The same at once, for the time before the loop runs.
function leaves:put(root, bytes) return self.disk:replace(self.folder .. "/" .. root, bytes, 384) end

--- NAMES(cid) → does this user need the digests of that file?
function leaves:use(names) self.users[#self.users + 1] = names end

local function is_needed(self, root)
  for _, names in ipairs(self.users) do
    if names(root) then return true end
  end
  return self.keeping[root] ~= nil
end

--- One that is written down names ROOT no longer: its digests go where no other does and they are not on their way.
function leaves:drop(root)
  if not is_needed(self, root) then self.disk:unlink(self.folder .. "/" .. root) end
end

local function sweep_one(self, name)
  local root = name:gsub("%.new$", "")
  if name ~= root and not self.keeping[root] or name == root and not is_needed(self, root) then
    self.disk:unlink(self.folder .. "/" .. name)
  end
end

--- What nobody needs goes, such as what a power cut left: once, when all users know what they need; a slice a turn of
--- LOOP.
function leaves:sweep(loop)
  if self.swept then return end
  self.swept = true
  local names, at = self.disk:list(self.folder) or {}, 0
  local function slice()
    for i = at + 1, math.min(at + SLICE, #names) do sweep_one(self, names[i]) end
    at = at + SLICE
    if at < #names then loop:post(slice) end
  end
  slice()
end

return leaves
