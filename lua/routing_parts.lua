-- routing_parts.lua - the parts of a node's dispatcher that know more than channels, made and tied to it. Decides
-- nothing itself.
local block = require "routing.block"
local far = require "routing.far"
local forward = require "routing.forward"
local gate = require "routing.gate"
local learned_ways = require "routing.learned_ways"
local settings = require "settings"

local routing_parts = {}

--- Gives NODE's dispatcher its routes, its ways, its `block` and its `relay` (gate.lua), and `exported`: fn(name) → may
--- others speak to that component?; and what passes lines on (`forward`, `far`).
function routing_parts.make(node)
  local comms, routing, policy = node.comms, node.routing, node.policy
  routing.block = block.new { loop = node.loop, id = node.id, peers = comms.peers,
    signed = function(facts) return comms.checks.signed(facts, "beacon", node.swarm) == true end }
  routing.block:load(policy:get "routing.block")
  routing.relay = gate.new { loop = node.loop, policy = policy, here = node.here, peers = comms.peers,
    trust = node.dcache.trust, block = routing.block, near = function(source) return routing:near(source) end,
    tell = function(...) routing.answers:budget(...) end }
  function routing.exported(name)
    for _, each in ipairs(policy:get "routing.export") do
      if each == name then return true end
    end
    return false
  end
  routing.routes = settings.routes(node)
  routing.ways = learned_ways.new(routing, comms)
  routing.far = far.new { loop = node.loop, routing = routing,
    resolve = function(...) return node.loop:resolve(...) end }
  routing.forward = forward.new { loop = node.loop, random = node.random, id = node.id, peers = comms.peers,
    routing = routing }
end

return routing_parts
