-- block_form.lua - what an entry of routing.block means, or what would be right in its place. Shuts nobody out.
local address = require "core.address"
local key = require "core.key"

local block_form = {}

--- TEXT, a multiaddr, without the zone before it, which means something on this machine only.
function block_form.without_zone(text) return (text:gsub("^/ip6zone/[^/]+", "")) end

local WANTED <const> = "a peer ID, or an address in numbers: /ip4/192.168.1.20 for all of a host, "
  .. "/ip4/192.168.1.20/udp/3825 for a port of it"

-- → what an address shuts out, without what it says of the protocol above the port | nil, why
local function read_address(text)
  local good, why = address.check(text)
  if not good then return nil, (why:gsub("^form: ", "")) end
  local parts = address.parts(block_form.without_zone(good))
  local host, port, last = parts[1], parts[2], parts[3]
  if host[1] ~= "ip4" and host[1] ~= "ip6" or parts[4] or last and last[1] ~= "dswarm-line" then return nil, WANTED end
  if not port then return ("/%s/%s"):format(host[1], host[2]) end
  if port[1] ~= "udp" and port[1] ~= "tcp" then return nil, WANTED end
  return ("/%s/%s/%s/%s"):format(host[1], host[2], port[1], port[2])
end

--- One entry of routing.block → "id" or "address", what it means: the ID, or the address
--- | nil, what would be right
function block_form.read(text)
  local id = text:match "^/dswarm/(%w+)$"
  if id then return nil, ("the ID alone: %q"):format(id) end
  if text:sub(1, 1) == "/" then
    local meant, why = read_address(text)
    return meant and "address", meant or why
  end
  if key.public(text) then return "id", text end
  if address.check("/ip4/" .. text) then return nil, ("that is %q"):format("/ip4/" .. text) end
  if text:find ":" and address.check("/ip6/" .. text) then return nil, ("that is %q"):format("/ip6/" .. text) end
  return nil, WANTED .. "; several robots can bear one name, so write the ID, which discover --json shows"
end

return block_form
