-- owned.lua - a file by its name in a folder that only the owner of this machine fills. Reads and runs none.
--
-- A policy only names such a file. It can come from somebody else, and must not be able to use what the owner did not
-- put there by hand. So whoever could change the file, or swap it for another, must be root or this user.
local file_owner = require "file_owner"

local owned = {}

--- What lies at PATH is there, but may not be used: nil, text, "permission", CURE: what the owner is to do.
function owned.refuse(path, what, cure)
  return nil, ("permission: %s %s, so it is not used"):format(path, what), "permission", cure
end

-- Could somebody else than root and this user change what lies at PATH?
local function check_owner(places, path, facts)
  local kind, what = file_owner.fault(facts, places.uid)
  if not kind then return true end
  return owned.refuse(path, what, kind == "mode" and "chmod go-w " .. path
    or ("chown %s it"):format(places.uid == 0 and "root" or "root, or take"))
end

local function check_file(places, path, facts)
  if facts.kind ~= "file" then return owned.refuse(path, "is no regular file", "put the file itself there, no link") end
  return check_owner(places, path, facts)
end

-- The file NAME in FOLDER → path, facts | nil, text, code, cure | nil: it is not there
local function look_in(places, folder, name)
  local path = folder .. "/" .. name
  local place = places.disk:stat(folder)
  if not place then return nil end
  local facts, text, code = places.disk:stat(path)
  if not facts then
    if code == "ENOENT" then return nil end
    return nil, text, code
  end
  if place.kind ~= "directory" then return owned.refuse(folder, "is no folder", "make it one, no link") end
  local ok, cure
  ok, text, code, cure = check_owner(places, folder, place)
  if ok then ok, text, code, cure = check_file(places, path, facts) end
  if not ok then return nil, text, code, cure end
  return path, facts
end

--- The file NAME as it may be used now. One that is there but may not be used is a fault: none is taken in its place.
---   places.disk     core.disk's
---   places.folders  paths, in the order in which they are looked at
---   places.uid      number of this user
--- → path, facts (disk:stat) | nil, text, code, cure (nil: as the code says) | nil: there is none
function owned.find(places, name)
  for _, folder in ipairs(places.folders) do
    local path, found, code, cure = look_in(places, folder, name)
    if path or code then return path, found, code, cure end
  end
end

return owned
