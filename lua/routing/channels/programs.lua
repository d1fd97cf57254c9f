-- programs.lua - which programs may be channels: those that the owner of this machine put there. Runs none.
--
-- A policy only names a program. It can come from somebody else, and must not be able to run what the owner did not put
-- into the folder by hand. So whoever could change the file, or swap it for another, must be root or this user.
local programs = {}
programs.__index = programs

local OTHERS_WRITE <const> = 18 -- 0o022: the bits of group and others
local ANY_EXECUTE <const> = 73 -- 0o111

local function refuse(path, what, cure)
  return nil, ("permission: %s %s, so it is not run: %s"):format(path, what, cure), "permission"
end

-- Could somebody else than root and this user change what lies at PATH?
local function check_owner(self, path, facts)
  if facts.uid ~= 0 and facts.uid ~= self.uid then
    return refuse(path, "belongs to another user", ("chown %s it"):format(self.uid == 0 and "root" or "root, or take"))
  end
  if facts.mode & OTHERS_WRITE ~= 0 then
    return refuse(path, "may be written by others than its owner", "chmod go-w " .. path)
  end
  return true
end

local function check_file(self, path, facts)
  if facts.kind ~= "file" then return refuse(path, "is no regular file", "put the program itself there, no link") end
  local ok, text, code = check_owner(self, path, facts)
  if not ok then return nil, text, code end
  if facts.mode & ANY_EXECUTE == 0 then return refuse(path, "is not executable", "chmod +x " .. path) end
  return path
end

-- The program NAME in FOLDER → path | nil, text, code | nil: it is not there
local function look_in(self, folder, name)
  local path = folder .. "/" .. name
  local place = self.disk:stat(folder)
  if not place then return nil end
  local facts, text, code = self.disk:stat(path)
  if not facts then
    if code == "ENOENT" then return nil end
    return nil, text, code
  end
  if place.kind ~= "directory" then return refuse(folder, "is no folder", "make it one, no link") end
  local ok
  ok, text, code = check_owner(self, folder, place)
  if not ok then return nil, text, code end
  return check_file(self, path, facts)
end

--- The program NAME as it may be run now. One that is there but may not be run is a fault: none is taken in its place.
-- → path | nil, text, code
function programs:find(name)
  for _, folder in ipairs(self.folders) do
    local path, text, code = look_in(self, folder, name)
    if path or code then return path, text, code end
  end
  return nil, ("missing: there is no program %s: put one into %s"):format(name, table.concat(self.folders, " or ")),
    "missing"
end

--- The programs of this machine's owner, by the paths of PLACE (lua/paths.lua).
function programs.of(place)
  return programs.new { disk = require "core.disk".real(), folders = place:channels(), uid = require "paths".uid() }
end

--- given.disk     core.disk's
--- given.folders  paths, in the order in which they are looked at (lua/paths.lua)
--- given.uid      number of this user
function programs.new(given)
  return setmetatable({ disk = given.disk, folders = given.folders, uid = given.uid }, programs)
end

return programs
