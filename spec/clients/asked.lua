-- asked.lua - has a node's commands answered without a socket: real ones of a fake node, as a function of the request.
local commands = require "commands"

local asked = {}

local function none() end

--- The commands of NODE, as its clients register them; LOOP: for those that go on.
function asked.commands(node, loop)
  node.commands = commands.new { failed = function(_, fault) error(fault, 0) end }
  local handle = { node = node }
  function handle:command(name, fn) self.node.commands:add(name, fn) end
  function handle:extend(name, fn) self.node.commands:extend(name, fn) end
  function handle:topic(...) self.node.events:topic(...) end
  node.why:add(function(thing)
    return thing.file and require "clients.logs.why".shared(node.logs:files(), thing.file)
  end)
  require "clients.control.requests"(handle, node.malformed)
  require "clients.control.names"(handle)
  handle.loop = loop or node.loop
  require "clients.discovery.requests"(handle, node.discovery)
  require "clients.logs.requests"(handle)
  if node.diagnostics then require "clients.diagnostics.requests"(handle, node.diagnostics) end
  return node.commands
end

--- What a control object takes as `answer`.
function asked.handler(node, loop)
  local all = asked.commands(node, loop)
  return function(request, reply) all:run(request, reply) end
end

--- → function(request) → the last answer | nil, text, code, candidates. WAIT() is called where it comes later.
function asked.of(node, wait)
  local all = asked.commands(node)
  return function(request)
    local found, reply = {}, { on_cancel = none, on_room = none, has_room = function() return true end,
      run = function(_, fn) fn() end }
    all:run(request, setmetatable(reply, { __call = function(_, ...)
      found = table.pack(...)
      return true
    end }))
    if not found.n then wait() end
    return table.unpack(found, 1, found.n)
  end
end

return asked
