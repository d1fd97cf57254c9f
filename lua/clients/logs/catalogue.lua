-- catalogue.lua - which files were hashed, and into what: kept beside the journal. Hashes nothing itself.
--
-- STATE/catalogue is text, a line a file: CID SIZE DEV INO MTIME_NS CTIME_NS NAME. STATE/leaves/CID holds the
-- leaves' hashes of files above one leaf. A line that cannot be read costs hashing that file again, no more.
local cid = require "core.cid"
local unixfs = require "core.unixfs"
local sorted = require "sorted"

local catalogue = {}
local Catalogue = {}
Catalogue.__index = Catalogue

local HEAD = "dt-swarm catalogue 1\n"
local FIELDS = { "size", "dev", "ino", "mtime_ns", "ctime_ns" }
local LEAVES_MOST = unixfs.size_max // unixfs.chunk * 32

local function parse(line)
  local root, size, dev, ino, mtime, ctime, name =
    line:match "^(b%w+) (%d+) (%-?%d+) (%d+) (%-?%d+) (%-?%d+) (.+)$"
  if not root or not cid.parse(root) then return nil end
  local entry = { cid = root, name = name }
  for i, text in ipairs { size, dev, ino, mtime, ctime } do
    entry[FIELDS[i]] = math.tointeger(tonumber(text))
    if not entry[FIELDS[i]] then return nil end
  end
  return entry
end

local function load(self)
  local bytes, text, word = self.disk:read(self.path)
  if not bytes then
    if word ~= "ENOENT" then self.log:warn("logs", "catalogue cannot be read", { why = text }) end
    return
  end
  if bytes:sub(1, #HEAD) ~= HEAD then
    return self.log:warn("logs", "catalogue of another version: files are hashed again", { file = self.path })
  end
  for line in bytes:sub(#HEAD + 1):gmatch "([^\n]*)\n" do
    local entry = parse(line)
    if entry then self.entries[entry.name] = entry else self.damaged = self.damaged + 1 end
  end
end

-- catalogue.open{ disk =, log =, folder = the state folder } → catalogue; damaged = lines that were not read.
function catalogue.open(given)
  local self = setmetatable({
    disk = given.disk, log = given.log, path = given.folder .. "/catalogue", entries = {}, damaged = 0,
    leaves_folder = given.folder .. "/leaves", dirty = false,
  }, Catalogue)
  self.disk:mkdir(self.leaves_folder, 448) -- 0700
  load(self)
  return self
end

-- The leaf of a file of one leaf has the digest that its CID names.
local function only_leaf(root)
  local _, digest = cid.parse(root)
  return digest
end

-- CID and leaves of the file, when it was hashed as it is now; nil otherwise.
function Catalogue:find(name, info)
  local entry = self.entries[name]
  if not entry then return nil end
  for _, field in ipairs(FIELDS) do
    if entry[field] ~= info[field] then return nil end
  end
  if entry.size <= unixfs.chunk then return entry.cid, only_leaf(entry.cid) end
  local leaves = self.disk:read(self.leaves_folder .. "/" .. entry.cid, LEAVES_MOST)
  if not leaves or #leaves ~= (entry.size + unixfs.chunk - 1) // unixfs.chunk * 32 then return nil end
  if unixfs.layout(entry.size, leaves) ~= entry.cid then return nil end
  return entry.cid, leaves
end

-- Remembers what was hashed. → true | nil, text, word when the leaves cannot be kept.
function Catalogue:put(name, root, identity, leaves)
  if #leaves > 32 then
    local kept, text, word = self.disk:replace(self.leaves_folder .. "/" .. root, leaves, 384) -- 0600
    if not kept then return nil, text, word end
  end
  local entry = { cid = root, name = name }
  for _, field in ipairs(FIELDS) do entry[field] = identity[field] end
  self.entries[name], self.dirty = entry, true
  return true
end

function Catalogue:drop(name)
  if not self.entries[name] then return end
  self.entries[name], self.dirty = nil, true
end

-- Leaves that no entry names go.
local function sweep(self, wanted)
  for _, name in ipairs(self.disk:list(self.leaves_folder) or {}) do
    if not wanted[name] then self.disk:unlink(self.leaves_folder .. "/" .. name) end
  end
end

-- Writes it when something changed: by rename, so that a power cut leaves the old one or the new one.
function Catalogue:flush()
  if not self.dirty then return true end
  local lines, wanted = { HEAD }, {}
  for _, name in ipairs(sorted.keys(self.entries)) do
    local entry = self.entries[name]
    local parts = { entry.cid }
    for _, field in ipairs(FIELDS) do parts[#parts + 1] = tostring(entry[field]) end
    lines[#lines + 1] = table.concat(parts, " ") .. " " .. name .. "\n"
    wanted[entry.cid] = true
  end
  local kept, text, word = self.disk:replace(self.path, table.concat(lines), 384)
  if not kept then return nil, text, word end
  self.dirty = false
  sweep(self, wanted)
  return true
end

return catalogue
