-- shared.lua - the files that records speak of, and finding one by name or CID. Fetches nothing.
local plain = require "clients.control.plain"

local shared = {}

local PREFIX <const> = 4 -- characters of a CID or name below which it stands for nothing

local function stands(record)
  return record.verb ~= "dismiss" and record.holds ~= false
end

local function names_of(data)
  local names = type(data.names) == "table" and data.names or { data.name }
  local result = {}
  for i, name in ipairs(names) do
    if type(name) == "string" then result[i] = name end
  end
  return result
end

local function add_holder(file, id, origin)
  if file.holder[id] then return end
  file.holder[id] = true
  file.copies[#file.copies + 1] = id
  file.safe = file.safe or not origin
end

--- Files of share/files, sorted by name and CID: {cid, names, size, class, from (IDs), at (ms), copies (IDs),
-- safe: somebody else holds every block}.
function shared.files(dcache)
  local list, by_cid = {}, {}
  for _, record in ipairs(dcache:records "share/files") do
    local data = type(record.data) == "table" and record.data or {}
    if stands(record) then
      local file = by_cid[record.key]
      if not file then
        file = {
          cid = record.key, names = names_of(data), size = math.tointeger(data.size), class = data.class,
          from = {}, copies = {}, holder = {}, at = record.at, safe = false,
        }
        by_cid[record.key], list[#list + 1] = file, file
      end
      file.from[#file.from + 1] = record.signer
      add_holder(file, record.signer, #file.from == 1)
    end
  end
  for _, record in ipairs(dcache:records "share/safe") do
    local file = by_cid[record.key]
    if file and stands(record) then add_holder(file, record.signer, false) end
  end
  table.sort(list, function(a, b)
    local first, second = a.names[1] or "", b.names[1] or ""
    if first ~= second then return first < second end
    return a.cid < b.cid
  end)
  return list
end

local function is(file, what)
  if file.cid == what then return true end
  for _, name in ipairs(file.names) do
    if name == what then return true end
  end
  return false
end

local function begins(file, what)
  if #what < PREFIX then return false end
  if file.cid:sub(1, #what) == what then return true end
  for _, name in ipairs(file.names) do
    if name:sub(1, #what) == what then return true end
  end
  return false
end

local function matching(files, what, test)
  local found = {}
  for _, file in ipairs(files) do
    if test(file, what) then found[#found + 1] = file end
  end
  return found
end

--- The one file that WHAT (its name, its CID, or the beginning of either that fits no other) means.
-- nil, text, word, candidates where there is none or more than one.
function shared.find(files, what)
  local found = matching(files, what, is)
  if #found == 0 then found = matching(files, what, begins) end
  if #found == 1 then return found[1] end
  local name = plain.text(what)
  if #found == 0 then return nil, "missing: nobody has shared " .. name, "missing" end
  return nil, ("ambiguous: %s fits %d files"):format(name, #found), "ambiguous", found
end

return shared
