-- gate.lua - may a line that came from another node be passed on, and by that way? Sends nothing and chooses no way.
--
-- Nobody shall be able to aim this node at a host that never asked. So who wants a line passed on has proved himself
-- over the flow that it came by, and the next hop is a living node that proved itself there, or a place that our own
-- policy names: what a record, or the line itself, says of a place proves nothing.
local bounded = require "bounded"
local envelope = require "routing.envelope"
local sources = require "dcache.content.sources"
local token_bucket = require "token_bucket"

local gate = {}
gate.__index = gate

local ONE <const> = { rate = 1 << 18, burst = 1 << 22 } -- bytes that are passed on for one node, a second and at once
local ALL <const> = { rate = 1 << 20, burst = 1 << 23 } -- and for all of them
local LEAST <const> = 128 -- bytes that a line costs at least, since a short one is work, too
local HOPS_MAX <const> = 256 -- previous hops whose budget is remembered
local LOW <const> = 4 -- below this part of the burst the sender is told what is left
local TELL_MS <const> = 10 * 1000 -- between two times that he is

local NOBODY <const> = {}

-- A proof of an address is for the two ends of one flow: passed on it would prove the address of a relay.
local OF_ONE_FLOW <const> = { ping = true, pong = true }

--- given.loop, policy
--- given.here       fn() → facts of this node
--- given.peers      comms/peers.lua
--- given.trust      dcache/trust.lua
--- given.near       fn(source) → is its host in a network of an interface of ours?
--- given.block      block.lua
--- given.tell(source, message, rest)  says `budget REF rest` to who sent MESSAGE, over the flow SOURCE
function gate.new(given)
  local self = setmetatable({ hops = bounded.new { limit = HOPS_MAX }, lines = 0, bytes = 0, refused = {} }, gate)
  for _, name in ipairs { "loop", "policy", "here", "peers", "trust", "near", "block", "tell" } do
    self[name] = given[name]
  end
  function self.now() return self.loop:now() end
  self.all = token_bucket.new { now = self.now, rate = ALL.rate, burst = ALL.burst }
  return self
end

-- == from whom

-- IDs that the policy in force names: of whom a channel's line expects a key, and of whom a route speaks.
local function named_ids(policy)
  local ids = {}
  for _, channel in ipairs(policy:get "routing.channels" or {}) do
    local id = channel.address:match "/dswarm/(%w+)$"
    if id then ids[id] = true end
  end
  for _, route in ipairs(policy:get "routing.routes" or {}) do
    for id in (route.pattern .. " " .. route.target):gmatch "/dswarm/(%w+)" do ids[id] = true end
  end
  return ids
end

local function is_named(self, id)
  if self.named_by ~= self.policy.hash then
    self.named, self.named_by = named_ids(self.policy), self.policy.hash
  end
  return self.named[id] ~= nil
end

-- Who sent a line over SOURCE, and what speaks for him → { id, role, near, vouched } | nil, text, code
local function sender(self, source)
  local peer = self.peers:prover(source)
  if not peer then
    return nil, "unproved: nobody has shown yet that he is at the other end of that flow", "unproved"
  end
  local near = source.channel.traits.near or self.near(source)
  if self.trust.lab then
    if not self.trust:is_member(peer.id) then
      return nil, "stranger: lines are passed on for members of this lab only", "stranger"
    end
    return { id = peer.id, role = self.trust:role(peer.id), near = near, vouched = true }
  end
  return { id = peer.id, near = near, vouched = near or is_named(self, peer.id) }
end

-- == to whom

-- Does our own policy name what CHANNEL leads to: a room, a topic, a program, a place that is dialled? The connections
-- that others make to us, and a medium of hosts, are none of these.
local function leads_where_named(channel)
  return channel.entry ~= nil and not channel.closed and channel.dialled ~= false and not channel.near
end

-- Does a living peer listen at HOST and PORT, as he signed over a flow from there?
local function is_listened_at(self, host, port)
  for _, peer in ipairs(self.peers.list) do
    if peer.tcp == port and self.peers:living(peer) then
      for _, flow in ipairs(peer.flows) do
        if flow.source.host == host and self.peers:proved(flow) then return true end
      end
    end
  end
  return false
end

local function unproved(what) return nil, "unproved: " .. what, "unproved" end

