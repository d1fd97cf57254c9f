-- ping - answers pings of other nodes, and asks them: how long does it take there, over which hops? Chooses no way.
local bounded = require "bounded"
local messages = require "comms.messages"
local questions = require "clients.ping.questions"
local requests = require "clients.ping.requests"

local ping = { name = "ping", needs = { "discovery" } }
ping.__index = ping

local NONCES_MAX <const> = 64 -- pings of which it is known that they came before

-- Who asks the same once more has heard no answer: perhaps nothing goes back by the way that his ping came. So he is
-- answered by his ID, too, by a way of ours; once, and only where a node that proved itself brought his ping.
function ping:again(nonce, asker, source, reply)
  local before = self.nonces:get(nonce)
  self.nonces:put(nonce, (before or 0) + 1)
  if before ~= 1 or not self.comms.peers:prover(source) then return reply end
  return function(message)
    local routing = self.routing
    routing:send { to = ("/dswarm/%s/ping"):format(asker), from = "-", kind = message.kind, rest = message.rest,
      avoid = { [source.id] = true } }
    return reply(message)
  end
end

-- What this component understands, by kind.
local kinds = {}

-- One that many hear is for the one whom it names: else all would answer at once.
function kinds.ping(self, message, source, reply)
  local comms = self.comms
  if not source then return nil, "address: a ping of this node, by its own routes, to itself", "address" end
  if comms.leaving then return nil, "closed: this node is about to stop", "closed" end
  if source.broadcast and message.to:find("/*/", 1, true) then
    return nil, "address: a ping that many hear names whom it asks", "address"
  end
  local nonce, asker, code = messages.parse_ping(message.rest)
  if not nonce then return nil, asker, code end
  return comms.proof:answer(nonce, asker, source, self:again(nonce, asker, source, reply))
end

function kinds.pong(self, message) return self.questions:pong(message) end
function kinds.unreachable(self, message) return self.questions:unreachable(message) end
function kinds.budget() return true end -- so few lines that nobody need spare them

local function receive(self, message, source, reply)
  local kind = kinds[message.kind]
  local ok, text, code
  if kind then
    ok, text, code = kind(self, message, source, reply)
  else
    text, code = "kind: the component ping does not know " .. message.kind, "kind"
  end
  if ok then return ok end
  self.refused(code)
  return nil, text, code
end

--- The client, as lua/clients/init.lua has it.
function ping.open(handle)
  local node = handle.node
  local self = setmetatable({ comms = node.comms, routing = node.routing, refused = node.refuse,
    nonces = bounded.new { limit = NONCES_MAX } }, ping)
  self.questions = questions.new { loop = handle.loop, random = node.random, id = node.id, swarm = node.swarm,
    checks = node.comms.checks, send = function(message) return node.routing:send(message) end,
    fault = function(id) return (node.routing.ways:fault(id)) end }
  handle:component("ping", function(...) return receive(self, ...) end)
  requests(handle, self.questions)
  return self
end

function ping:stop() self.questions:stop() end

return ping
