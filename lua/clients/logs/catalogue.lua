-- catalogue.lua - which files were hashed, and into what: kept beside the journal. Hashes nothing itself.
--
-- STATE/catalogue is text, a line a file: CID SIZE DEV INO MTIME_NS CTIME_NS NAME. STATE/leaves/CID holds the
-- leaves' hashes of files above one leaf. A line that cannot be read costs hashing that file again, no more.
local backoff = require "backoff"
local cid = require "core.cid"
local unixfs = require "core.unixfs"
local sorted = require "sorted"

local catalogue = {}
local Catalogue = {}
Catalogue.__index = Catalogue

local HEAD = "dt-swarm catalogue 1\n"
local FIELDS = { "size", "dev", "ino", "mtime_ns", "ctime_ns" }
local WRITE_MS = 1000 -- from a change to the disk
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
  local bytes, text, code = self.disk:read(self.path)
  if not bytes then
    if code ~= "ENOENT" then self.log:warn("logs", "catalogue cannot be read", { why = text }) end
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

-- catalogue.open{ loop =, disk =, log =, folder = the state folder, atomic_write = atomic_write.lua } → catalogue;
-- damaged = lines that were not read.
function catalogue.open(given)
  local self = setmetatable({
    loop = given.loop, disk = given.disk, log = given.log, atomic_write = given.atomic_write, entries = {}, damaged = 0,
    path = given.folder .. "/catalogue", leaves_folder = given.folder .. "/leaves", keeping = {}, failures = 0,
    backoff = backoff.quick(nil),
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

-- Brings the leaves of a file to the disk: TOLD(true), then put() may name them; or TOLD(nil, text, code). Once; at
-- once where there is nothing to write.
function Catalogue:keep(root, leaves, told)
  if #leaves <= 32 then return told(true) end
  self.keeping[root] = (self.keeping[root] or 0) + 1
  self.atomic_write:put(self.leaves_folder .. "/" .. root, leaves, 384, function(...) -- 0600
    self.keeping[root] = self.keeping[root] > 1 and self.keeping[root] - 1 or nil
    told(...)
  end)
end

-- Remembers what was hashed and whose leaves are kept: no line names leaves that are not on the disk.
function Catalogue:put(name, root, identity)
  local entry = { cid = root, name = name }
  for _, field in ipairs(FIELDS) do entry[field] = identity[field] end
  self.entries[name] = entry
  self:changed()
end

function Catalogue:drop(name)
  if not self.entries[name] then return end
  self.entries[name] = nil
  self:changed()
end

-- Leaves go that neither the lines on the disk (WRITTEN) nor an entry name, nor are on their way.
local function sweep(self, written)
  for _, entry in pairs(self.entries) do written[entry.cid] = true end -- any order
  for _, name in ipairs(self.disk:list(self.leaves_folder) or {}) do
    if not written[name] and not self.keeping[name:gsub("%.new$", "")] then
      self.disk:unlink(self.leaves_folder .. "/" .. name)
    end
  end
end

-- → the text of all lines, the set of CIDs in them
local function text_of(self)
  local lines, named = { HEAD }, {}
  for _, name in ipairs(sorted.keys(self.entries)) do
    local entry = self.entries[name]
    local parts = { entry.cid }
    for _, field in ipairs(FIELDS) do parts[#parts + 1] = tostring(entry[field]) end
    lines[#lines + 1] = table.concat(parts, " ") .. " " .. name .. "\n"
    named[entry.cid] = true
  end
  return table.concat(lines), named
end

local function write_later(self, ms)
  if self.timer or self.stopped then return end
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    self:write()
  end)
end

local function failed(self, why)
  self.dirty, self.failures = true, self.failures + 1
  if self.failures == 1 then self.log:warn("logs", "catalogue not written", { why = why }) end
  write_later(self, self.backoff:next())
end

-- Something changed: soon on the disk. While one is written the next waits, and then has the newest.
function Catalogue:changed()
  self.dirty = true
  if not self.writing then write_later(self, WRITE_MS) end
end

-- By rename, so that a power cut leaves the old one or the new one.
function Catalogue:write()
  local text, named = text_of(self)
  self.writing, self.dirty = true, false
  self.atomic_write:put(self.path, text, 384, function(kept, why)
    self.writing = false
    if not kept then return failed(self, why) end
    self.failures = 0
    self.backoff:reset()
    sweep(self, named)
    if self.dirty then self:changed() end
  end)
end

-- Waits for what is being written, then for the newest. → true | nil, text, code
function Catalogue:stop()
  if self.timer then self.timer:cancel() end
  self.stopped, self.timer = true, nil
  self.atomic_write:close()
  if not (self.dirty or self.writing) then return true end
  return self.disk:replace(self.path, (text_of(self)), 384)
end

return catalogue
