-- interfaces.lua - which interfaces of this machine datagrams go out by, and why not by the others. Sends nothing.
local address = require "core.address"
local host_address = require "routing.channels.host_address"

local interfaces = {}
interfaces.__index = interfaces

local EVERYWHERE = { ["0.0.0.0"] = true, ["::"] = true }

-- Where all nodes of a link are reached by IPv6: a transient group of the link's own (RFC 4291 §2.7), "dswarm".
interfaces.GROUP = "ff12::6473:7761:726d"

--- given.net, log  core.net
--- given.host      the address that the channel is bound to, or "0.0.0.0" or "::"
--- Field used: array of { id, name, host, broadcast = where all are reached, index, sent, heard, fault = why the last
--- frame did not go }.
function interfaces.new(given)
  return setmetatable({ net = given.net, log = given.log, host = given.host,
    family = host_address.is_ip6(given.host) and 6 or 4, used = {}, known = {}, own = {}, by_index = {}, networks = {},
    broadcasts = {}, left_out = {} }, interfaces)
end

local function suitable(self, one)
  if one.family ~= self.family or not one.up or not one.broadcast then return false end
  return EVERYWHERE[self.host] or one.host == self.host
end

-- The links that have a group: neither tunnels nor parts of a bridge, of which the whole is spoken to. By name.
local function with_group(self)
  local names = {}
  for _, link in ipairs(self.family == 6 and self.net.links() or {}) do
    names[link.name] = link.broadcast and not link.member
  end
  return names
end

-- Every interface of IPv6 has a link-local address, and by that the group is spoken to.
local function add_group(one, names)
  if not names[one.name] or one.loopback or not one.host:find "^fe80:" then return end
  one.broadcast = ("%s%%%s"):format(interfaces.GROUP, one.name)
end

-- Tells of the address ONE what became of it; where an interface has IPv4, too, that is told of it already.
local function tell(self, what, one)
  local level = self.family == 6 and self.broadcasts[one.index] and "debug" or "info"
  self.log[level](self.log, "routing", what, { interface = one.name, host = one.host, channel = "udp" })
end

-- Tells what came and went; keeps the counts of what stayed. → whether anything came.
local function compare(self, found)
  local came, known = false, {}
  for _, one in ipairs(found) do
    local old = self.known[one.id]
    one.sent, one.heard, one.fault = old and old.sent or 0, old and old.heard or 0, old and old.fault
    known[one.id] = one
    if not old then
      came = true
      tell(self, "interface up", one)
    end
  end
  for _, old in ipairs(self.used) do
    if not known[old.id] then
      tell(self, "interface down", old)
    end
  end
  self.used, self.known = found, known
  return came
end

-- Why LINK, whose addresses are LIST, is not used: what is the matter, and what would help.
local function reason(self, link, list)
  if not link.on then return "switched off" end
  if not link.carrier then return "no cable, or no Wi-Fi network joined" end
  local ip4, ip6
  for _, one in ipairs(list) do
    if one.family == 4 and (not ip4 or one.broadcast) then ip4 = one end
    ip6 = ip6 or one.family == 6 and not one.host:find "^fe80:" -- the kernel gives that one to each
  end
  if not ip4 then return ip6 and "IPv6 only: /ip6/::/udp/… speaks there" or "no IPv4 address: DHCP gave none yet" end
  if not ip4.broadcast then
    local alone = link.broadcast and ("its network is a /%d"):format(ip4.prefix) or "it joins two hosts only"
    return ("no broadcast: %s"):format(alone)
  end
  return ("the channel is bound to %s"):format(self.host)
end

-- Links that are not used, with the reason, by name. Nobody misses IPv6 where the channel of IPv4 tells of no lack.
local function leave_out(self, all)
  if self.family == 6 then return end
  local by_name, used, list = {}, {}, {}
  for _, one in ipairs(all) do
    by_name[one.name] = by_name[one.name] or {}
    table.insert(by_name[one.name], one)
  end
  for _, one in ipairs(self.used) do used[one.name] = true end
  for _, link in ipairs(self.net.links and self.net.links() or {}) do
    -- The kernel's own tunnels, all switched off, are nobody's; a part of a bridge or bond is used where the whole is.
    local somebodys = (link.on or link.broadcast or link.loopback) and not link.member
    if somebodys and not used[link.name] then
      list[#list + 1] = { name = link.name, reason = reason(self, link, by_name[link.name] or {}) }
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  self.left_out = list
end

local function note_network(self, one)
  if one.up and one.prefix > 0 and not (one.family == 6 and one.loopback) then
    table.insert(self.networks, { host = one.host, prefix = one.prefix, zone = one.host:match "%%.*$" })
  end
end

--- Looks which there are now. Two addresses of one network on one interface are one way out. → has one come?
function interfaces:check()
  local list, text = self.net.interfaces()
  if not list then
    self.log:warn("routing", "no list of interfaces", { error = text })
    return false
  end
  local found, ways, names = {}, {}, with_group(self)
  self.own, self.by_index, self.networks, self.broadcasts = {}, {}, {}, {}
  for _, one in ipairs(list) do
    self.own[one.host] = true
    note_network(self, one)
    if one.broadcast and one.up then self.broadcasts[one.index] = true end
    add_group(one, names)
    local way = one.index .. " " .. (one.broadcast or "")
    if suitable(self, one) and not ways[way] then
      ways[way] = true
      one.id = one.name .. " " .. one.host
      found[#found + 1] = one
    end
  end
  local came = compare(self, found)
  for _, one in ipairs(found) do self.by_index[one.index] = self.by_index[one.index] or one end
  leave_out(self, list)
  return came
end

--- Is HOST this machine?
function interfaces:is_own(host) return self.own[host] or host:sub(1, 4) == "127." or host == "::1" end

--- Is HOST, an IP address, in a network of an interface of ours? A link-local one is, on that interface.
function interfaces:near(host)
  local zone = host:match "%%.*$"
  for _, network in ipairs(self.networks) do
    if network.zone == zone and address.within(host, network.host, network.prefix) then return true end
  end
  return false
end

--- Is one of those used without a broadcast address of IPv4?
function interfaces:alone()
  for _, one in ipairs(self.used) do
    if not self.broadcasts[one.index] then return true end
  end
  return false
end

--- What `status` tells of those that are used.
function interfaces:facts()
  local facts = {}
  for i, one in ipairs(self.used) do
    facts[i] = { name = one.name, host = one.host, broadcast = one.broadcast, sent = one.sent, heard = one.heard }
  end
  return facts
end

--- And of those by which nothing goes: array of { name =, reason = }.
function interfaces:unused()
  local list = table.move(self.left_out, 1, #self.left_out, 1, {})
  for _, one in ipairs(self.used) do
    if one.fault then list[#list + 1] = { name = one.name, reason = "sending fails: " .. one.fault } end
  end
  return list
end

return interfaces
