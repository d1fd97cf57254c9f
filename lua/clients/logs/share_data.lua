-- share_data.lua - the DATA of a record in share/files: what is said of bytes and their names here. Publishes nothing.
local json = require "core.json"
local sorted = require "sorted"

local share_data = {}

local DATA_MOST = 640 -- bytes of DATA: with the rest of a statement below 1,024
local STRICTNESS = { lab = 1, swarm = 2, public = 3 }
local MADE_FIRST <const> = 1420070400000 -- ms: 2015; an earlier file was written by a clock that nobody had set
local COPIES <const> = { 1, 3 } -- that nobody need say

local function data_of(class, names, size)
  return { class = class, names = json.array(names), size = size }
end

-- Can a record hold this name at all?
function share_data.holds_name(name, size)
  return #json.encode(data_of("public", { name }, size)) <= DATA_MOST
end

--- When a file of that IDENTITY was written last (ms) | nil: nobody knows.
function share_data.made(identity)
  local at = identity and identity.mtime_ns and identity.mtime_ns // 1000000
  return at and at >= MADE_FIRST and at or nil
end

-- Is that span another one than everybody takes for granted?
local function is_special(copies) return copies and (copies[1] ~= COPIES[1] or copies[2] ~= COPIES[2]) end

-- Adds what may be said besides to DATA, of one name so far; what has no room for it is left out.
local function add_more(data, share, copies)
  local more = { before = share.before, made = share.made,
    copies = is_special(copies) and json.array { copies[1], copies[2] } or nil }
  for _, member in ipairs { "made", "copies", "before" } do
    data[member] = more[member]
    if #json.encode(data) > DATA_MOST then data[member] = nil end
  end
end

-- The same bytes under several names are one record: as many names as it can hold, the strictest of classes. A name
-- that went a moment ago is one of them until drop_names(). COPIES: { least, most } that the owner wants | nil.
function share_data.of(share, copies)
  local known, class = {}, nil
  for _, map in ipairs { share.went, share.names } do
    for name, named in pairs(map) do known[name] = named end -- in any order
  end
  local all = sorted.keys(known)
  for _, name in ipairs(all) do
    local own = known[name].class
    if not class or STRICTNESS[own] < STRICTNESS[class] then class = own end
  end
  local data = data_of(class, { all[1] }, share.size)
  add_more(data, share, copies)
  for i = 2, #all do
    data.names[i] = all[i]
    if #json.encode(data) > DATA_MOST then
      data.names[i] = nil
      break
    end
  end
  return data, all[1], class
end

return share_data
