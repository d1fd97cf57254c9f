-- remote - the component `control`: this node's commands for callers from other nodes, and calls to these. It seals
-- nothing (routing/call.lua does), and finds no way (routing does).
local calls = require "clients.remote.calls"
local service = require "clients.remote.service"

local remote = { name = "remote" }
remote.__index = remote

-- A line for /dswarm/<this node>/control came. → true | nil, text, code, counted
local function take(self, message, source, reply)
  local ok, text, code
  if message.kind == "call" and not source then
    text, code = "address: a call of this node, by its own routes, to itself", "address"
  elseif message.kind == "call" then
    return self.service:take(message, source, reply) -- which counts
  elseif message.kind == "reply" then
    ok, text, code = self.calls:take(message.rest)
  elseif message.kind == "unreachable" then
    ok, text, code = self.calls:unreachable(message.rest)
  elseif message.kind == "budget" then
    return true -- of who passes it on; what is lost is said again
  else
    text, code = "kind: no such message is for control", "kind"
  end
  if not ok then self.service:refuse(code) end
  return ok, text, code
end

--- The client, as lua/clients/init.lua has it.
function remote.open(handle)
  local self = setmetatable({ calls = calls.new(handle), service = service.new(handle) }, remote)
  self.calls:register(handle)
  handle:component("control", function(...) return take(self, ...) end)
  handle:extend("status", function(answer) answer.calls = self.service:facts() end)
  return self
end

function remote:stop() self.service:stop() end

return remote
