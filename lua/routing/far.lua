-- far.lua - the channel that an address names: an open one, or a connection that is dialled. Judges nobody.
local address = require "core.address"
local answers = require "routing.answers"
local envelope = require "routing.envelope"

local far = {}
far.__index = far

local WAITING_MAX <const> = 16 -- lines that wait for one connection
local LINKS_MAX <const> = 64 -- connections that are kept, or dialled, at one time
local KEPT_MS <const> = 3 * 60 * 1000 -- a connection that was dialled for a line is closed after that
local SHOWN_MS <const> = 3000 -- so long lines wait until the other end has asked who we are
local FAMILIES <const> = { ip4 = false, ip6 = false, dns4 = 4, dns6 = 6 } -- of names: which addresses are looked up

--- given.loop, resolve   fn(name, 4 or 6, done(text, address)): looks a name up
--- given.routing   the dispatcher: list, comms, ways, forward, named, send_to_all
function far.new(given)
  return setmetatable({ loop = given.loop, resolve = given.resolve, routing = given.routing, links = {}, count = 0 },
    far)
end

-- Where a TCP address can be dialled → { host, port, family = 4 or 6 where the host is a name, else false } | nil
local function dialled(parts)
  local host, port = parts[1], parts[2]
  local family = FAMILIES[host[1]]
  if #parts ~= 3 or port[1] ~= "tcp" or family == nil then return nil end
  return { host[2], math.tointeger(tonumber(port[2])), family = family }
end

-- At the host of SOURCE, where somebody listens whom nobody met at that very port: the flow that a living peer proved
-- there, since all that a node says by UDP leaves from a port of its own. That of node ID, if he is there | SOURCE
local function met_there(self, source, id)
  local peers, found = self.routing.comms.peers, nil
  if peers:prover(source) then return source end
  for _, peer in ipairs(peers.list) do
    for _, flow in ipairs(peers:living(peer) and peer.flows or {}) do
      local is_it = flow.source.host == source.host and flow.source.channel == source.channel and peers:proved(flow)
      if is_it and (not found or peer.id == id) then found = flow.source end
    end
  end
  return found or source
end

-- The way to HEAD, PARTS of an address where one is dialled | nil. ONE: a connection that is open there already | nil:
-- it proves nothing by itself, but he who listens there may have.
local function dialled_way(self, head, parts, one, tail)
  local dial = dialled(parts)
  if not dial then return nil end
  local host = dial.family and ("%s by IPv%d"):format(dial[1], dial.family) or dial[1]
  local key = ("dial %s %d"):format(host, dial[2])
  return { key = key, address = head, dial = dial, origin = "heard", leads_on = not envelope.is_for_node(tail),
    channel = not self.links[key] and one or nil }
end

-- Does our policy name HEAD as the place that ONE leads to? Connections that others made to us have the entry of where
-- we listen, and lead to whoever that was.
local function is_named_by_policy(one, head)
  return one.entry ~= nil and one.dialled ~= false and one.entry.address == head
end

--- HEAD, the address of a channel; TAIL: what is sent over it is for that → a way as routing/ways.lua has them, with
--- source, channel (all who hear it) or dial; origin = "policy" where our own policy names that channel
--- | nil, text, "address"
function far:toward(head, tail)
  local parts = address.parts(head)
  for _, one in ipairs(self.routing.list) do
    local is_named = is_named_by_policy(one, head)
    if not one.closed and (is_named or one.address == head) then
      local way = not is_named and dialled_way(self, head, parts, one, tail)
      local origin = is_named and "policy" or "heard"
      return way or { key = "channel " .. head, address = head, channel = one, origin = origin }
    end
  end
  for _, one in ipairs(self.routing.list) do
    local source = not one.closed and one.toward and one:toward(parts)
    if source then
      source = met_there(self, source, tail:match "^/dswarm/(%w+)")
      return { key = source.id, address = head, source = source, origin = "heard" }
    end
  end
  local way = dialled_way(self, head, parts, nil, tail)
  if way then return way end
  return nil, ("address: %s is no channel here"):format(head), "address"
end

-- LINK is no more; another one may have taken its place meanwhile.
local function forget(self, key, link)
  if self.links[key] == link then self.links[key], self.count = nil, self.count - 1 end
end

-- Nobody could be dialled for LINK: each of its lines takes another way, where there is one.
local function failed(self, key, link, code)
  forget(self, key, link)
  self.routing.ways:failed(key, code)
  for _, out in ipairs(link.waiting) do self.routing.forward:another_way(key, answers.ref(out)) end
end

-- What waits for LINK is sent, once.
local function flush(self, link)
  local waiting = link.waiting
  link.waiting, link.is_ready = {}, true
  for _, out in ipairs(waiting) do self.routing:send_to_all(link.channel, out) end
end

-- Who passes lines on does so for those who showed who they are. IS_RELAY: so lines wait until we were asked that.
local function connected(self, key, link, channel, is_relay)
  link.channel = channel
  if is_relay and not channel.is_shown then
    channel.shown = function() flush(self, link) end
    self.loop:after(SHOWN_MS, function()
      if not link.is_ready and not channel.closed then flush(self, link) end
    end)
  else
    flush(self, link)
  end
  self.loop:after(KEPT_MS, function()
    forget(self, key, link)
    if not channel.closed then channel:close "closed: it was dialled for a line" end
  end)
end

-- Dials HOST, an IP address. A relay, that our policy names or the line, is to hear who we are; whoever else is there
-- need not.
local function dial_address(self, way, link, id, host)
  local routing, port, is_relay = self.routing, way.dial[2], way.origin == "policy" or way.leads_on
  local function done(channel, _, code)
    if channel then return connected(self, way.key, link, channel, is_relay) end
    failed(self, way.key, link, code or "closed")
  end
  local function gone() forget(self, way.key, link) end
  if id then return routing.comms.dial_link(host, port, id, done, gone) end
  if is_relay and routing.named then return routing.named:dial_link(host, port, done, gone) end
  routing.comms.dial(host, port, done)
end

local function dial(self, way, link, id)
  local host, family = way.dial[1], way.dial.family
  if not family then return dial_address(self, way, link, id, host) end
  self.resolve(host, family, function(text, found)
    if text or not found then return failed(self, way.key, link, "address") end
    dial_address(self, way, link, id, found)
  end)
end

--- Sends OUT by WAY, which has `dial`, once somebody answers there. ID: who has to prove that he is there, or nil.
--- → true: it waits, or is sent | nil, text, "full"
function far:send(way, out, id)
  local link = self.links[way.key]
  if link and link.channel and link.channel.closed then
    forget(self, way.key, link)
    link = nil
  end
  if link and link.is_ready then return self.routing:send_to_all(link.channel, out) end
  if link and #link.waiting >= WAITING_MAX or not link and self.count >= LINKS_MAX then
    return nil, "full: too many lines wait for connections", "full"
  end
  if link then
    link.waiting[#link.waiting + 1] = out
    return true
  end
  link = { waiting = { out } }
  self.links[way.key], self.count = link, self.count + 1
  dial(self, way, link, id)
  return true
end

return far
