-- known.lua - what an earlier run held: its rows, the notes of earlier versions, what the store has besides.
--
-- Its functions take content (init.lua) first.
local claims = require "dcache.content.claims"
local old_files = require "dcache.content.old_files"
local place = require "dcache.content.place"
local scan = require "dcache.content.scan"
local stored = require "dcache.content.stored"

local known = {}

local AGAIN <const> = 60 * 60 * 1000 -- ms from a search that did not see all to the next

local function is_free(self)
  return function(path) return not self.by_path[path] and not self.disk:stat(self.store .. "/" .. path) end
end

--- A path in the store for the file KEY, which its origin calls NAME; it is this one's from here on.
function known.place(self, key, name, origin, now)
  local path = place.choose(key, name, origin, is_free(self), self.robot, now or self.time and self.time:now())
  self.by_path[path] = key
  return path
end

--- The same for a payload of an update.
function known.place_payload(self, key, name)
  local path = place.payload(key, name, is_free(self))
  self.by_path[path] = key
  return path
end

-- The copies of earlier versions become rows; each goes to its place when it is looked at (come_home).
local function take_over(self)
  if not self.disk:stat(self.dir .. "/held") then return end
  local rows = {}
  for _, file in ipairs(old_files.held(self.disk, self.dir)) do
    file.path = known.place(self, file.cid, file.name, file.origin, file.identity.mtime_ns // 1000000)
    if #file.leaves > 32 then self.leaves:put(file.cid, file.leaves) end
    rows[#rows + 1] = stored.row(file)
  end
  self.by_path = {}
  old_files.take_over(self.rows, self.disk, self.log, self.dir, "held", rows)
end

--- Reads what was held. Before anything is looked at.
function known.load(self)
  take_over(self)
  for _, row in ipairs(self.rows:take "store") do
    local file = stored.file(row)
    if file and not self.by_cid[file.cid] then self:insert(file) end
  end
  self.rows:source("store", function()
    local rows = {}
    for i, file in ipairs(self.list) do rows[i] = stored.row(file) end
    return rows
  end)
  self.leaves:use(function(root) return self.by_cid[root] ~= nil or self.expected[root] ~= nil end)
end

--- FILE is not in its place. Is it where an earlier version had it? Then it goes to its place, or is known there.
function known.come_home(self, file)
  local folder = ("%s/files/%s"):format(self.dir, file.cid)
  local name = (self.disk:list(folder) or {})[1]
  local before = name and self.disk:stat(folder .. "/" .. name)
  if not before or before.kind ~= "file" then return false end
  local to = self.store .. "/" .. file.path
  local ok = self.disk:mkdir(to:match "^(.*)/", 448) and self.disk:rename(folder .. "/" .. name, to)
  if not ok then -- another file system
    self.by_path[file.path], file.path = nil, folder .. "/" .. name
    self.by_path[file.path] = file
  end
  local facts = self.disk:stat(ok and to or file.path)
  if facts and stored.same(before, file.identity) then file.identity = stored.identity(facts) end -- it is the same file
  file.saved = nil
  return true
end

--- Claims of an earlier run whose file no row knows: till the store was looked through nobody says that it is not here.
function known.expect(self)
  self.expected = {}
  for _, record in ipairs(self.statements "share/safe") do
    local waits = record.mine and record.verb ~= "dismiss" and not self.by_cid[record.key]
    if waits then self.expected[record.key] = true end
  end
end

-- All was looked through. What is said of a copy that was not found is unsaid, but where not all could be hashed, where
-- it may lie on another file system, or where more is looked for meanwhile.
local function searched(self, whole)
  self.searching = nil
  if whole and not self.more and (not next(self.expected) or self.integrity:is_there()) then
    self.search_at, self.expected = math.huge, {}
    return claims.dismiss_strays(self)
  end
  self.search_at = self.loop:now() + AGAIN
  if self.more then known.search_again(self) end
end

--- Looks for what no row knows, once; not while the disk of the store is not there. Where nothing is known at all, on
--- another file system, too: all of it may have been brought there.
function known.search(self)
  local away = self.integrity.away and self.list[1] ~= nil or self:store_is_missing()
  if away or self.searching or self.loop:now() < (self.search_at or 0) then return end
  self.searching = true
  scan.start(self, self.start_worker, function(whole) searched(self, whole) end)
end

--- Own words came back that say of more copies that they are here.
function known.search_again(self)
  known.expect(self)
  if not next(self.expected) then return end
  self.more, self.search_at = self.searching, 0 -- what is under way may have passed it by
  known.search(self)
end

return known
