-- commands.lua - what can be asked of this node, by name: whoever can answer registers that here. Reads no socket.
local listeners = require "listeners"
local text = require "core.text"

local commands = {}
commands.__index = commands

--- FAILED(command, fault): somebody failed at adding his members to an answer; absent() → names of clients that do
-- not run, an array. Either may be nil.
function commands.new(given)
  given = given or {}
  return setmetatable({ by_name = {}, extensions = {}, failed = given.failed, absent = given.absent }, commands)
end

--- FN(request, reply) answers the requests whose member `command` is NAME (how: clients/control/conversation.lua).
-- → a function that takes the command off again. A second one of that name is a fault of the program.
function commands:add(name, fn)
  if self.by_name[name] then error("two answer the command " .. name, 2) end
  self.by_name[name] = fn
  return function()
    if self.by_name[name] == fn then self.by_name[name] = nil end
  end
end

--- FN(answer) adds its members to the answers of the command NAME. → a function that ends it.
function commands:extend(name, fn)
  self.extensions[name] = self.extensions[name] or listeners.new()
  return self.extensions[name]:add(function(answer)
    local ok, fault = xpcall(fn, debug.traceback, answer)
    if not ok and self.failed then self.failed(name, fault) end
  end)
end

--- ANSWER of the command NAME with what others add to it. One who fails leaves his members out.
function commands:fill(name, answer)
  if self.extensions[name] then self.extensions[name]:call(answer) end
  return answer
end

local function unknown(self, name)
  name = text.utf8(name) and name or text.escape(name)
  local absent = self.absent and self.absent() or {}
  local but = absent[1] and "; status says why these do not run here: " .. table.concat(absent, ", ") or ""
  return ("kind: no such command: %s%s"):format(name, but)
end

--- Has REQUEST answered: with `kind` where nobody knows the command.
function commands:run(request, reply)
  local fn = self.by_name[request.command]
  if not fn then return reply(nil, unknown(self, request.command), "kind") end
  fn(request, reply)
end

return commands
