-- trusted_program.lua - a program by its whole path: could any but root and this user change what is run? Runs none.
--
-- As sudo and ssh do, links are followed (on many systems /bin is one), and each folder, link and file on the way must
-- belong to root or this user, and nobody else may write it.
local file_owner = require "file_owner"

local trusted_program = {}

local LINKS_MOST <const> = 40 -- as the kernel has it
local STICKY <const> = 512 -- octal 01000
local CURES <const> = { owner = "chown root ", mode = "chmod go-w " }

local function refuse(path, what, cure)
  return ("permission: %s %s, so it is not run: %s%s"):format(path, what, cure, path)
end

-- Of a link that is a matter of its folder; in a folder such as /tmp nobody takes away what is another's.
local function fault_at(given, path, facts)
  local kind, what = file_owner.fault(facts, given.uid)
  if not kind or kind == "mode" and (facts.kind == "link" or facts.mode & STICKY ~= 0) then return nil end
  return refuse(path, what, CURES[kind])
end

local function file_fault(path, facts)
  if facts.kind ~= "file" then return ("permission: %s is no regular file, so it is not run: name one"):format(path) end
  if not file_owner.is_executable(facts) then return refuse(path, "is not executable", "chmod +x ") end
end

-- The parts of PATH, the first one last.
local function parts_of(path, behind)
  local list, parts = {}, behind or {}
  for part in path:gmatch "[^/]+" do list[#list + 1] = part end
  for i = #list, 1, -1 do parts[#parts + 1] = list[i] end
  return parts
end

-- What is at PATH may be used → facts | nil, text
local function look(given, path, named)
  local facts, why, code = given.disk:stat(path)
  if not facts then
    if code ~= "ENOENT" and code ~= "ENOTDIR" then return nil, why end
    return nil, ("target: the program %s is not there: put it there, or name another"):format(named)
  end
  local fault = fault_at(given, path, facts)
  return not fault and facts or nil, fault
end

-- One step from the real folder AT along PARTS → where it leads, its facts | nil, text
local function step(given, at, parts, named)
  local part = table.remove(parts)
  if part == "." then return at end
  if part == ".." then return at:match "^(.*)/[^/]*$" or "" end
  local path = at .. "/" .. part
  local facts, why = look(given, path, named)
  if not facts then return nil, why end
  if facts.kind ~= "link" then return path, facts end
  given.links = given.links + 1
  local to, text = given.link(path)
  if not to or given.links > LINKS_MOST then return nil, text or "ELOOP: too many links: " .. named end
  parts_of(to, parts)
  return to:sub(1, 1) == "/" and "" or at
end

--- The program NAMED, a whole path, as it may be run now → its real path | nil, text
--- given.disk  core.disk's
--- given.uid   number of this user
--- given.link  fn(path) → where a link leads, or nil: core.board's
function trusted_program.find(given, named)
  local one = { disk = given.disk, uid = given.uid, link = given.link or require "core.board".link, links = 0 }
  local at, parts, facts = "", parts_of(named), nil
  local root, fault = look(one, "/", named)
  if not root then return nil, fault end
  while parts[1] do
    at, facts = step(one, at, parts, named)
    if not at then return nil, facts end
  end
  fault = file_fault(named, facts or root)
  if fault then return nil, fault end
  return at
end

return trusted_program
