-- way_list.lua - all ways to a node that are known here, good and bad, the best first. Takes none of them.
--
-- There are three sorts. A flow over which the node speaks, and whose address it proved. An address where it can be
-- dialled. And a relay: another node that brings words of it, or that is heard on the same medium.
local way_list = {}

local NEIGHBOURS <const> = 2 -- on a node's medium, and as many by connections, that are tried without a word of it
local RELAY_FLOWS <const> = 2 -- of one relay, the best first

-- What a way costs where the policy says nothing, the cheaper the sooner: a slow channel (IRC) or a broadcast one that
-- reaches far (pubsub) is used where nothing else is there. A relay costs more than a way without one.
local COST <const> = { near = 1, far = 3, medium = 4, slow = 8, dial = 1, relay = 2 }

local function seconds(ms) return ms and ms / 1000 or nil end

local function cost_of(self, source)
  local channel = source.channel
  local entry = channel.entry
  if entry and entry.cost then return entry.cost end
  if channel.rate then return COST.slow end
  if channel.traits.near or self.is_near(source) then return COST.near end
  return channel.traits.medium and COST.medium or COST.far
end

local SHUT_OUT <const> = "shut out by routing.block"

-- Why PEER's proved FLOW leads nowhere now | nil: it leads to him.
local function fault_of(self, peer, flow)
  if flow.source.channel.closed then return "its channel has closed" end
  if self.peers:barred(peer) then return SHUT_OUT end
  if self.peers:left(peer) then return "he said that he leaves" end
  if self.peers:deaf(peer) then return "he does not answer" end
  if not self.peers:living(peer) then return "nothing was heard of him for three minutes" end
  if not self.peers:speaks(peer, flow) then return "he is heard elsewhere, but not there any more" end
end

local function rests(state)
  return ("%d in a row unanswered there%s"):format(state.failures, state.code and ", last: " .. state.code or "")
end

-- A way that fails is good again once PEER answers a ping over FLOW.
local function try_again(self, peer, flow, state)
  if self.health:may_try(state) then self.check(peer, flow) end
end

local function ago(self, ms) return ("%.0f s ago"):format((self.loop:now() - ms) / 1000) end

-- The way by FLOW, which PEER proved.
local function flow_way(self, peer, flow)
  local source, entry = flow.source, flow.source.channel.entry
  local known = self.health:get(source.id) or {}
  local rtt = known.rtt_us or flow.rtt_us
  local way = { key = source.id, kind = source.channel.kind, address = source.address, hops = 1,
    cost = cost_of(self, source), rtt = rtt and rtt / 1000000, loss = known.loss,
    heard = seconds(self.loop:now() - flow.heard), source = source, flow = flow,
    origin = entry and entry.expected == peer.id and "policy" or "heard" }
  local failing, state = self.health:is_failing(source.id, flow.proved)
  way.why = fault_of(self, peer, flow)
  if not way.why and failing then
    way.why, way.tried = rests(state), true
    try_again(self, peer, flow, state)
  end
  way.alive = not way.why
  way.why = way.why or "he answered there " .. ago(self, math.max(flow.proved, known.answered or 0))
  return way
end

