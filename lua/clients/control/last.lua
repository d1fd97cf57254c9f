-- last.lua - the file STATE/last: what the command line says of a daemon that is not there. No clock.
local last = {}

--- Three lines: HOW ("running", "stopped cleanly" …), Unix milliseconds, the path of the control socket.
function last.write(how, at, socket)
  return ("%s\n%d\n%s\n"):format(how, at, socket)
end

--- {how=, at=, socket=}, or nil for a text that is not of this form.
function last.read(text)
  local how, at, socket = text:match("^([%w ]+)\n(%d+)\n([^\n]+)\n$")
  at = math.tointeger(at)
  return at and { how = how, at = at, socket = socket }
end

return last
