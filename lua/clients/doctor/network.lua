-- network.lua - what this machine's own files and interfaces say of its network. Sends nothing.
--
-- Each finding is a text: what was seen; or false: it was looked for, and it is not so.
local kernel_file = require "clients.doctor.kernel_file"

local network = {}

local LEAST_MTU <const> = 1280 -- bytes that every network has to let through (RFC 8200 §5)

-- Bridges and the inner ends of containers, by the names that their makers give.
local function is_of_containers(name)
  for _, pattern in ipairs { "^docker%d", "^br%-", "^veth", "^virbr" } do
    if name:find(pattern) then return true end
  end
  return false
end

local function read(root, path) return kernel_file.text(root .. path) end

-- Interfaces that are up and lead to other machines, each name once, with their IPv4 networks: { name, nets = { host,
-- prefix } }
local function outward(net)
  local list, by_name = {}, {}
  for _, one in ipairs(net.interfaces() or {}) do
    if one.up and not one.loopback then
      local row = by_name[one.name]
      if not row then
        row = { name = one.name, nets = {} }
        by_name[one.name], list[#list + 1] = row, row
      end
      if one.family == 4 then table.insert(row.nets, { host = one.host, prefix = one.prefix }) end
    end
  end
  return list
end

local function bits_of(host)
  local a, b, c, d = host:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  return a and (tonumber(a) << 24 | tonumber(b) << 16 | tonumber(c) << 8 | tonumber(d))
end

local function network_of(one)
  local bits = bits_of(one.host)
  return bits and bits & (0xFFFFFFFF << (32 - one.prefix) & 0xFFFFFFFF)
end

local function two_in_one(list)
  for i, one in ipairs(list) do
    for j = i + 1, #list do
      for _, a in ipairs(one.nets) do
        for _, b in ipairs(list[j].nets) do
          if a.prefix == b.prefix and network_of(a) == network_of(b) then
            return ("%s (%s) and %s (%s)"):format(one.name, a.host, list[j].name, b.host)
          end
        end
      end
    end
  end
  return false
end

-- Why no link leads anywhere: "eth0 has no carrier; wlan0 is off"
local function links_down(net)
  local parts = {}
  for _, link in ipairs(net.links() or {}) do
    if not link.loopback then
      local why = not link.on and "is off" or not link.carrier and "has no carrier" or "has no address"
      parts[#parts + 1] = ("%s %s"):format(link.name, why)
    end
  end
  return parts[1] and table.concat(parts, "; ") or "this machine has no network interface"
end

local function small_mtu(root, list)
  for _, one in ipairs(list) do
    local mtu = math.tointeger(tonumber((read(root, ("/sys/class/net/%s/mtu"):format(one.name)) or ""):match "%d+"))
    if mtu and mtu < LEAST_MTU then return ("%s: %d bytes, and %d are needed"):format(one.name, mtu, LEAST_MTU) end
  end
  return false
end

local UP <const>, BY_ROUTER <const> = 1, 2 -- flags of routes: RTF_UP, RTF_GATEWAY (route(8))

--- The IPv4 router of this machine by /proc/net/route → "192.168.1.1" | nil: there is none, or nobody knows; second:
--- is there a default route at all, be it to a modem that has no address? nil: nobody knows
function network.gateway(root)
  local text = read(root or "", "/proc/net/route")
  local is_known = nil
  if text then is_known = false end
  for line in (text or ""):gmatch "[^\n]+" do
    local destination, gateway, flags, mask = line:match "^%S+%s+(%x+)%s+(%x+)%s+(%x+)%s+%S+%s+%S+%s+%S+%s+(%x+)"
    local bits = destination == "00000000" and mask == "00000000" and tonumber(flags, 16)
    if bits and bits & BY_ROUTER ~= 0 then
      local d, c, b, a = gateway:match "(%x%x)(%x%x)(%x%x)(%x%x)"
      return ("%d.%d.%d.%d"):format(tonumber(a, 16), tonumber(b, 16), tonumber(c, 16), tonumber(d, 16)), true
    end
    is_known = bits and bits & UP ~= 0 or is_known
  end
  return nil, is_known
end

-- Is there a default route of IPv6? The one of the loopback interface leads nowhere.
local function has_ip6_route(root)
  for line in (read(root, "/proc/net/ipv6_route") or ""):gmatch "[^\n]+" do
    local flags, name = line:match "^0+ 00 %x+ %x+ %x+ %x+ %x+ %x+ (%x+)%s+(%S+)"
    if flags and name ~= "lo" and tonumber(flags, 16) & UP ~= 0 then return true end
  end
  return false
end

--- Is HOST known by its hardware address to be there (/proc/net/arp)? → true | false | nil: nobody asked for it
function network.has_neighbour(root, host)
  for line in (read(root or "", "/proc/net/arp") or ""):gmatch "[^\n]+" do
    local address, flags = line:match "^(%S+)%s+%S+%s+0x(%x+)"
    if address == host then return tonumber(flags, 16) & 2 == 2 end -- ATF_COM: complete
  end
end

local function no_route(has_route, list)
  if has_route == nil then return nil end
  return not has_route and list[1] and "no default route in /proc/net/route, nor in ipv6_route" or false
end

--- What is seen at once. NET: core.net; ROOT: what stands before /proc and /sys, or nil.
function network.look(net, root)
  root = root or ""
  local all, list = outward(net), {}
  for _, one in ipairs(all) do
    if not is_of_containers(one.name) then list[#list + 1] = one end
  end
  local _, has_route = network.gateway(root)
  if has_route == false then has_route = has_ip6_route(root) end
  return {
    net_no_lan = not all[1] and links_down(net) or false,
    net_bridge_only = all[1] and not list[1] and all[1].name .. " is up, nothing else" or false,
    net_same_subnet = two_in_one(list),
    net_mtu = small_mtu(root, list),
    net_no_route = no_route(has_route, list),
  }
end

return network
