-- part_file.lua - where a file is put together beside its target: found, locked against others. Writes no block.
--
-- Two commands may fetch one file into one folder at the same time. Each holds the half that it writes by a lock; who
-- comes second takes another one, so that none renames away what the other still writes.
local part_file = {}

local MOST <const> = 8 -- partial files of one file in one folder
local TRIES <const> = 4
local MODE <const> = 420 -- 0644: it becomes the file
local HELD <const> = "EWOULDBLOCK" -- somebody else writes it

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$"
  return folder == "" and "/" or folder or "."
end

part_file.folder_of = folder_of

--- What is at PATH, as disk:stat; a link to a folder is that folder.
function part_file.stat(disk, path) return disk:stat(path .. "/.") or disk:stat(path) end

--- Where the blocks of CID are put together: beside TARGET, so that it can be renamed into place. N: the first, or
-- another one.
function part_file.path(target, cid, n)
  return ("%s/.%s%s.part"):format(folder_of(target), cid, n and n > 1 and "." .. n or "")
end

--- The CID of which a file called NAME is a half | nil.
function part_file.cid(name) return name:match "^%.(b%w+)%.part$" or name:match "^%.(b%w+)%.%d%.part$" end

local CANNOT <const> = {
  ENOENT = "the folder %s is not there", ENOTDIR = "%s is no folder", EACCES = "we may not write to the folder %s",
  EPERM = "we may not write to the folder %s", EROFS = "the disk of %s is read-only", ENOSPC = "the disk of %s is full",
  EDQUOT = "the disk of %s has no room for us: our quota is used up",
}

-- Why nothing can be made at PATH, where the system says MESSAGE and WORD.
local function why_not(disk, path, message, code)
  local folder = folder_of(path)
  if code == "ENOENT" and disk:stat(folder .. "/.") then
    return ("no file can be made in %s: it is no folder for files"):format(folder)
  end
  return CANNOT[code] and CANNOT[code]:format(folder) or message
end

-- What was locked may be renamed by then, and another file be in its place: then it is tried again. Where the file
-- system knows no locks there is none. → function that lets go | nil, text, code
local function hold(disk, path)
  for _ = 1, TRIES do
    local file, message, code = disk:open(path, "create", MODE)
    if not file then return nil, why_not(disk, path, message, code), code end
    file:close()
    local before = disk:stat(path)
    local lock, held, kind = disk:lock(path)
    if not lock and kind == HELD then return nil, held, kind end
    local after = disk:stat(path)
    if before and after and before.ino == after.ino then return function() return lock and lock:close() end end
    if lock then lock:close() end
  end
  return nil, "another command takes it again and again", HELD
end

-- The largest first: it is the one worth going on with. Then those that are not there.
local function places(disk, target, cid)
  local list = {}
  for n = 1, MOST do
    local path = part_file.path(target, cid, n)
    local facts = disk:stat(path)
    list[n] = { path = path, n = n, size = facts and facts.size or -1 }
  end
  table.sort(list, function(a, b) return a.size > b.size or a.size == b.size and a.n < b.n end)
  return list
end

--- A half of CID beside TARGET that nobody else writes; it is made where it is not there. One that is there and is not
-- ours to write (another user's, a link, a folder) is passed over.
-- → path, function that lets go of it | nil, text, code
function part_file.take(disk, target, cid)
  for _, each in ipairs(places(disk, target, cid)) do
    local let_go, message, code = hold(disk, each.path)
    if let_go then return each.path, let_go end
    if code ~= HELD and each.size < 0 then return nil, message, code end
  end
  return nil, ("%d other commands fetch it to %s now"):format(MOST, folder_of(target)), "full"
end

--- Removes the half at PATH, unless somebody writes it, or might. → is it gone?
function part_file.remove(disk, path)
  local lock = disk:lock(path)
  if not lock then return false end
  local gone = disk:unlink(path)
  lock:close()
  return gone ~= nil
end

--- Does somebody write the half at PATH?
function part_file.is_held(disk, path)
  local lock, _, code = disk:lock(path)
  if lock then lock:close() end
  return not lock and code == HELD
end

return part_file
