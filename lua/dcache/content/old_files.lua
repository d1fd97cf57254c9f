-- old_files.lua - what earlier versions wrote down of files, read once and put aside as NAME.old. Writes no file anew.
--
-- STATE/catalogue had a line for each own file: CID SIZE DEV INO MTIME_NS CTIME_NS NAME. STATE/held/CID had, a line
-- each, the name here, the identity and what the claim said of a copy (not in version 1), then its leaves' digests; the
-- copy itself lay at STATE/files/CID/NAME.
local cid = require "core.cid"

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
