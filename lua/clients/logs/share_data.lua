-- share_data.lua - the DATA of a record in share/files: what is said of bytes and their names here. Publishes nothing.
local json = require "core.json"
local sorted = require "sorted"

local share_data = {}

local DATA_MOST = 640 -- bytes of DATA: with the rest of a statement below 1,024
local STRICTNESS = { lab = 1, swarm = 2, public = 3 }

local function data_of(class, names, size)
  return { class = class, names = json.array(names), size = size }
end

-- Can a record hold this name at all?
function share_data.holds_name(name, size)
  return #json.encode(data_of("public", { name }, size)) <= DATA_MOST
end

-- The same bytes under several names are one record: as many names as it can hold, the strictest of classes. A name
-- that went a moment ago is one of them until drop_names().
function share_data.of(share)
  local known, names, class = {}, {}, nil
  for _, map in ipairs { share.went, share.names } do
    for name, named in pairs(map) do known[name] = named end -- in any order
  end
  local all = sorted.keys(known)
  for _, name in ipairs(all) do
    local own = known[name].class
    if not class or STRICTNESS[own] < STRICTNESS[class] then class = own end
  end
  for _, name in ipairs(all) do
    names[#names + 1] = name
    if #json.encode(data_of(class, names, share.size)) > DATA_MOST then
      names[#names] = nil
      break
    end
  end
  return data_of(class, names, share.size), all[1], class
end

return share_data
