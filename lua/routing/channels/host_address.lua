-- host_address.lua - an IP address and a port as a multiaddr. Looks up no names.
local host_address = {}

--- Is HOST, an IP address as the kernel prints it, one of IPv6?
function host_address.is_ip6(host) return host:find(":", 1, true) ~= nil end

--- HOST (which may end in %zone) and PROTOCOL ("udp", "tcp") → the multiaddr as far as the port
function host_address.of(host, protocol)
  local place, zone = host:match "^(.*)%%(.*)$"
  local where = host_address.is_ip6(host) and "/ip6/" .. (place or host) or "/ip4/" .. host
  return (zone and "/ip6zone/" .. zone or "") .. where .. "/" .. protocol
end

--- And PORT → the multiaddr of who speaks dswarm-line there
function host_address.text(host, protocol, port)
  return ("%s/%d/dswarm-line"):format(host_address.of(host, protocol), port)
end

return host_address
