-- find.lua - the one file, or the one folder, that a person means by a word. Guesses nothing, fetches nothing.
--
-- A word is a CID (whole, as a list shortens it, or its beginning), a path, the last part of one, or its beginning;
-- with ROBOT: before it, or a robot given beside it, only what comes from there.
local to_json = require "clients.control.to_json"
local slices = require "slices"

local find = {}

local MOST <const> = 10 -- of several that fit: so many are shown
local PREFIX <const> = 4 -- characters of a CID or name below which it stands for nothing

local function base(name) return name:match "[^/]*$" end
local function begins(text, what) return #what >= PREFIX and text:sub(1, #what) == what end

-- As lists shorten it: bafybeicqu5…hjua, a-very-lon…left.bag; three dots stand for the one character, too. → what
-- stands before and behind | nil
local function cut_of(what)
  local first, last = what:match "^(.-)…(.*)$"
  if not first then first, last = what:match "^(.-)%.%.%.(.*)$" end
  return first, last
end

local function is_cut(text, what)
  local first, last = cut_of(what)
  return first ~= nil and #first + #last >= PREFIX and #text >= #first + #last and text:sub(1, #first) == first
    and text:sub(#text - #last + 1) == last
end

local function begins_one(one, what)
  return begins(one.file.cid, what)
    or one.name and (begins(one.name, what) or begins(base(one.name), what) or is_cut(one.name, what))
end

--- Is ROBOT (a label, a name, an ID or its end) the node PERSON = { id, name, label }?
function find.is_robot(person, robot)
  if person.id == robot or person.label == robot or person.name == robot then return true end
  local ending = robot:match "^~(%w+)$"
  return ending ~= nil and #ending >= PREFIX and person.id:sub(-#ending) == ending
end

-- == names, many of them: each as the text of its file (file_view.lua) and its place among that file's names, since
-- tables by the thousand would wait for the collector

local names = {}
names.__index = names

function names.new(view) return setmetatable({ view = view, texts = {}, places = {} }, names) end

function names:add(text, place) self.texts[#self.texts + 1], self.places[#self.places + 1] = text, place end

function names:add_from(other, i) self:add(other.texts[i], other.places[i]) end

-- One of a file's `named`; a file without any name stands for itself.
function names:get(i)
  local text, place = self.texts[i], self.places[i]
  if text ~= self.text then self.text, self.file = text, self.view:file(text) end
  local file = self.file
  return place > 0 and file.named[place] or { file = file, held = true, at = file.at }
end

-- Where it stands in lists: by the first name of its file, its CID, its place there.
function names:order(i)
  local file = self:get(i).file
  return ("%s\0%s\0%05d"):format(file.named[1] and file.named[1].name or "", file.cid, self.places[i])
end

-- fn(one, i) for each, in slices.
function names:each(fn)
  for i = 1, #self.texts do
    fn(self:get(i), i)
    slices.step(0.4)
  end
end

-- What stands in every text that WHAT could mean.
local function part_of(what)
  local first, last = cut_of(what)
  if not first then return (what:gsub("/+$", "")) end
  return #first > #last and first or last
end

local function each_of(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

-- Every name of the files of VIEW in which what WHAT means may stand, that comes from ROBOT (nil: any). AMONG: only
-- these texts.
local function all_of(view, what, robot, who, among)
  local list, is = names.new(view), {}
  for text in among and each_of(among) or view:each_text { part_of(what) } do
    local file = view:file(text)
    for place, one in ipairs(file.named) do
      if robot and is[one.from] == nil then is[one.from] = find.is_robot(who(one.from), robot) end
      if not robot or is[one.from] then list:add(text, place) end
    end
    if not file.named[1] and not robot then list:add(text, 0) end
    slices.step(0.4)
  end
  return list
end

-- A robot that has other bytes under a name now than before means those by it; the older ones have their CIDs.
local function newest(found)
  local now, list = {}, names.new(found.view)
  local function slot(one) return (one.from or "") .. " " .. (one.name or one.file.cid) end
  found:each(function(one)
    if not one.held then now[slot(one)] = true end
  end)
  found:each(function(one, i)
    if not one.held or not now[slot(one)] then list:add_from(found, i) end
  end)
  return list
end

-- One of each file, the first of its names.
local function distinct(found)
  local seen, list = {}, names.new(found.view)
  found:each(function(one, i)
    if not seen[one.file.cid] then
      seen[one.file.cid] = true
      list:add_from(found, i)
    end
  end)
  return list
end

-- The folder in whose path WHAT is the beginning, or (DEEPER) a part further in; nil where NAME is not in such a one.
local function root_of(name, what, deeper)
  if name:sub(1, #what + 1) == what .. "/" then return what end
  local at = deeper and name:find("/" .. what .. "/", 1, true)
  return at and name:sub(1, at + #what)
end

-- Of two versions of a file under one name: the one that is shared now, else the one claimed last.
local function better(one, other)
  if not other then return true end
  if one.held ~= other.held then return other.held end
  return (one.at or 0) > (other.at or 0) -- unknown where its signer had no time
end

-- Folders: { root, from = ID, by_path = { path beneath root = place in `names` }, names }.
local function put(groups, root, one, i, list)
  local slot = one.from .. " " .. root
  local group = groups[slot]
  if not group then
    group = { root = root, from = one.from, by_path = {}, names = names.new(list.view) }
    function group.one(path) return group.names:get(group.by_path[path]) end
    groups[slot], groups[#groups + 1] = group, group
  end
  local path, order = one.name:sub(#root + 2), list:order(i)
  if not group.order or order < group.order then group.order = order end
  if group.by_path[path] and not better(one, group.one(path)) then return end
  group.names:add_from(list, i)
  group.by_path[path] = #group.names.texts
end

local function finish(group)
  group.paths, group.size = slices.keys(group.by_path), 0
  local parts = {}
  for i, path in ipairs(group.paths) do
    local one = group.one(path)
    group.size = group.size + (one.size or 0)
    parts[i] = path .. "\n" .. one.file.cid
    slices.step(0.4)
  end
  group.content = table.concat(parts, "\n")
  return group
end

-- Folders that WHAT names: { root, from = ID, paths (sorted), size, one(path) → the name of a file }. Where two robots
-- have the same files in it, it is one.
local function folders(list, what, deeper)
  local groups, found, seen = {}, {}, {}
  list:each(function(one, i)
    local root = one.name and root_of(one.name, what, deeper)
    if root then put(groups, root, one, i, list) end
  end)
  slices.sort(groups, function(a, b) return a.order < b.order end)
  for _, group in ipairs(groups) do
    local content = finish(group).content
    if not seen[content] then
      seen[content] = true
      found[#found + 1] = group
    end
  end
  return found
end

-- == what a word means, in this order: CID, path, folder, last part of a path, folder further in, a beginning that fits
-- no other

local CID <const>, PATH <const>, FOLDER <const>, BASE <const>, DEEPER <const>, BEGINNING <const> = 1, 2, 3, 4, 5, 6

local function rank_of(one, what)
  if one.file.cid == what or is_cut(one.file.cid, what) then return CID end
  if one.name == what then return PATH end
  if one.name and root_of(one.name, what, false) then return FOLDER end
  if one.name and base(one.name) == what then return BASE end
  if one.name and root_of(one.name, what, true) then return DEEPER end
  return begins_one(one, what) and BEGINNING or nil
end

local function folder_rank(one, what)
  if not one.name then return nil end
  return root_of(one.name, what, false) and FOLDER or root_of(one.name, what, true) and DEEPER or nil
end

-- The first MOST of FOUND, as lists have them.
local function first_of(found)
  local order, at, several = {}, {}, {}
  found:each(function(_, i)
    order[i] = found:order(i)
    at[order[i]] = i
  end)
  slices.sort(order)
  for i = 1, math.min(#order, MOST) do several[i] = found:get(at[order[i]]) end
  return several
end

-- → how many fit, the first MOST of them
local function search(list, what)
  local folder = what:match "^(.-)/+$"
  local best, found = BEGINNING + 1, nil
  list:each(function(one, i)
    local rank = (folder and folder_rank or rank_of)(one, folder or what)
    if not rank or rank > best then return end
    if rank < best then best, found = rank, names.new(list.view) end
    found:add_from(list, i)
  end)
  if not found then return 0, {} end
  if best == FOLDER or best == DEEPER then
    local groups = folders(found, folder or what, best == DEEPER)
    return #groups, { table.unpack(groups, 1, MOST) }
  end
  found = distinct(newest(found))
  return #found.texts, first_of(found)
end

local function missing(what, robot)
  local name = to_json.text(what)
  if robot then return nil, ("missing: %s has shared no %s"):format(to_json.text(robot), name), "missing" end
  return nil, "missing: nobody has shared " .. name, "missing"
end

local function ambiguous(what, n, several)
  local kind = several[1].root and "folders" or "files"
  local message = "ambiguous: %s fits %d %s; say which, as below"
  return nil, message:format(to_json.text(what), n, kind), "ambiguous", several, n
end

--- What WHAT means among the files of VIEW (file_view.lua), ROBOT: only what comes from there (or nil), who(ID) → { id,
-- name, label }; AMONG: only these texts (or nil).
-- → one of a file's `named` ({ file, name, from, … }), or a folder { root, from, paths, size, one(path) };
-- nil, text, code (missing, ambiguous), the first MOST that fit, how many do.
function find.one(view, what, robot, who, among)
  local n, several = search(all_of(view, what, robot, who, among), what)
  local before, behind = what:match "^([%w._~-]+):(.+)$"
  if n == 0 and before and not robot then
    what, robot = behind, before
    n, several = search(all_of(view, what, robot, who, among), what)
  end
  if n == 1 then return several[1] end
  if n == 0 then return missing(what, robot) end
  return ambiguous(what, n, several)
end

return find
