-- file_owner.lua - could any but root and this user change a file, by its owner and its mode? Reads none.
local file_owner = {}

local OTHERS_WRITE <const>, ANY_EXECUTE <const> = 18, 73 -- octal 022, 0111

--- FACTS: core.disk's stat of what lies there; UID: number of this user. → "owner" or "mode", what is wrong as a text |
-- nil: nobody else can change it
function file_owner.fault(facts, uid)
  if facts.uid ~= 0 and facts.uid ~= uid then return "owner", "belongs to another user" end
  if facts.mode & OTHERS_WRITE ~= 0 then return "mode", "may be written by others than its owner" end
end

--- May somebody run it?
function file_owner.is_executable(facts) return facts.mode & ANY_EXECUTE ~= 0 end

return file_owner
