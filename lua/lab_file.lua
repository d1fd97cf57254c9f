-- lab_file.lua - where a node's lab file lies: the first of three places, its secret closed; written, removed. What it
-- says is dcache/lab.lua's.
local lab = require "dcache.lab"

local lab_file = {}

local NAME <const> = "lab"
local MODE <const> = 384 -- octal 0600
local OF_OTHERS <const>, OF_ALL <const> = 63, 7 -- octal 077: of whoever is not the owner; 007: not in its group either
local UNREADABLE <const> = { EACCES = true, EPERM = true }

-- A token lets robots in, so it is read by nobody else. → nil | a line for people, where this user cannot close FILE
local function close_to_others(disk, file, uid)
  local facts = disk:stat(file)
  if not facts then return nil end
  local is_link = facts.kind == "link"
  if not is_link and facts.mode & OF_OTHERS == 0 then return nil end
  local is_ours = is_link or facts.uid == uid
  if is_ours and disk:chmod(file, MODE) then return nil end
  if not is_link and facts.mode & OF_ALL == 0 then return nil end
  return ("every user of this machine may read %s, which holds a token: sudo chmod 600 %s"):format(file, file)
end

-- INSTEAD: the path that comes before FILE | nil.
local function read_fault(file, instead, err, code)
  if UNREADABLE[code] then
    return nil, ("%s: the lab file %s may not be read by this user: make it the daemon's own (sudo chown)%s"):format(
      code, file, instead and ", or put one at " .. instead or ""), code
  end
  return nil, ("%s: the lab file %s cannot be read: %s"):format(code, file, (err:gsub("^%w+: ", ""))), code
end

--- The lab of the first of FILES (paths, as lua/paths.lua gives them) that is there: what dcache/lab.lua reads, and
--   file  its path     is_open  nil | a line for people: others can read its token, and this user UID cannot end that
-- A file that is there and says no lab is a fault: a node that fell back into the open swarm would share its files with
-- everybody. → lab | nil: this node is in no lab | nil, text, code
function lab_file.find(disk, files, uid)
  for i, file in ipairs(files) do
    local content, err, code = disk:read(file, lab.BYTES_MAX)
    if content then
      local found
      found, err, code = lab.read(content)
      if not found then
        return nil, ("%s: %s; put a whole copy there, or remove the file: then this node is in no lab"):format(file,
          (err:gsub("^%l+: ", "", 1))), code
      end
      found.file = file
      found.is_open = found.token and close_to_others(disk, file, uid)
      return found
    end
    if code ~= "ENOENT" and code ~= "ENOTDIR" then return read_fault(file, files[i - 1], err, code) end
  end
  return nil
end

--- The path of the lab file in the state folder STATE: it comes before all others.
function lab_file.own(state) return state .. "/" .. NAME end

--- CONTENT becomes the lab file of STATE, synced and as a whole; beside the loop (lua/atomic_write.lua).
-- TOLD(true) or TOLD(nil, text, code): the file is as it was
function lab_file.put(atomic_write, state, content, told)
  atomic_write:put(lab_file.own(state), content, MODE, told)
end

--- The lab file of STATE is gone, and no power cut brings it back; the caller waits for the disk.
-- → true | nil, text, code: it may be asked again
function lab_file.remove(disk, state)
  local ok, err, code = disk:unlink(lab_file.own(state))
  if ok or code == "ENOENT" then ok, err, code = disk:sync_directory(state) end
  return ok and true, err, code
end

return lab_file
