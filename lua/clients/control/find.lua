-- find.lua - the one file, or the one folder, that a person means by a word. Guesses nothing, fetches nothing.
--
-- A word is a CID (whole, as a list shortens it, or its beginning), a path, the last part of one, or its beginning;
-- with ROBOT: before it, or a robot given beside it, only what comes from there.
local to_json = require "clients.control.to_json"
local slices = require "slices"

local find = {}

local PREFIX <const> = 4 -- characters of a CID or name below which it stands for nothing

local function base(name) return name:match "[^/]*$" end
local function begins(text, what) return #what >= PREFIX and text:sub(1, #what) == what end

-- As lists shorten it: bafybeicqu5…hjua, a-very-lon…left.bag; three dots stand for the one character, too.
local function is_cut(text, what)
  local first, last = what:match "^(.-)…(.*)$"
  if not first then first, last = what:match "^(.-)%.%.%.(.*)$" end
  return first ~= nil and #first + #last >= PREFIX and #text >= #first + #last and text:sub(1, #first) == first
    and text:sub(#text - #last + 1) == last
end

local function by_cid(one, what) return one.file.cid == what or is_cut(one.file.cid, what) end
local function by_path(one, what) return one.name == what end
local function by_base(one, what) return one.name and base(one.name) == what end

local function by_beginning(one, what)
  return begins(one.file.cid, what)
    or one.name and (begins(one.name, what) or begins(base(one.name), what) or is_cut(one.name, what))
end

--- Is ROBOT (a label, a name, an ID or its end) the node PERSON = { id, name, label }?
function find.is_robot(person, robot)
  if person.id == robot or person.label == robot or person.name == robot then return true end
  local ending = robot:match "^~(%w+)$"
  return ending ~= nil and #ending >= PREFIX and person.id:sub(-#ending) == ending
end

-- Every name of every file; one without any stands for itself.
local function all_of(files, robot, who)
  local list, is = {}, {}
  for _, file in ipairs(files) do
    for _, one in ipairs(file.named) do
      if robot and is[one.from] == nil then is[one.from] = find.is_robot(who(one.from), robot) end
      if not robot or is[one.from] then list[#list + 1] = one end
    end
    slices.step(0.1)
    if not file.named[1] and not robot then list[#list + 1] = { file = file, held = true, at = file.at } end
  end
  return list
end

-- A robot that has other bytes under a name now than before means those by it; the older ones have their CIDs.
local function newest(found)
  local now, list = {}, {}
  local function slot(one) return (one.from or "") .. " " .. (one.name or one.file.cid) end
  for _, one in ipairs(found) do
    if not one.held then now[slot(one)] = true end
    slices.step(0.1)
  end
  for _, one in ipairs(found) do
    if not one.held or not now[slot(one)] then list[#list + 1] = one end
    slices.step(0.1)
  end
  return list
end

local function matching(list, what, test)
  local found = {}
  for _, one in ipairs(list) do
    if test(one, what) then found[#found + 1] = one end
    slices.step(0.1)
  end
  return newest(found)
end

-- One of each file, the first of its names.
local function distinct(found)
  local seen, list = {}, {}
  for _, one in ipairs(found) do
    if not seen[one.file.cid] then
      seen[one.file.cid] = true
      list[#list + 1] = one
    end
    slices.step(0.05)
  end
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

local function put(groups, root, one)
  local slot = one.from .. " " .. root
  local group = groups[slot]
  if not group then
    group = { root = root, from = one.from, by_path = {} }
    groups[slot], groups[#groups + 1] = group, group
  end
  local path = one.name:sub(#root + 2)
  if better(one, group.by_path[path]) then group.by_path[path] = one end
end

local function finish(group)
  group.paths, group.size = slices.keys(group.by_path), 0
  local parts = {}
  for i, path in ipairs(group.paths) do
    local one = group.by_path[path]
    group.size = group.size + (one.size or 0)
    parts[i] = path .. "\n" .. one.file.cid
    slices.step(0.1)
  end
  group.content = table.concat(parts, "\n")
  return group
end

-- Folders that WHAT names: { root, from = ID, by_path = { path beneath root = name of a file }, paths (sorted), size }.
-- Where two robots have the same files in it, it is one.
local function folders(list, what, deeper)
  local groups, found, seen = {}, {}, {}
  for _, one in ipairs(list) do
    local root = one.name and root_of(one.name, what, deeper)
    if root then put(groups, root, one) end
    slices.step(0.2)
  end
  for _, group in ipairs(groups) do
    local content = finish(group).content
    if not seen[content] then
      seen[content] = true
      found[#found + 1] = group
    end
  end
  return found
end

local function files_first(list, what)
  for _, test in ipairs { by_cid, by_path } do
    local found = distinct(matching(list, what, test))
    if found[1] then return found end
  end
end

-- In this order: CID, path, folder, last part of a path, folder further in, a beginning that fits no other.
local function search(list, what)
  local folder = what:match "^(.-)/+$"
  if not folder then
    local found = files_first(list, what)
    if found then return found end
  end
  local found = folders(list, folder or what, false)
  if found[1] then return found end
  found = folder and {} or distinct(matching(list, what, by_base))
  if found[1] then return found end
  found = folders(list, folder or what, true)
  if found[1] or folder then return found end
  return distinct(matching(list, what, by_beginning))
end

local function missing(what, robot)
  local name = to_json.text(what)
  if robot then return nil, ("missing: %s has shared no %s"):format(to_json.text(robot), name), "missing" end
  return nil, "missing: nobody has shared " .. name, "missing"
end

local function ambiguous(what, found)
  local kind = found[1].root and "folders" or "files"
  local message = "ambiguous: %s fits %d %s; say which, as below"
  return nil, message:format(to_json.text(what), #found, kind), "ambiguous", found
end

--- What WHAT means among FILES (file_index.files), ROBOT: only what comes from there (or nil), who(ID) → { id, name,
-- label }.
-- → one of a file's `named` ({ file, name, from, … }), or a folder { root, from, by_path, paths, size };
-- nil, text, code (missing, ambiguous), all that fit.
function find.one(files, what, robot, who)
  local found = search(all_of(files, robot, who), what)
  local before, behind = what:match "^([%w._~-]+):(.+)$"
  if not found[1] and before and not robot then
    what, robot = behind, before
    found = search(all_of(files, robot, who), what)
  end
  if #found == 1 then return found[1] end
  if not found[1] then return missing(what, robot) end
  return ambiguous(what, found)
end

return find
