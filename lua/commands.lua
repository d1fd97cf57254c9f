-- commands.lua - what can be asked of this node, by name: whoever can answer registers that here. Reads no socket.
local listeners = require "listeners"
local text = require "core.text"

local commands = {}
commands.__index = commands

--- FAILED(command, fault): somebody failed at adding his members to an answer; absent() → names of clients that do
-- not run, an array. Either may be nil.
function commands.new(given)
  given = given or {}
  local self = { by_name = {}, marks = {}, extensions = {}, failed = given.failed, absent = given.absent }
  return setmetatable(self, commands)
end

--- FN(request, reply) answers the requests whose member `command` is NAME (how: clients/control/conversation.lua).
-- MARKS, or nil, is what whoever asks from another node may be told of it: reads = true, or fn(request) → true: it
-- changes nothing here; here = text, or fn(request) → text | nil: why it is answered on this machine alone.
-- → a function that takes the command off again. A second one of that name is a fault of the program.
function commands:add(name, fn, marks)
  if self.by_name[name] then error("two answer the command " .. name, 2) end
  self.by_name[name], self.marks[name] = fn, marks
  return function()
    if self.by_name[name] == fn then self.by_name[name], self.marks[name] = nil, nil end
  end
end

local function marked(mark, request)
  if type(mark) == "function" then return mark(request) end
  return mark
end

--- What REQUEST is to whoever asks from another node: does it only read; why it is answered on this machine alone |
-- nil. A command that nobody knows only reads: all that comes of it is `kind`.
function commands:marks_of(request)
  local marks = self.marks[request.command] or {}
  if not self.by_name[request.command] then return true end
  return marked(marks.reads, request) == true, marked(marks.here, request)
end

--- Is REQUEST, which another node answers, known to change nothing there? What nobody knows here is not.
function commands:surely_reads(request)
  return self.by_name[request.command] ~= nil and (self:marks_of(request))
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
