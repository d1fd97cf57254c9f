-- routing.lua - over which channels, by which way, for whom. Defaults of the `routing` section.
local p = ...
local routing = p.routing

-- A fresh node joins its LAN only: each way to the WAN is one more line in somebody's own policy. IPv6 by UDP speaks
-- only where it reaches somebody who has no IPv4.
routing.channels = {
  "/ip4/0.0.0.0/udp/3825/dswarm-line",
  "/ip4/0.0.0.0/tcp/3825/dswarm-line",
  "/ip6/::/udp/3825/dswarm-line",
  "/ip6/::/tcp/3825/dswarm-line",
}
routing.routes = {}
routing.export = { "brain", "ping" }
routing.block = {}

function routing.open() return true end

function routing.prefer(_, ways) return ways[1] end -- cheapest first, living ones only

function routing.relay(envelope)
  if not envelope.vouched then return false, "no member vouches for it" end
  return true
end
