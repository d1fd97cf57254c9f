-- old_files.lua - what earlier versions wrote down of files, read once and put aside as NAME.old. Writes no file anew.
--
-- STATE/catalogue had a line for each own file: CID SIZE DEV INO MTIME_NS CTIME_NS NAME. STATE/held/CID had, a line
-- each, the name here, the identity and what the claim said of a copy (not in version 1), then its leaves' digests; the
-- copy itself lay at STATE/files/CID/NAME.
local cid = require "core.cid"
local claim_data = require "dcache.content.claim_data"
local json = require "core.json"

local old_files = {}

local CATALOGUE <const> = "dt-swarm catalogue 1\n"
local CATALOGUE_FIELDS <const> = { "size", "dev", "ino", "mtime_ns", "ctime_ns" }

local function entry_of(line)
  local root, size, dev, ino, mtime, ctime, name =
    line:match "^(b%w+) (%d+) (%-?%d+) (%d+) (%-?%d+) (%-?%d+) (.+)$"
  if not root or not cid.parse(root) then return nil end
  local row = { place = "share", path = name, cid = root }
  for i, text in ipairs { size, dev, ino, mtime, ctime } do
    row[CATALOGUE_FIELDS[i]] = math.tointeger(tonumber(text))
    if not row[CATALOGUE_FIELDS[i]] then return nil end
  end
  return row
end

--- The own files of STATE/catalogue as rows (files.lua); a line that cannot be read costs hashing that file again.
function old_files.catalogue(disk, dir)
  local rows, bytes = {}, disk:read(dir .. "/catalogue")
  if not bytes or bytes:sub(1, #CATALOGUE) ~= CATALOGUE then return rows end
  for line in bytes:sub(#CATALOGUE + 1):gmatch "([^\n]*)\n" do rows[#rows + 1] = entry_of(line) end
  return rows
end

local HELD <const> = { ["dt-swarm held 1\n"] = 1, ["dt-swarm held 2\n"] = 2 }
local HELD_FIELDS <const> = { "dev", "ino", "size", "mtime_ns", "ctime_ns" }

local function identity_of(numbers)
  local identity, n = {}, 0
  for number in numbers:gmatch "%S+" do
    n = n + 1
    if HELD_FIELDS[n] then identity[HELD_FIELDS[n]] = math.tointeger(tonumber(number)) end
  end
  for _, field in ipairs(HELD_FIELDS) do
    if not identity[field] then return nil end
  end
  return identity
end

local function note_of(key, bytes)
  local head, name, numbers, rest = bytes:match "^([^\n]+\n)([^\n]+)\n([%d%- ]+)\n(.*)$"
  local version, claim = HELD[head], nil
  if version == 2 then claim, rest = rest:match "^([^\n]*)\n(.*)$" end
  local identity = version and rest and #rest % 32 == 0 and identity_of(numbers)
  if not identity then return nil end
  local data = claim and json.decode(claim)
  data = type(data) == "table" and data or {}
  local origin = claim_data.origin(key, data)
  return { cid = key, name = name, identity = identity, leaves = rest, origin = origin,
    also = origin and claim_data.other_names(key, data), old = ("files/%s/%s"):format(key, name) }
end

--- The copies of STATE/held, sorted by CID: { cid, name, identity, leaves, origin, also, old = path beneath STATE }.
-- One that cannot be read is found when the store is looked through, if somebody's record names it.
function old_files.held(disk, dir)
  local list = {}
  for _, key in ipairs(disk:list(dir .. "/held") or {}) do
    local bytes = cid.parse(key) and disk:read(dir .. "/held/" .. key)
    list[#list + 1] = bytes and note_of(key, bytes) or nil
  end
  return list
end

--- The note of the file system on which they lay goes where it is now.
function old_files.move_place(disk, dir)
  if disk:stat(dir .. "/held/place") and not disk:stat(dir .. "/place") then
    disk:rename(dir .. "/held/place", dir .. "/place")
  end
end

--- FILES (files.lua's) takes over what STATE/NAME had: ROWS are written, then the old one is put aside.
function old_files.take_over(files, disk, log, dir, name, rows)
  local path = dir .. "/" .. name
  if not disk:stat(path) then return end
  local ok, why = files:add(rows)
  if ok then ok, why = disk:rename(path, path .. ".old") end
  if not ok then return log:warn("content", "an old file is not taken over", { file = path, why = why }) end
  log:info("content", "taken over from an earlier version", { file = path, files = #rows, aside = path .. ".old" })
end

return old_files
