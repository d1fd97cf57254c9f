-- commands.lua - what can be asked of this node, by name: whoever can answer registers that here. Reads no socket.
local text = require "core.text"

local commands = {}
commands.__index = commands

function commands.new() return setmetatable({ by_name = {} }, commands) end

--- FN(request, reply) answers the requests whose member `command` is NAME (how: clients/control/conversation.lua).
-- → a function that takes the command off again. A second one of that name is a fault of the program.
function commands:add(name, fn)
  if self.by_name[name] then error("two answer the command " .. name, 2) end
  self.by_name[name] = fn
  return function()
    if self.by_name[name] == fn then self.by_name[name] = nil end
  end
end

--- Has REQUEST answered: with `kind` where nobody knows the command.
function commands:run(request, reply)
  local fn = self.by_name[request.command]
  if not fn then
    local name = text.utf8(request.command) and request.command or text.escape(request.command)
    return reply(nil, "kind: no such command: " .. name, "kind")
  end
  fn(request, reply)
end

return commands
