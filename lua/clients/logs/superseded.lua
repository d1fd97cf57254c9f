-- superseded.lua - older versions of a log that was appended to: let go where a newer one begins with all their bytes.
--
-- This node compares the bytes itself and believes nobody. If a name was used again for other bytes, both files stay.
-- A stranger could share a longer file that begins with a robot's file, to have the robot's file removed. So a file
-- stays if anybody else was heard to share it, too, and also if the newer one does not have all of its names.
local prefix = require "dcache.content.prefix"
local soon = require "soon"
local sorted = require "sorted"
local walk = require "dcache.walk"

local superseded = {}
superseded.__index = superseded

local SOON, EVERY = 3 * 1000, 10 * 60 * 1000 -- ms after a file came; between two looks besides
local SLICE = 500 -- held files a turn
local VERSIONS = 64 -- of one name that are compared in one look

-- loop, content, worker (lua/worker.lua), dcache.
function superseded.new(given)
  local self = setmetatable({}, superseded)
  for _, name in ipairs { "loop", "content", "worker", "dcache" } do self[name] = given[name] end
  self.coming = soon.new(self.loop, SOON, function() self:check() end)
  return self
end

-- == which versions of one file are there: content's files by origin and name

local function key_of(one) return one.from .. " " .. one.name end

-- All that FILE is known by: { from =, name = } each.
local function names_of(file) return { file.origin, table.unpack(file.also or {}) } end

local function note(groups, several, file)
  for _, one in ipairs(names_of(file)) do
    local key = key_of(one)
    local group = groups[key] or {}
    groups[key] = group
    table.insert(group, file)
    if group[2] then several[key] = group end
  end
end

-- Is OLDER one robot's alone, and NEWER known by all its names?
local function goes_on(older, newer)
  local names = {}
  for _, one in ipairs(names_of(newer)) do names[key_of(one)] = true end
  for _, one in ipairs(names_of(older)) do
    if one.from ~= older.origin.from or not names[key_of(one)] then return false end
  end
  return true
end

-- Calls done(groups), each of several versions of one file. FILES: content's list.
local function group(self, files, done)
  local groups, several, at = {}, {}, 1
  local function slice()
    if self.stopped then return end
    for i = at, math.min(at + SLICE - 1, #files) do note(groups, several, files[i]) end
    at = at + SLICE
    if at > #files then return done(several) end
    self.loop:post(slice)
  end
  slice()
end

-- Pairs to be compared: an older one, and all larger ones, the largest first.
local function candidates(groups)
  local list = {}
  for _, key in ipairs(sorted.keys(groups)) do
    local files = groups[key]
    table.sort(files, function(a, b)
      local one, other = a.identity.size, b.identity.size
      return one > other or one == other and a.cid < b.cid
    end)
    for i = 2, math.min(#files, VERSIONS) do list[#list + 1] = { file = files[i], of = files, before = i } end
  end
  return list
end

-- A file that is still in somebody's folder is kept: it would be fetched again. And so is what any word, though it may
-- hold no longer, says to be another robot's, too.
local function without_shared(self, list, done)
  local from, kept = {}, {}
  for _, one in ipairs(list) do from[one.file.cid] = one.file.origin.from end
  local function said(key, id)
    if id and from[key] and from[key] ~= id then kept[key] = true end
  end
  self.walking = walk.start(self.loop, self.dcache, "share/files", function(record)
    if record.holds then kept[record.key] = true end
    said(record.key, record.signer)
  end, function()
    self.walking = walk.start(self.loop, self.dcache, "share/safe", function(record)
      local data = type(record.data) == "table" and record.data or {} -- a dismissal has none
      for _, one in ipairs { data, table.unpack(data.also or {}) } do
        said(record.key, one.from)
      end
    end, function()
      self.walking = nil
      local rest = {}
      for _, one in ipairs(list) do
        if not kept[one.file.cid] then rest[#rest + 1] = one end
      end
      done(rest)
    end)
  end)
end

-- == comparing, one after the other

local compare

local function after(self, list, i, newer)
  self.loop:post(function()
    if not self.stopped then compare(self, list, i, newer) end
  end)
end

-- LIST[i] is compared with the one that is the NEWER-th largest of its name.
function compare(self, list, i, newer)
  local one = list[i]
  if not one then
    self.looking = nil
    return self.again and self:soon()
  end
  local file, other = one.file, one.of[newer]
  if newer >= one.before then return after(self, list, i + 1, 1) end
  prefix.test(self.content, self.worker, file.cid, other.cid, function(yes)
    if self.stopped then return end
    if not yes or not goes_on(file, other) then return after(self, list, i, newer + 1) end
    prefix.let_go(self.content, file.cid, other.cid)
    after(self, list, i + 1, 1)
  end)
end

function superseded:check()
  self.again = nil
  if self.looking then
    self.again = true
    return
  end
  self.looking = true
  local files = self.content.list
  group(self, table.move(files, 1, #files, 1, {}), function(groups)
    local list = candidates(groups)
    if #list == 0 then return compare(self, list, 1, 1) end
    without_shared(self, list, function(rest) compare(self, rest, 1, 1) end)
  end)
end

-- A file came: soon looked at, once for several.
function superseded:soon() self.coming:ask() end

function superseded:start()
  self.timer = self.loop:every(EVERY, function() self:check() end)
  self:soon()
end

function superseded:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.coming:stop()
  if self.walking then self.walking.stop() end
end

return superseded
