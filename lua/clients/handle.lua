-- handle.lua - what a client is given: the node, and a record of all that it asks for, which its end undoes. No client.
--
-- A client subscribes, registers and sets timers through its handle alone. So one that is stopped, or that throws while
-- it is opened, leaves nothing behind, whatever it forgets.
local sorted = require "sorted"

local handle = {}
handle.__index = handle

-- Which part of the node each kind of news is of; what the function is called with stands there.
local NEWS <const> = {
  on_statement = "comms", on_own = "comms", on_newcomer = "comms", on_back = "comms", on_stranger = "comms",
  on_standing = "comms",
  on_proved = "time", on_leap = "time",
  on_lost = "content", on_holding = "content",
  on_open = "listener",
}

-- == the loop as a client sees it: the node's, but its timers and watches end with the client

-- A timer that has fired is forgotten, so that those of a long life do not pile up.
local function after(self, loop, ms, fn)
  local timer, cancel
  cancel = self:keep(function() timer:cancel() end)
  timer = loop:after(ms, function()
    self.undos[cancel] = nil
    fn()
  end)
  return { cancel = cancel }
end

local function every(self, loop, ms, fn)
  local timer = loop:every(ms, fn)
  return { cancel = self:keep(function() timer:cancel() end) }
end

local function watch(self, loop, ...)
  local real, text, code = loop:watch(...)
  if not real then return nil, text, code end
  return { close = self:keep(function() real:close() end), set = function(_, events) return real:set(events) end }
end

local function loop_of(self, loop)
  local own = {}
  for _, name in ipairs { "now", "wall", "micro" } do
    own[name] = function(_, ...) return loop[name](loop, ...) end
  end
  function own.post(_, fn)
    loop:post(function() if not self.ended then fn() end end)
  end
  function own.after(_, ms, fn) return after(self, loop, ms, fn) end
  function own.every(_, ms, fn) return every(self, loop, ms, fn) end
  function own.watch(_, ...) return watch(self, loop, ...) end
  return own
end

-- == what a client asks for

--- For the client NAME of NODE. Fields: node, name, loop.
function handle.new(node, name)
  local self = setmetatable({ node = node, name = name, undos = {}, serial = 0 }, handle)
  self.loop = loop_of(self, node.loop)
  return self
end

--- UNDO() is called when the client ends. → a function that calls it now instead.
function handle:keep(undo)
  self.serial = self.serial + 1
  local forget
  forget = function()
    if not self.undos[forget] then return end
    self.undos[forget] = nil
    undo()
  end
  self.undos[forget] = self.serial
  return forget
end

for name, part in pairs(NEWS) do -- any order
  handle[name] = function(self, ...)
    local source = self.node[part]
    if not source then return function() end end -- this node has no such part, so there will be no such news
    return self:keep(source[name](source, ...))
  end
end

--- FN(request, reply) answers the command NAME of the control socket; MARKS: what that is to others (lua/commands.lua).
function handle:command(name, fn, marks) return self:keep(self.node.commands:add(name, fn, marks)) end

--- FN(answer) adds members to the answers of the command NAME, which another client answers.
function handle:extend(name, fn) return self:keep(self.node.commands:extend(name, fn)) end

--- FN(thing) → rows of why it is as it is (lua/why.lua).
function handle:why(fn) return self:keep(self.node.why:add(fn)) end

--- There are events of the topic NAME, about TEXT; BEGIN() when somebody reads them, ROWS() how all is now
--- (lua/event_ring.lua).
function handle:topic(name, text, begin, rows) return self:keep(self.node.events:topic(name, text, begin, rows)) end

--- FN(message, source, reply) gets what other nodes address to /dswarm/ID/NAME (lua/routing/init.lua).
function handle:component(name, fn) return self:keep(self.node.routing:component(name, fn)) end

--- The node has VALUE under NAME while the client runs; somebody else's is not replaced.
function handle:provide(name, value)
  local node = self.node
  if rawget(node, name) ~= nil then error(("the node has a part `%s` already"):format(name), 2) end
  node[name] = value
  return self:keep(function() node[name] = nil end)
end

--- Undoes all, what came last first. FAILED(fault) is told of each that throws.
function handle:close(failed)
  local by_serial = {}
  for forget, serial in pairs(self.undos) do by_serial[serial] = forget end -- any order: sorted below
  local serials = sorted.keys(by_serial)
  for i = #serials, 1, -1 do
    local ok, fault = pcall(by_serial[serials[i]])
    if not ok then failed(fault) end
  end
  self.ended = true
end

return handle
