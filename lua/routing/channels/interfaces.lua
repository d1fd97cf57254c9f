-- interfaces.lua - which interfaces of this machine datagrams go out by, and why not by the others. Sends nothing.
local interfaces = {}
interfaces.__index = interfaces

-- net (core.net), log; host: the address that the channel is bound to, or "0.0.0.0". Field used: array of { id, name,
-- host, broadcast, index, sent, heard, fault = why the last frame did not go }.
function interfaces.new(given)
  return setmetatable({ net = given.net, log = given.log, host = given.host, used = {}, known = {}, own = {},
    by_index = {}, networks = {}, left_out = {} }, interfaces)
end

local function number_of(host)
  local a, b, c, d = host:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  if not a then return nil end
  return tonumber(a) << 24 | tonumber(b) << 16 | tonumber(c) << 8 | tonumber(d)
end

local function suitable(self, one)
  if one.family ~= 4 or not one.up or not one.broadcast then return false end
  return self.host == "0.0.0.0" or one.host == self.host
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
      self.log:info("routing", "interface up", { interface = one.name, host = one.host, channel = "udp" })
    end
  end
  for _, old in ipairs(self.used) do
    if not known[old.id] then
      self.log:info("routing", "interface down", { interface = old.name, host = old.host, channel = "udp" })
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
  if not ip4 then return ip6 and "IPv6 only: broadcast needs an IPv4 address" or "no address: DHCP gave none yet" end
  if not ip4.broadcast then
    local alone = link.broadcast and ("its network is a /%d"):format(ip4.prefix) or "it joins two hosts only"
    return ("no broadcast: %s"):format(alone)
  end
  return ("the channel is bound to %s"):format(self.host)
end

-- Links that are not used, with the reason, by name.
local function leave_out(self, all)
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
  local host = one.family == 4 and number_of(one.host)
  if host and one.up and one.prefix > 0 then
    local mask = 0xffffffff << (32 - one.prefix) & 0xffffffff
    table.insert(self.networks, { base = host & mask, mask = mask })
  end
end

--- Looks which there are now. Two addresses of one network on one interface are one way out. → has one come?
function interfaces:check()
  local list, text = self.net.interfaces()
  if not list then
    self.log:warn("routing", "no list of interfaces", { error = text })
    return false
  end
  local found, ways = {}, {}
  self.own, self.by_index, self.networks = {}, {}, {}
  for _, one in ipairs(list) do
    self.own[one.host] = true
    note_network(self, one)
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
function interfaces:is_own(host) return self.own[host] or host:sub(1, 4) == "127." end

--- Is HOST, an IPv4 address, in a network of an interface of ours?
function interfaces:near(host)
  local number = number_of(host)
  for _, network in ipairs(number and self.networks or {}) do
    if number & network.mask == network.base then return true end
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