-- The ways of PEER, which may be nil, by his own flows.
local function direct(self, peer)
  local list = {}
  for _, flow in ipairs(peer and peer.flows or {}) do
    if self.peers:proved(flow) then list[#list + 1] = flow_way(self, peer, flow) end
  end
  return list
end

-- Is there a connection among LIST to that address already? A connection that came in has another port.
local function is_connected(list, row)
  for _, way in ipairs(list) do
    local source = way.source
    if way.alive and source and source.host == row.host and source.channel.traits.stream then return true end
  end
  return false
end

local DIAL_ORIGINS <const> = { flow = "heard", record = "record", kept = "record" }

-- The addresses where node ID can be dialled, and is not connected yet.
local function dialled(self, id, list)
  for _, row in ipairs(self.addresses:of(id)) do
    if not is_connected(list, row) then
      local key = ("dial %s %d"):format(row.host, row.port)
      local known, failing, state = self.health:get(key) or {}, self.health:is_failing(key, row.proved)
      local waits = failing and self.health:waits(state)
      list[#list + 1] = { key = key, kind = "tcp", address = row.address, hops = 1, loss = known.loss,
        cost = COST.dial + (self.is_near { host = row.host } and COST.near or COST.far),
        rtt = known.rtt_us and known.rtt_us / 1000000, origin = DIAL_ORIGINS[row.origin],
        proved = row.proved ~= nil, dial = { row.host, row.port }, alive = not waits, tried = failing,
        why = failing and rests(state) or row.proved and "that address is proved" or "nothing proves that address yet" }
    end
  end
end

local function worse(a, b)
  if a.alive ~= b.alive then return b.alive end
  if a.cost ~= b.cost then return a.cost > b.cost end
  if a.hops ~= b.hops then return a.hops > b.hops end
  if (a.rtt or math.huge) ~= (b.rtt or math.huge) then return (a.rtt or math.huge) > (b.rtt or math.huge) end
  return a.key > b.key
end

local function sort(list)
  table.sort(list, function(a, b) return worse(b, a) end)
  return list
end

-- The way to node ID by FIRST, a way to its relay BY, who brought a word of it at HEARD (ms; nil: he is a neighbour).
local function relayed_way(self, id, by, first, heard)
  local key = ("%s by %s over %s"):format(id, by, first.key)
  local known, failing, state = self.health:get(key) or {}, self.health:is_failing(key)
  local waits = failing and self.health:waits(state)
  local why = heard and "he brought a word of it " .. ago(self, heard) or "he may reach it, too"
  if not first.alive then why = first.why elseif failing then why = rests(state) end
  return { key = key, kind = first.kind, address = ("%s/dswarm/%s"):format(first.address, by), hops = 2,
    cost = first.cost + COST.relay + (heard and 0 or COST.relay), rtt = known.rtt_us and known.rtt_us / 1000000,
    loss = known.loss, heard = heard and seconds(self.loop:now() - heard), origin = "relayed", by = by,
    source = first.source, flow = first.flow, first = first.key, alive = first.alive and not waits,
    tried = first.tried or failing, why = why }
end

-- Others who may reach PEER (nil: he was never met here) where we do not, though they brought no word of him: those on
-- a medium on which he is heard, and those to whom there is a connection, such as a second server, which is silent
-- about what the first one has said. Of many, those whose IDs come next after his: else the same ones carry all.
local function neighbours(self, id, peer, list, is_there)
  local media, n, links = {}, 0, 0
  for _, flow in ipairs(peer and peer.flows or {}) do
    local channel = flow.source.channel
    if channel.traits.medium and self.peers:speaks(peer, flow) then media[channel] = true end
  end
  for _, is_behind in ipairs { true, false } do
    for _, other in ipairs(self.peers.list) do
      local may = (n < NEIGHBOURS or links < NEIGHBOURS) and (other.id > id) == is_behind and not is_there[other.id]
      local flow = may and self.peers:living(other) and self.peers:best(other)
      local channel = flow and flow.source.channel
      local on_medium = channel and media[channel] and n < NEIGHBOURS
      if on_medium or channel and channel.traits.stream and links < NEIGHBOURS then
        if on_medium then n = n + 1 else links = links + 1 end
        is_there[other.id], list[#list + 1] = true, { by = other.id }
      end
    end
  end
end

-- The ways to node ID by others. DIRECT: those without one.
local function relayed(self, id, peer, list)
  local rows, is_there = {}, { [id] = true, [self.id] = true }
  for _, row in ipairs(self.relays:to(id)) do
    rows[#rows + 1], is_there[row.by] = row, true
  end
  if peer or rows[1] then neighbours(self, id, peer, rows, is_there) end
  for _, row in ipairs(rows) do
    local first = sort(direct(self, self.peers.by_id[row.by]))
    for i = 1, math.min(RELAY_FLOWS, #first) do
      list[#list + 1] = relayed_way(self, id, row.by, first[i], row.heard)
    end
  end
end

--- All ways to node ID → array, the best first, as ways:of has it. SELF, the table of ways, gives loop, id, peers,
--- addresses, is_near, check, health (way_health.lua) and relays (relays.lua).
function way_list.of(self, id)
  local peer = self.peers.by_id[id]
  local list = direct(self, peer)
  dialled(self, id, list)
  sort(list)
  relayed(self, id, peer, list)
  for _, way in ipairs(self.peers.shut_out[id] and list or {}) do
    way.alive, way.tried, way.why = false, false, SHUT_OUT
  end
  return sort(list)
end

return way_list
