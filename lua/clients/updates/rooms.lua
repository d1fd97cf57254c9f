-- rooms.lua - the disks on which a release needs room before it is made ready: that of what is fetched, and of the kind
-- `files` that of the folder, beside which it is unpacked. Waits for nothing.
local rooms = {}

local LEAST <const> = 1 << 20 -- bytes on the disk of a folder: names, marks, what the program after it writes

rooms.SPARE = 20 -- of that part of what is needed as much again stays free

-- Where the kind files unpacks the release of the run ONE: a folder that is there | nil: its kind tells what is wrong
local function unpacked_in(one)
  local data, node = one.row.release.data, one.updates.node
  local named = data.kind == "files" and node.policy:get "clients.updates.folders"[data.target or ""]
  local parent = named and named.path:match "^(.*)/"
  return parent and (parent == "" and "/" or parent)
end

local function is_one_disk(node, a, b)
  local one, other = node.disk:stat(a .. "/."), node.disk:stat(b .. "/.")
  return one ~= nil and other ~= nil and one.dev == other.dev
end

-- What is left to be unpacked of it: once it is ready, that lies beside the folder.
local function to_unpack(one)
  local data = one.row.release.data
  if data.kind ~= "files" then return data.unpacked end
  return one:is_staged() and 0 or data.unpacked or one.artefact.size
end

-- The folder in which it is unpacked, and what is free there, where that is another disk than that of what is fetched
local function apart(one)
  local node, parent = one.updates.node, unpacked_in(one)
  local free = parent and node.space and node.space(parent)
  if free and not is_one_disk(node, one.updates.fetching:disk_path(), parent) then return parent, free end
end

--- Bytes that the release of the run ONE (run.lua, whose artefact is known) takes beside what is fetched, on that disk
function rooms.beside(one) return not apart(one) and to_unpack(one) or nil end

--- Of the run ONE by disk { path = a folder on it, need, free = bytes | nil: nobody knows }, that of what is fetched
--- first.
function rooms.of(one)
  local fetching, unpacked = one.updates.fetching, to_unpack(one)
  local need, free = fetching:space(one.artefact.cid, one.artefact.size, rooms.beside(one))
  local list = { { path = fetching:disk_path(), need = need, free = free } }
  local parent, free_there = apart(one)
  local need_there = math.max(LEAST, unpacked and unpacked + unpacked // rooms.SPARE or 0)
  if parent then list[2] = { path = parent, need = need_there, free = free_there } end
  return list
end

--- The first of those that has too little | nil: there is room everywhere
function rooms.short(one)
  for _, room in ipairs(rooms.of(one)) do
    if not room.free or room.free < room.need then return room end
  end
end

return rooms
