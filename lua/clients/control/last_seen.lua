-- last_seen.lua - the file STATE/last: what the command line says of a daemon that is not there. No clock.
local kept = require "kept"

local last_seen = {}

--- What the file keeps (lua/kept.lua): HOW ("running", "stopped cleanly" …), AT in Unix ms, the path of the control
-- SOCKET, and COMMAND: the options that start the same daemon again, as a shell reads them (nil: nobody knows them).
-- → table | nil: the path is not UTF-8, and no JSON can hold it.
function last_seen.data(how, at, socket, command)
  if not utf8.len(socket) then return nil end
  if command and (command:find "%c" or not utf8.len(command)) then command = nil end
  return { how = how, at = at, socket = socket, command = command }
end

-- Four lines in place of the members, or three.
local function read_old(text)
  local how, at, socket, more = text:match "^([%w ]+)\n(%d+)\n([^\n]+)\n([^\n]*\n?)$"
  if not how or more ~= "" and more:sub(-1) ~= "\n" then return nil end
  return { how = how, at = math.tointeger(at), socket = socket, command = more ~= "" and more:sub(1, -2) or nil }
end

local function is_text(value) return type(value) == "string" and value ~= "" and not value:find "%c" end

--- { how =, at =, socket =, command = or nil }; nil for a text that is damaged or of another form. Anybody may have
-- written it.
function last_seen.read(text)
  local found = kept.decode(text) or read_old(text)
  if type(found) ~= "table" or not (is_text(found.how) and found.how:find "^[%w ]+$") then return nil end
  local at = math.tointeger(found.at)
  if not at or not is_text(found.socket) then return nil end
  return { how = found.how, at = at, socket = found.socket, command = is_text(found.command) and found.command or nil }
end

--- The same stands beside the socket, too: who knows the socket may not know the state folder. → folder, name | nil
function last_seen.beside(socket)
  local folder, name = socket:match "^(.*)/([^/]*)$"
  if folder then return folder, (".%s.last"):format(name) end
end

return last_seen
