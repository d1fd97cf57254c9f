-- catalogue.lua - which own files were hashed, and into what: kept with what else is known of files. Hashes nothing.
local files = require "dcache.content.files"
local leaves_of = require "dcache.content.leaves"
local old_files = require "dcache.content.old_files"
local sorted = require "sorted"

local catalogue = {}
local Catalogue = {}
Catalogue.__index = Catalogue

local PLACE <const> = "share"

local function count(self, root, n)
  local left = (self.named[root] or 0) + n
  self.named[root] = left > 0 and left or nil
end

local function rows(self)
  local list = {}
  for i, name in ipairs(sorted.keys(self.entries)) do list[i] = self.entries[name] end
  return list
end

--- given.rows, leaves  files.lua's and leaves.lua's objects, whose owner ends them; nil: its own, in the state folder
--- given.disk, log
--- given.state         the state folder (path)
--- given.loop, date, start, atomic_write  for its own, as files.lua and leaves.lua have them
function catalogue.open(given)
  local own = not given.rows and files.open { loop = given.loop, disk = given.disk, log = given.log, dir = given.state,
    date = given.date, start = given.start } or nil
  local self = setmetatable({ own = own, files = given.rows or own, entries = {}, named = {} }, Catalogue)
  self.leaves = given.leaves
    or leaves_of.new { disk = given.disk, atomic_write = given.atomic_write, dir = given.state }
  old_files.take_over(self.files, given.disk, given.log, given.state, "catalogue",
    old_files.catalogue(given.disk, given.state))
  for _, row in ipairs(self.files:take(PLACE)) do
    if self.entries[row.path] then count(self, self.entries[row.path].cid, -1) end
    self.entries[row.path] = row
    count(self, row.cid, 1)
  end
  self.files:source(PLACE, function() return rows(self) end)
  self.leaves:use(function(root) return self.named[root] ~= nil end)
  return self
end

-- CID and leaves of the file, when it was hashed as it is now; nil otherwise.
function Catalogue:find(name, info)
  local entry = self.entries[name]
  if not entry then return nil end
  for _, field in ipairs(files.identity) do
    if entry[field] ~= info[field] then return nil end
  end
  local leaves = self.leaves:read(entry.cid, entry.size)
  if leaves then return entry.cid, leaves end
end

-- Brings the leaves of a file to the disk: TOLD(true), then put() may name them; or TOLD(nil, text, code).
function Catalogue:keep(root, leaves, told) self.leaves:keep(root, leaves, told) end

-- Remembers what was hashed and whose leaves are kept: nothing names leaves that are not on the disk.
function Catalogue:put(name, root, identity)
  local before = self.entries[name]
  local row = { place = PLACE, path = name, cid = root }
  for _, field in ipairs(files.identity) do row[field] = identity[field] end
  self.entries[name] = row
  count(self, root, 1)
  if before then count(self, before.cid, -1) end
  self.files:put(row, before and before.cid ~= root and function(ok)
    if ok then self.leaves:drop(before.cid) end
  end or nil)
end

function Catalogue:drop(name)
  local row = self.entries[name]
  if not row then return end
  self.entries[name] = nil
  count(self, row.cid, -1)
  self.files:drop(row, function() self.leaves:drop(row.cid) end)
end

-- Files go that are not in THERE, a map by name: they were removed while this node was off. Once, when all were looked
-- at.
function Catalogue:keep_only(there)
  if self.swept then return end
  self.swept = true
  for _, name in ipairs(sorted.keys(self.entries)) do
    if not there[name] then self:drop(name) end
  end
end

-- What is its own is on the disk when this returns. → true | nil, text, code
function Catalogue:stop() return not self.own or self.own:stop() end

return catalogue
