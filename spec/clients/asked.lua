-- asked.lua - has a node's commands answered without a socket: real ones of a fake node, as a function of the request.
local commands = require "commands"

local asked = {}

local ABOUT <const> = { "clients.control.requests", "clients.discovery.requests", "clients.logs.requests" }

local function none() end

--- The commands of NODE, as the daemon registers them.
function asked.commands(node)
  local all = commands.new()
  for _, about in ipairs(ABOUT) do
    require(about)(node, function(name, fn) return all:add(name, fn) end)
  end
  return all
end

--- What a control object takes as `answer`.
function asked.handler(node)
  local all = asked.commands(node)
  return function(request, reply) all:run(request, reply) end
end

--- → function(request) → the last answer | nil, text, code, candidates. WAIT() is called where it comes later.
function asked.of(node, wait)
  local all = asked.commands(node)
  return function(request)
    local found, reply = {}, { on_cancel = none, on_room = none, has_room = function() return true end }
    all:run(request, setmetatable(reply, { __call = function(_, ...)
      found = table.pack(...)
      return true
    end }))
    if not found.n then wait() end
    return table.unpack(found, 1, found.n)
  end
end

return asked
