-- shared.lua - the files that records speak of: who shares each by which name, who holds a copy. Fetches none.
--
-- What a robot shares is told by share/files. A holder's claim (share/safe) stands by itself: where the robot no longer
-- shares the file, its name and origin are taken from there, and the file is "gone there".
local sorted = require "sorted"

local shared = {}

local function stands(record)
  return record.verb ~= "dismiss" and record.holds ~= false and type(record.data) == "table"
end

local function file_of(found, record)
  local file = found.by_cid[record.key]
  if not file then
    file = { cid = record.key, named = {}, by_name = {}, copies = {}, holder = {}, safe = false }
    found.by_cid[record.key], found.list[#found.list + 1] = file, file
  end
  file.at = file.at or not record.undated and record.at or nil
  file.size = file.size or math.tointeger(record.data.size)
  file.class = file.class or record.data.class
  return file
end

local function add_holder(file, id)
  if file.holder[id] then return end
  file.holder[id] = true
  file.copies[#file.copies + 1] = id
end

-- GONE: its origin no longer shares the file under that name.
local function add_name(file, record, name, from, gone)
  local slot = from .. " " .. name
  if type(name) ~= "string" or file.by_name[slot] then return end
  local one = { file = file, name = name, from = from, gone = gone, at = not record.undated and record.at or nil,
    size = math.tointeger(record.data.size) }
  file.by_name[slot], file.named[#file.named + 1] = one, one
end

local function share(found, record)
  local file = file_of(found, record)
  local names = type(record.data.names) == "table" and record.data.names or {}
  for _, name in ipairs(names) do
    if type(name) == "string" then add_name(file, record, name, record.signer, false) end
  end
  file.safe = file.safe or #file.copies > 0
  file.shared = true
  add_holder(file, record.signer)
end

local function hold(found, record)
  local file, data = file_of(found, record), record.data
  if data.name and data.from then add_name(file, record, data.name, data.from, true) end
  file.safe = file.safe or not file.holder[record.signer]
  add_holder(file, record.signer)
end

local function by_name(a, b)
  if a.gone ~= b.gone then return b.gone end
  if a.name ~= b.name then return a.name < b.name end
  return a.from < b.from
end

local function finish(file)
  table.sort(file.named, by_name)
  local names, from = {}, {}
  file.from = {}
  for _, one in ipairs(file.named) do
    names[one.name] = true
    if not from[one.from] then
      from[one.from] = true
      file.from[#file.from + 1] = one.from
    end
  end
  file.names, file.gone = sorted.keys(names), not file.shared
end

--- Files that somebody shares or holds, sorted by name and CID: { cid, size (bytes), class, at (ms), names (sorted),
-- named = { { file, name, from = ID, gone, at, size } … } (shared ones first), from (IDs of origins), copies (IDs of
-- who has it), gone = no origin shares it any more, safe = somebody beside an origin says that he holds every block }.
function shared.files(dcache)
  local found = { list = {}, by_cid = {} }
  for _, record in ipairs(dcache:records "share/files") do
    if stands(record) then share(found, record) end
  end
  for _, record in ipairs(dcache:records "share/safe") do
    if stands(record) then hold(found, record) end
  end
  for _, file in ipairs(found.list) do finish(file) end
  table.sort(found.list, function(a, b)
    local first, second = a.named[1] and a.named[1].name or "", b.named[1] and b.named[1].name or ""
    if first ~= second then return first < second end
    return a.cid < b.cid
  end)
  return found.list
end

return shared
