-- programs.lua - which programs may be channels: those that the owner of this machine put there. Runs none.
local file_owner = require "file_owner"
local owned = require "routing.channels.owned"

local programs = {}
programs.__index = programs

-- A fault with what to do, as one text: the policy that names the program is refused with it.
local function fault(text, code, cure) return nil, cure and ("%s: %s"):format(text, cure) or text, code end

--- The program NAME as it may be run now. One that is there but may not be run is a fault: none is taken in its place.
-- → path | nil, text, code
function programs:find(name)
  local path, facts, code, cure = owned.find(self, name)
  if code then return fault(facts, code, cure) end
  if not path then
    return nil, ("missing: there is no program %s: put one into %s"):format(name, table.concat(self.folders, " or ")),
      "missing"
  end
  if not file_owner.is_executable(facts) then
    return fault(select(2, owned.refuse(path, "is not executable", "chmod +x " .. path)))
  end
  return path
end

--- The programs of this machine's owner, by the paths of PLACE (lua/paths.lua). FOLDERS: others than those of channels.
function programs.of(place, folders)
  return programs.new { disk = require "core.disk".real(), folders = folders or place:channels(),
    uid = require "paths".uid() }
end

--- GIVEN: disk, folders, uid, as owned.lua takes them
function programs.new(given)
  return setmetatable({ disk = given.disk, folders = given.folders, uid = given.uid }, programs)
end

return programs