-- May a line go by WAY? → true | nil, text, code
local function leads_to_who_asked(self, way)
  local channel = way.source and way.source.channel or way.channel
  if not way.source and channel and channel.near then
    return nil, "address: a line is passed on to one, never to all in a network", "address"
  end
  if way.origin == "policy" or channel and leads_where_named(channel) then return true end
  local peer = self.peers:prover(way.source or channel or NOBODY) -- a connection has the ID of its one flow
  if peer and self.peers:living(peer) then return true end
  if not way.dial then return unproved "nobody has shown that he is at the other end of that way" end
  local host, port = table.unpack(way.dial)
  if way.dial.family then return unproved(host .. " is a name, and proves nobody there") end
  if sources.is_local_only(host) then
    return nil, "address: " .. host .. " means this machine or this network to each who reads it", "address"
  end
  if is_listened_at(self, host, port) then return true end
  return unproved(("nobody has shown that he listens at %s port %d"):format(host, port))
end

-- == how much

local function budget_of(self, id)
  local budget = self.hops:get(id)
  if not budget then
    budget = { bucket = token_bucket.new { now = self.now, rate = ONE.rate, burst = ONE.burst }, tell_at = self.now() }
    self.hops:put(id, budget)
  end
  return budget
end

-- Takes SIZE bytes from both budgets, and tells whoever sent MESSAGE where little is left. → true | nil, text, code
local function take(self, id, source, message, size)
  local budget = budget_of(self, id)
  local left = math.min(budget.bucket:left(), self.all:left())
  if left < size then
    return nil, ("budget: that is %d bytes more than are passed on for you now; %d come back a second"):format(
      size - left, ONE.rate), "budget"
  end
  budget.bucket:charge(size)
  self.all:charge(size)
  if left - size >= ONE.burst // LOW or self.now() < budget.tell_at then return true end
  budget.tell_at = self.now() + TELL_MS
  self.tell(source, message, ("%d %d"):format(left - size, ONE.rate))
  return true
end

-- == the whole

-- Has the policy anything against it? → true | nil, text, code
local function asked(self, message, from, size)
  if select(3, self.policy:where "routing.relay") then -- the shipped one, which needs no fence to be crossed
    if from.vouched then return true end
    return nil, "permission: no member vouches for it", "permission"
  end
  local yes, why = self.policy:ask("routing.relay", { to = message.to, from = message.from, hops = message.hops,
    size = size, signer = from.id, role = from.role, vouched = from.vouched, proved = true, near = from.near },
    self.here())
  if yes then return true end
  return nil, "permission: " .. (why or "the policy passes it not on"), "permission"
end

-- The same as gate:allows, not counted.
local function judge(self, source, message, way)
  if OF_ONE_FLOW[message.kind] and envelope.ends_at(message.to, "brain") then
    return nil, "address: a proof of an address is not passed on", "address"
  end
  local from, text, code = sender(self, source)
  if not from then return nil, text, code end
  text, code = self.block:against(message.to, way)
  if text then return nil, text, code end
  local size = math.max(source.received, LEAST)
  local ok
  ok, text, code = asked(self, message, from, size)
  if not ok then return nil, text, code end
  ok, text, code = leads_to_who_asked(self, way)
  if not ok then return nil, text, code end
  return take(self, from.id, source, message, size)
end

--- May MESSAGE, which came over SOURCE, be passed on by WAY? Asked once a line; if so, its bytes are taken.
--- WAY: as ways.lua has them, or such a table of what is known:
---   origin   "policy": a channel or route of our own policy names it; else who said so
---   source   the flow by which it goes | nil
---   channel  the channel by which all who hear it get it | nil
---   dial     { host, port }: an IP address that is to be connected to | nil
--- → true | nil, text, "unproved" | "stranger" | "permission" | "budget" | "address"
function gate:allows(source, message, way)
  local ok, text, code = judge(self, source, message, way)
  if ok then
    self.lines, self.bytes = self.lines + 1, self.bytes + source.received
    return true
  end
  self.refused[code] = (self.refused[code] or 0) + 1
  return nil, text, code
end

--- What was passed on for others in this run: { lines =, bytes =, refused = { word = count } }
function gate:facts() return { lines = self.lines, bytes = self.bytes, refused = self.refused } end

--- What is bounded here, as bounded.lua's rows.
function gate:bounds() return { self.hops:row "relayed" } end

return gate
