-- named.lua - which file of this node a person means by a name or a CID. It changes none.
local to_json = require "clients.control.to_json"

local named = {}

--- → nil, text, code: WORD is no WHAT
function named.missing(word, what)
  return nil, ("missing: %s is no %s"):format(to_json.text(word), what), "missing"
end

local function ambiguous(word, found)
  local names = {}
  for i = 1, math.min(#found, 8) do names[i] = { say = found[i].cid, text = found[i].name } end
  return nil, ("ambiguous: %s fits %d files; say which by its CID, as below"):format(to_json.text(word), #found),
    "ambiguous", to_json.list(names, to_json.value)
end

local function is_called(name, word) return name == word or name:match "[^/]*$" == word end

--- The one file of EACH(), { cid, name, … }, that WORD means: a path, its last part, or a CID. WHAT: what they are.
-- → it | nil, text, code, candidates
function named.one(word, each, what)
  local found, by_cid = {}, {}
  for file in each do
    if file.cid and (file.cid == word or is_called(file.name, word)) and not by_cid[file.cid] then
      by_cid[file.cid], found[#found + 1] = true, file
    end
  end
  if found[2] then return ambiguous(word, found) end
  if found[1] then return found[1] end
  return named.missing(word, what)
end

return named
