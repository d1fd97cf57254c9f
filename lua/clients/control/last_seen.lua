-- last_seen.lua - the file STATE/last: what the command line says of a daemon that is not there. No clock.
local last = {}

--- Lines: HOW ("running", "stopped cleanly" …), Unix milliseconds, the path of the control socket, and COMMAND: the
-- options that start the same daemon again, as a shell reads them (left out where nobody knows them).
function last.write(how, at, socket, command)
  command = command and not command:find "%c" and command .. "\n" or ""
  return ("%s\n%d\n%s\n%s"):format(how, at, socket, command)
end

--- {how=, at=, socket=, command= or nil}, or nil for a text that is not of this form.
function last.read(text)
  local how, at, socket, more = text:match("^([%w ]+)\n(%d+)\n([^\n]+)\n([^\n]*\n?)$")
  at = math.tointeger(at)
  if not at or more ~= "" and more:sub(-1) ~= "\n" then return nil end
  return { how = how, at = at, socket = socket, command = more ~= "" and more:sub(1, -2) or nil }
end

--- The same text stands beside the socket, too: who knows the socket may not know the state folder.
function last.beside(socket)
  local folder, name = socket:match "^(.*)/([^/]*)$"
  return folder and ("%s/.%s.last"):format(folder, name)
end

return last
