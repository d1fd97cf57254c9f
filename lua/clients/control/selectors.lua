-- selectors.lua - what people are told to type for one of several files or folders that fit a word. Finds none itself.
local find = require "clients.control.find"
local slices = require "slices"

local selectors = {}

-- What people would type for it.
local function word_for(one, who)
  local name = one.root and one.root .. "/" or one.name
  return name and ("%s:%s"):format(who(one.from).label, name) or one.file.cid
end

-- Those of LIST that a word for one of SEVERAL could mean: they share a name or a folder with it, or are themselves
-- called as a word with ROBOT: in it is.
local function rivals(list, several)
  local is, roots, found = {}, {}, {}
  for _, one in ipairs(several) do
    if one.root then roots[#roots + 1] = one.root .. "/" else is[one.name or false] = true end
  end
  local function may_be(name)
    if is[name] or name:find(":", 1, true) then return true end
    for _, root in ipairs(roots) do
      if name:sub(1, #root) == root or name:find("/" .. root, 1, true) then return true end
    end
    return false
  end
  for _, file in ipairs(list) do
    for _, one in ipairs(file.named) do
      if one.name and may_be(one.name) then
        found[#found + 1] = file
        break
      end
    end
    slices.step(0.3)
  end
  return found
end

local function is_same(one, other)
  if one.root or other.root then return one.root == other.root and one.from == other.from end
  return one.file.cid == other.file.cid
end

--- What to type for each of SEVERAL (as find.one gives them) among LIST (file_index.files): a word that means it and no
-- other, which is asked of find itself.
function selectors.of(list, several, who)
  local all, among = {}, rivals(list, several)
  for i, one in ipairs(several) do
    local found = find.one(among, word_for(one, who), nil, who)
    all[i] = word_for(one, who)
    if not found or not is_same(one, found) then
      all[i] = one.file and one.file.cid or ("%s:%s/"):format(one.from, one.root)
    end
  end
  return all
end

return selectors
