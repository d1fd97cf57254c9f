-- ways.lua - by which ways a node can be reached from here, the best first, and which one is taken. Sends no line.
--
-- A way is alive as long as it works in both directions: the node is heard over it, and what was sent over it was
-- answered (way_health.lua). What failed is asked in the background, with a ping, before it is taken again.
local bounded = require "bounded"
local relays = require "routing.relays"
local way_health = require "routing.way_health"
local way_list = require "routing.way_list"

local ways = {}
ways.__index = ways

local KNOWN_MAX <const> = 256 -- nodes whose ways are kept for the next line
local BEACON_MS <const> = 20 * 60 * 1000 -- after which a beacon tells no more by whom it came
local UNPROVED_MAX <const> = 256 -- words that came by who had proved nothing yet
local KNOWN_MS <const> = 250 -- for so long, unless something of it changes
-- In which the first hop of a way that failed has to answer: ms; times that a frame takes on a slow channel, beside.
local TRIES <const> = 12 -- in vain over one way, after which lines are refused while it rests
local CHECK_MS <const>, CHECK_FRAMES <const> = 1500, 4

--- The facts of a way that the hook routing.prefer is given.
ways.facts = { "address", "kind", "hops", "cost", "rtt", "loss", "heard", "origin" }

--- given.loop, random, id (this node's)
--- given.peers      comms/peers.lua
--- given.addresses  comms/addresses.lua
--- given.is_near    fn(source) → is its host in a network of an own interface?
--- given.check      fn(peer, flow): asks him over that proved flow, with a ping, whether he lives
--- given.prefer     fn(to, list of facts) → which of the list, why; nil: the first
function ways.new(given)
  local self = setmetatable({ health = way_health.new(given), relays = relays.new(given),
    known = bounded.new { limit = KNOWN_MAX }, taken = bounded.new { limit = KNOWN_MAX },
    unproved = bounded.new { limit = UNPROVED_MAX } }, ways)
  for _, name in ipairs { "loop", "id", "peers", "addresses", "is_near", "check", "prefer" } do
    self[name] = given[name]
  end
  return self
end

-- A node's ways are looked at anew when the next line goes to him.
local function forget(self) self.known = bounded.new { limit = KNOWN_MAX } end

--- All ways to node ID that are known here → array, which is not to be changed, the best first, of { key =, kind =,
--- address = text, hops =, cost =, rtt = s or nil, loss = 0…1 or nil, heard = s ago or nil, origin = "heard", "record",
--- "relayed" or "policy", alive = bool, why = text, source = of the first hop's flow or nil, by = ID of the relay or
--- nil, dial = { host, port } or nil, proved = bool, for `dial`: did anybody prove that address? }
function ways:of(id)
  local now, known = self.loop:now(), self.known:get(id)
  if known and now - known.at < KNOWN_MS then return known.list end
  self:look_again(id)
  known = { at = now, list = way_list.of(self, id) }
  self.known:put(id, known)
  return known.list
end

local function is_open(way) return not (way.source and way.source.channel.closed) end

-- May WAY be taken? AVOID: set of keys of ways, and of IDs of relays.
local function may(way, avoid)
  if not is_open(way) or avoid[way.key] or way.by and avoid[way.by] then return false end
  return not (way.first and avoid[way.first])
end

-- May WAY, which failed, be tried where nothing else is left? A line may be lost by chance, so at first it may; later
-- it is tried as rarely as it is asked in the background.
local function may_try(self, way)
  local failing, state = self.health:is_failing(way.key)
  return not failing or state.failures < TRIES or self.loop:now() >= state.again
end

-- Those of LIST that live; where none does, the best that failed: a try is all that is left.
local function candidates(self, list, avoid)
  local living, failing = {}, {}
  for _, way in ipairs(list) do
    if may(way, avoid) then
      if way.alive then
        living[#living + 1] = way
      elseif way.tried and may_try(self, way) then
        failing[#failing + 1] = way
      end
    end
  end
  if living[1] then return living end
  return { failing[1] }
end

local function facts_of(list)
  local facts = {}
  for i, way in ipairs(list) do
    facts[i] = {}
    for _, name in ipairs(ways.facts) do facts[i][name] = way[name] end
  end
  return facts
end

-- Which of LIST, several living ones, the policy prefers.
local function preferred(self, to, list)
  local facts = facts_of(list)
  local answer, why = self.prefer(to, facts)
  for i, each in ipairs(facts) do
    if each == answer then return list[i], why end
  end
  return list[1]
end

-- What is wrong with each of LIST, the ways to node ID.
local function faults(id, list)
  local parts = {}
  for i = 1, math.min(3, #list) do parts[i] = ("%s: %s"):format(list[i].address, list[i].why) end
  local why = parts[1] and " lives (" .. table.concat(parts, "; ") .. ")" or " is known here"
  return ("address: no way to ~%s%s"):format(id:sub(-4), why)
end

--- What is wrong with each of the ways to node ID, where none lives → text, "address" | nil: one lives
function ways:fault(id)
  local list = self:of(id)
  if list[1] and list[1].alive then return nil end
  return faults(id, list), "address"
end

--- The way that a line to node ID takes now. TO: the line's address, for the policy. AVOID: a set of keys of ways, and
--- of IDs of nodes that are no relay for it, or nil. → the way, as `of` has it, why the policy prefers it or nil
--- | nil, text that says what is wrong with each, "address"
function ways:choose(to, id, avoid)
  local list = self:of(id)
  local some = candidates(self, list, avoid or {})
  if not some[1] then return nil, faults(id, list), "address" end
  local way, why = some[1], nil
  if some[2] then way, why = preferred(self, to, some) end
  if way.by then self.taken:put(way.key, way) end
  return way, why
end

--- Whose words come over SOURCE → the ID of the peer who proved that flow | nil
function ways:speaker(source)
  local peer = self.peers:prover(source)
  return peer and peer.id
end

--- A word that node SIGNER renews came over SOURCE. Whoever brings it may prove only a moment later who he is.
function ways:brought(signer, source)
  if signer == self.id then return end
  local by = self:speaker(source)
  if not by then return self.unproved:put(signer .. " " .. source.id, { signer = signer, source = source }) end
  if by ~= signer and self.relays:brought(signer, by) then self.known:forget(signer) end
end

-- Words of node ID came by who may have proved meanwhile who he is; and whose own words are heard over the flow of
-- another, a beacon that was passed on, that one hears him.
function ways:look_again(id)
  local peer = self.peers.by_id[id]
  for _, flow in ipairs(peer and peer.flows or {}) do
    local by = not self.peers:proved(flow) and self.loop:now() - flow.heard < BEACON_MS and self:speaker(flow.source)
    if by and by ~= id then self.relays:brought(id, by) end
  end
  local over = {}
  for _, key, word in self.unproved:each() do
    local by = word.signer == id and self:speaker(word.source)
    if by and by ~= id then self.relays:brought(id, by) end
    if by or word.source.channel.closed then over[#over + 1] = key end
  end
  for _, key in ipairs(over) do self.unproved:forget(key) end
end

-- The first hop of a way that failed is asked: if it does not answer either, all ways over it rest.
local function check_first(self, way)
  local flow, peer = way.flow, self.peers.by_id[way.by]
  local began, failing = self.loop:now(), self.health:is_failing(way.first, way.flow.proved)
  if failing or not peer then return end
  local channel = flow.source.channel
  local frame_ms = channel.rate and channel.traits.frame_max * 1000 // channel.rate or 0
  self.check(peer, flow)
  self.loop:after(CHECK_MS + CHECK_FRAMES * frame_ms, function()
    if flow.proved and flow.proved >= began then return end
    self.health:failed(way.first, "slow")
    forget(self)
  end)
end

--- The way KEY, that `choose` gave, brought no answer in time, or the refusal CODE.
function ways:failed(key, code)
  local way = self.taken:get(key)
  if way then check_first(self, way) end
  self.health:failed(key, code)
  forget(self)
end

--- An answer came to what went over the way KEY, after RTT_US microseconds (nil: that was not measured).
function ways:answered(key, rtt_us)
  local was_failing = self.health:is_failing(key)
  self.health:answered(key, rtt_us)
  if was_failing then forget(self) end
end

--- What is bounded here, as bounded.lua's rows.
function ways:bounds() return { self.health:bounds()[1], self.relays:bounds()[1], self.unproved:row "unproved" } end

return ways
