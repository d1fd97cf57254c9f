-- selectors.lua - what people are told to type for one of several files or folders that fit a word. Finds none itself.
local find = require "clients.control.find"

local selectors = {}

-- What people would type for it.
local function word_for(one, who)
  local name = one.root and one.root .. "/" or one.name
  return name and ("%s:%s"):format(who(one.from).label, name) or one.file.cid
end

-- The files of VIEW that a word for one of SEVERAL could mean: they share a name or a folder with it, or are themselves
-- called as a word with ROBOT: in it is.
local function rivals(view, several)
  local words = { ":" }
  for _, one in ipairs(several) do words[#words + 1] = one.root or one.name end
  return view:texts(words)
end

local function is_same(one, other)
  if one.root or other.root then return one.root == other.root and one.from == other.from end
  return one.file.cid == other.file.cid
end

--- What to type for each of SEVERAL (as find.one gives them) among the files of VIEW (file_view.lua): a word that means
-- it and no other, which is asked of find itself.
function selectors.of(view, several, who)
  local all, among = {}, rivals(view, several)
  for i, one in ipairs(several) do
    local found = find.one(view, word_for(one, who), nil, who, among)
    all[i] = word_for(one, who)
    if not found or not is_same(one, found) then
      all[i] = one.file and one.file.cid or ("%s:%s/"):format(one.from, one.root)
    end
  end
  return all
end

return selectors
