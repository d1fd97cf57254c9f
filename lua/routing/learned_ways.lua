-- learned_ways.lua - ties the table of ways to what a node hears, and to its policy. Decides nothing.
local ways = require "routing.ways"

local learned_ways = {}

-- Buckets whose words each node renews every few minutes: what of these comes by another node tells of a relay.
local RENEWED <const> = { "peer", "pri/*/addresses" }

--- Which of LIST, facts of several living ways to TO, does POLICY prefer? Nothing is asked where it leaves that to the
--- default, which is the first. → one of LIST, reason
function learned_ways.preferred(policy, to, list, here)
  if select(3, policy:where "routing.prefer") then return list[1] end
  return policy:ask("routing.prefer", to, list, here)
end

--- The ways that the node of ROUTING, the dispatcher, learns by its brain COMMS.
function learned_ways.new(routing, comms)
  local known = ways.new { loop = comms.loop, random = comms.random, id = comms.id, peers = comms.peers,
    addresses = comms.addresses, is_near = function(source) return routing:near(source) end,
    check = function(...) return comms.proof:check(...) end,
    prefer = function(to, list) return learned_ways.preferred(comms.policy, to, list, comms.here()) end }
  for _, bucket in ipairs(RENEWED) do
    comms:on_statement(bucket, function(st, source)
      if source then known:brought(st.signer, source) end
    end)
  end
  function comms.copied(source, list, place)
    known:brought(list:statement(place).signer, source)
  end
  return known
end

return learned_ways
