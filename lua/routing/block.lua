-- block.lua - whom the policy shuts out (routing.block): nodes by their IDs, hosts and ports by addresses. It counts
-- what that stops; whoever receives, sends or dials asks it, and leaves it then.
--
-- An ID is known by the flows over which it was proved, and by a fresh beacon that it signed: then the flow is his
-- until he was silent there for three minutes, since nobody asks him for a proof any more.
local block_form = require "policy.block_form"
local bounded = require "bounded"
local envelope = require "routing.envelope"
local messages = require "comms.messages"

local block = {}
block.__index = block

local FLOWS_MAX <const> = 256 -- by which those who are shut out were heard
local FLOW_MS <const> = 3 * 60 * 1000 -- three of the longest beacon intervals
local HOSTS_MAX <const> = 256 -- of whom who serves files is told
local NOBODY <const> = {}
local NEVER <const> = function() return false end

-- == who is shut out

--- given.loop, id (this node's)
--- given.peers      comms/peers.lua
--- given.signed     fn(facts) → did the key of a beacon (messages.lua) sign it?
function block.new(given)
  return setmetatable({ loop = given.loop, id = given.id, peers = given.peers, signed = given.signed, list = {},
    ids = {}, places = {}, doors = {}, flows = bounded.new { limit = FLOWS_MAX } }, block)
end

--- From here on those are shut out whom LIST, routing.block of a policy, names. Who stays keeps his counts.
function block:load(list)
  local before = {}
  for _, entry in ipairs(self.list) do before[entry.what] = entry end
  self.list, self.ids, self.places = {}, {}, {}
  local shut_out = {}
  for _, text in ipairs(list) do
    local kind, what = block_form.read(text)
    if kind and what ~= self.id then
      local entry = before[what] or { what = what, dropped = 0, kept = 0 }
      local by = kind == "id" and self.ids or self.places
      if not by[what] then table.insert(self.list, entry) end
      by[what] = entry
      if kind == "id" then shut_out[what] = true end
    end
  end
  self.any = self.list[1] ~= nil
  self.peers.shut_out = self.any and shut_out or NOBODY
  self.peers.is_shut = next(self.places) and function(source) return self:at(source.address) ~= nil end or NEVER
  for place, what in pairs(self.doors) do -- any order: each by itself
    if not self.ids[what] then self.doors[place] = nil end
  end
end

-- The entry for a multiaddr TEXT: for its host, or for its port.
function block:at(text)
  text = block_form.without_zone(text)
  local host, port = text:match "^(/ip[46]/[^/]+)(/[^/]+/%d+)"
  if not host then return self.places[text:match "^/ip[46]/[^/]+$"] end
  return self.places[host] or self.places[host .. port]
end

-- The entry for any host or node in the chain TO.
local function in_chain(self, to)
  for id in to:gmatch "/dswarm/(%w+)" do
    if self.ids[id] then return self.ids[id] end
  end
  for place in to:gmatch "/ip[46]/[^/]+/%l+/%d+" do
    local entry = self:at(place)
    if entry then return entry end
  end
end

local function by_flow(self, source)
  local flow = self.flows:get(source.id)
  if flow and self.loop:now() - flow.at < FLOW_MS then return self.ids[flow.id] end
end

-- The entry that shuts out whoever speaks over SOURCE.
local function of_source(self, source)
  local entry = self:at(source.address)
  if entry then return entry end
  local peer = self.peers:prover(source)
  if peer then return self.ids[peer.id] end
  return by_flow(self, source)
end

-- == what is stopped

local function told(entry)
  return ("permission: %s is shut out (routing.block)"):format(entry.what), "permission"
end

-- Nothing went there.
local function keep(self, entry)
  entry.kept, entry.at = entry.kept + 1, self.loop:now()
  return told(entry)
end

-- Is FACTS a beacon that came straight from its signer over SOURCE? Then that flow is his.
local function note_flow(self, message, source)
  local facts = message.to == envelope.everybody and message.hops == envelope.hops_max
    and messages.parse_beacon(message.rest)
  if not facts or self.peers:prover(source) or not self.signed(facts) then return end
  self.flows:forget(source.id)
  self.flows:put(source.id, { id = facts.id, at = self.loop:now() })
end

-- Where in REST a kind of message says who says it: over a relay nothing else does.
local SPEAKERS <const> = { beacon = "^%S+ (%w+)", ping = "^%S+ (%w+)$", pong = "^%S+ %S+ %S+ (%w+)",
  call = "^%S+ open (%w+)" }

-- The entry of whom MESSAGE itself names as the one who says it.
local function speaker(self, message, source)
  if message.code then return nil end
  local place = SPEAKERS[message.kind]
  local entry = place and self.ids[message.rest:match(place)] or self.ids[message.from:match "^/dswarm/(%w+)"]
  if entry and message.kind == "beacon" then note_flow(self, message, source) end
  return entry
end

-- Does our own policy name the one place that CHANNEL, a stream, leads to?
local function is_door(channel) return channel.traits.stream and channel.entry and channel.dialled ~= false end

--- MESSAGE came over SOURCE: must it be dropped? → text, code, and that is counted | nil. What the policy's own channel
--- leads to is remembered: it is closed as long as he who was met there is shut out (`closes`).
function block:drops(source, message)
  if not self.any then return nil end
  local entry = speaker(self, message, source)
  local his = of_source(self, source)
  entry = his or entry
  if not entry then return nil end
  entry.dropped, entry.at = entry.dropped + 1, self.loop:now()
  if his and is_door(source.channel) and self.ids[his.what] then
    self.doors[source.channel.entry.key] = his.what
  end
  return told(entry)
end

--- May TO (nil: it is for everybody, as envelope.head has it) not be sent over SOURCE (nil: to all who hear it)?
--- → text, code, and that is counted | nil
function block:keeps(to, source)
  if not self.any then return nil end
  local entry = to and in_chain(self, to) or source and of_source(self, source)
  if entry then return keep(self, entry) end
end

--- May what goes to TO not go by WAY, as gate.lua has it? → text, code, and that is counted | nil
function block:against(to, way)
  if not self.any then return nil end
  local entry = in_chain(self, to) or way.source and of_source(self, way.source) or self.ids[way.id]
    or self.ids[way.by] or way.address and in_chain(self, way.address)
  if entry then return keep(self, entry) end
  if way.dial then return self:against_dial(way.dial[1], "tcp", way.dial[2]) end
end

--- May HOST, an IP address, not be connected to, at that PORT of PROTOCOL? → text, code, and that is counted | nil
function block:against_dial(host, protocol, port)
  if not self.any then return nil end
  local family = host:find(":", 1, true) and "ip6" or "ip4"
  local entry = self:at(("/%s/%s/%s/%d"):format(family, (host:gsub("%%.*$", "")), protocol, port))
  if entry then return keep(self, entry) end
end

--- May node ID not be spoken to? → text, code, and that is counted | nil
function block:against_id(id)
  local entry = self.ids[id]
  if entry then return keep(self, entry) end
end

--- MESSAGE, which ROUTING (init.lua) heard over SOURCE, was dropped. A connection with him ends; where the policy keeps
--- it, by the policy's own rules, else it were dialled again at once. → nil, text, code
function block:let_go(routing, source, message)
  local one = source.channel
  if message.list then message.list:close() end
  routing.refused "permission"
  if one.traits.stream and not one.closed and of_source(self, source) then
    self.loop:post(function()
      if routing.named then routing.named:ask() end
      one:close "permission: shut out by routing.block"
    end)
  end
  return nil, "permission: shut out by routing.block", "permission"
end

--- Those are shut out from here on whom LIST names (`load`): the connections of ROUTING with them end.
function block:apply(routing, list)
  self:load(list)
  for _, one in ipairs(table.move(routing.list, 1, #routing.list, 1, {})) do
    if self:ends(one) then one:close "permission: shut out by routing.block" end
  end
  if routing.named then routing.named:ask() end
end

--- Must the channel of OPTIONS (channels/entry.lua) not be open? → text: why | nil. Nothing is counted.
function block:closes(options)
  if not self.any then return nil end
  local entry = self.ids[options.expected] or self.ids[self.doors[options.key]] or self:at(options.address)
  return entry and ("shut out by routing.block: %s"):format(entry.what) or nil
end

--- Does CHANNEL, a stream, lead to somebody who is shut out? Nothing is counted.
function block:ends(channel)
  if not self.any or not channel.traits.stream then return false end
  if self:at(channel.address) then return true end
  for id in pairs(self.ids) do -- any order: one is enough
    local peer = self.peers.by_id[id]
    for _, flow in ipairs(peer and peer.flows or NOBODY) do
      if flow.source.channel == channel and self.peers:proved(flow) then return true end
    end
  end
  return false
end

-- Hosts that PEER proved, and nobody else who is not shut out.
local function add_hosts(self, peer, list)
  for _, each in ipairs(peer and self.peers:hosts(peer) or {}) do
    local is_shared = each.own
    for _, other in ipairs(self.peers.list) do
      for _, theirs in ipairs(not self.ids[other.id] and self.peers:hosts(other) or NOBODY) do
        is_shared = is_shared or theirs.host == each.host
      end
    end
    if not is_shared then list[#list + 1] = (each.host:gsub("%%.*$", "")) end
  end
end

--- Whole hosts that are shut out, for who serves files: array of { IP address, bits, true }
function block:hosts()
  local hosts, list = {}, {}
  for _, entry in ipairs(self.list) do
    local host = entry.what:match "^/ip[46]/([^/]+)$"
    if host then hosts[#hosts + 1] = host end
    if self.ids[entry.what] then add_hosts(self, self.peers.by_id[entry.what], hosts) end
  end
  for i = 1, math.min(#hosts, HOSTS_MAX) do
    list[i] = { hosts[i], hosts[i]:find(":", 1, true) and 128 or 32, true }
  end
  return list
end

--- Shuts out nobody.
block.nobody = setmetatable({ list = {}, ids = {}, places = {}, doors = {} }, block)

--- A row for each who is shut out, as the policy orders them: { what =, dropped = frames of his, kept = what was not
--- sent or dialled, age_ms = since the last of these or nil }
function block:rows()
  local rows, now = {}, self.loop:now()
  for i, entry in ipairs(self.list) do
    rows[i] = { what = entry.what, dropped = entry.dropped, kept = entry.kept,
      age_ms = entry.at and now - entry.at or nil }
  end
  return rows
end

return block
