-- peers.lua - who was heard, over which flows, which addresses are proved. Asks and answers nothing.
local bounded = require "bounded"
local listeners = require "listeners"
local ways_to = require "comms.ways_to"

local peers = {}
peers.__index = peers

local PEERS_MAX = 1024
local STRANGERS_MAX = 256 -- of these, without standing in the lab: keys cost nothing to make
local FLOWS_MAX = 8 -- of one peer
local MISSED = 3 -- beacons of his that came over others of his flows only: he speaks there no more
local LATE = 2 * 1000 -- ms in which what he said before he left may still come
local PAUSE = 5 * 1000 -- ms of silence after which hearing somebody is news, and between two times that it is
local DEAF, LAST = 9 * 1000, 1000 -- ms over which he was asked in vain; for the last answer
peers.proof_ms = 60 * 60 * 1000 -- an address counts that long after a signed nonce came back over it
peers.silent_ms = 3 * 60 * 1000 -- three of the longest beacon intervals
local PROOFS_MAX = 4096

local NOTHING = {}
local UNTOLD = { boot = 0, count = -1, classes = NOTHING } -- of a peer who said no beacon yet
UNTOLD.__index = UNTOLD

--- given.loop    the event loop, for its clock
--- Fields that routing/block.lua sets: shut_out, the IDs with which nothing is to be exchanged, as a set;
--- is_shut(source), may nothing be said where that speaks?
--- given.stands  fn(id) → has that key standing in the lab? nil: there is none, and everybody has
function peers.new(given)
  return setmetatable({ loop = given.loop, standing = given.stands, by_id = {}, list = {},
    proofs = bounded.new { limit = PROOFS_MAX }, provers = bounded.new { limit = PROOFS_MAX }, shut_out = NOTHING,
    is_shut = function() return false end, dropped = 0, returns = listeners.new() }, peers)
end

local function has_proof(peer)
  for _, flow in ipairs(peer.flows) do
    if flow.proved then return true end
  end
  return false
end

--- Has ID standing in the lab? Without a lab everybody has.
function peers:stands(id) return not self.standing or self.standing(id) end

-- Who goes first where there are too many: a stranger to the lab before its members, who cannot be displaced by him,
-- then who proved no address, which is cheaper than to prove one. → its place in the list, how many strangers there are
local function least(self)
  local worst, worst_worth, strangers = nil, nil, 0
  for i, peer in ipairs(self.list) do
    local stands = self:stands(peer.id)
    local worth = (stands and 2 or 0) + (has_proof(peer) and 1 or 0)
    if not stands then strangers = strangers + 1 end
    if not worst or worth < worst_worth or worth == worst_worth and peer.heard < self.list[worst].heard then
      worst, worst_worth = i, worth
    end
  end
  return worst, strangers
end

-- Makes room for one more. → is there room for him?
local function make_room(self, id)
  local is_full, is_stranger = #self.list >= PEERS_MAX, not self:stands(id)
  if not is_full and not (is_stranger and #self.list >= STRANGERS_MAX) then return true end
  local worst, strangers = least(self)
  if not is_full and strangers < STRANGERS_MAX then return true end
  self.dropped = self.dropped + 1
  if is_stranger and strangers == 0 then return false end
  self.by_id[table.remove(self.list, worst).id] = nil
  return true
end

local function insert(self, peer)
  if not make_room(self, peer.id) then return end
  self.by_id[peer.id] = peer
  local first, last = 1, #self.list + 1
  while first < last do
    local middle = (first + last) // 2
    if self.list[middle].id < peer.id then first = middle + 1 else last = middle end
  end
  table.insert(self.list, first, peer)
end

--- What is bounded here, as bounded.lua's rows.
function peers:bounds()
  return { { name = "peers", count = #self.list, limit = PEERS_MAX, dropped = self.dropped }, self.proofs:row "proofs" }
end

-- The peer of that ID, made when it is new; second result: was it new? A stranger for whom there is no room is not
-- kept.
function peers:get(id)
  local peer = self.by_id[id]
  if peer then return peer, false end
  local now = self.loop:now()
  peer = setmetatable({ id = id, heard = now, first = now, beats = 0, flows = {}, verdicts = NOTHING }, UNTOLD)
  insert(self, peer)
  return peer, true
end

-- PEER's newest beacon says FACTS (messages.lua). What they say of him (boot, count, t, name, tcp, http, classes,
-- signature) is read through to them, as many nodes of one process may share them; his own fields go before.
function peers:told(peer, facts)
  facts.__index = facts
  peer.id, peer.boot, peer.count, peer.tcp, peer.http = nil, nil, nil, nil, nil -- the last four as a pong said them
  peer.name = nil -- as a `peer` word said it
  peer.judged = nil -- by his beacon before this one
  peer.beacon_at = self.loop:now()
  setmetatable(peer, facts)
end

-- PEER's digest of CLASS is unequal to ours since SINCE (ms); nil: it is not. Field `unequal` is nil where none is.
function peers.differs(_, peer, class, since)
  if not since and not peer.unequal then return end
  peer.unequal = peer.unequal or {}
  peer.unequal[class] = since
  if not next(peer.unequal) then peer.unequal = nil end
end

local function flow_of(peer, source)
  for _, flow in ipairs(peer.flows) do
    if flow.source.id == source.id then return flow end
  end
end

-- One flow too many: the oldest that nobody proved goes, but the newest is given its chance.
local function drop_flow(peer)
  for i = #peer.flows, 2, -1 do
    if not peer.flows[i].proved then return table.remove(peer.flows, i) end
  end
  table.remove(peer.flows)
end

-- The flow by which something of PEER came, though not necessarily from him: anybody can send a copy.
function peers:flow(peer, source)
  local now = self.loop:now()
  local flow = flow_of(peer, source)
  if not flow then
    flow = { first = now }
    table.insert(peer.flows, 1, flow)
    if #peer.flows > FLOWS_MAX then drop_flow(peer) end
  end
  flow.source, flow.heard, flow.beat = source, now, peer.beats
  return flow
end

-- Notes that PEER lives and was heard over SOURCE now; returns the flow.
function peers:heard(peer, source)
  peer.heard = self.loop:now()
  return self:flow(peer, source)
end

function peers:proved(flow)
  if flow and self.is_shut(flow.source) then return false end
  return flow and flow.proved and self.loop:now() - flow.proved < peers.proof_ms or false
end

-- Is FLOW, which is proved, a connection that shows that its other end lives? There he need say no beacons.
local function is_kept_alive(self, flow)
  local channel = flow.source.channel
  return channel.alive_at and not channel.closed and self:proved(flow) or false
end

--- When PEER last showed that he lives (ms): by what he said himself, or since a connection to him does.
function peers:last(peer)
  local last = peer.heard
  for _, flow in ipairs(peer.flows) do
    if is_kept_alive(self, flow) then last = math.max(last, flow.source.channel.alive_at) end
  end
  return last
end

-- Where PEER has moved, the proofs of the addresses that he left end: somebody else may have them tomorrow.
local function end_old_proofs(self, peer)
  local here, gone = false, {}
  for _, flow in ipairs(peer.flows) do
    local is_gone = peer.beats - flow.beat >= MISSED and not is_kept_alive(self, flow)
    if is_gone then gone[#gone + 1] = flow else here = here or self:proved(flow) end
  end
  for _, flow in ipairs(here and gone or {}) do
    if self.proofs:get(flow.source.id) == flow.proved then self.proofs:forget(flow.source.id) end
    flow.proved = nil
  end
end

-- The same for a beacon that nobody had brought before: it should come over all his flows.
function peers:beat(peer, source)
  peer.beats = peer.beats + 1
  local flow = self:heard(peer, source)
  end_old_proofs(self, peer)
  return flow
end

-- Is the last that PEER said proved to come from where it came from?
function peers:located(peer)
  for _, flow in ipairs(peer.flows) do
    if flow.beat == peer.beats and self:proved(flow) then return true end
  end
  return false
end

-- The holder of PEER's key signed a nonce that came back over FLOW, one of his.
function peers:prove(flow, peer)
  flow.proved = self.loop:now()
  self.proofs:put(flow.source.id, flow.proved)
  self.provers:put(flow.source.id, peer.id)
end

--- Who proved last that he is at the other end of SOURCE, if that counts still → peer | nil
function peers:prover(source)
  local id = self.provers:get(source.id)
  local peer = id and self.by_id[id]
  return peer and self:proved(flow_of(peer, source)) and peer or nil
end

-- Is the address that SOURCE speaks from proved by anybody?
function peers:source_proved(source)
  local at = self.proofs:get(source.id)
  return at ~= nil and self.loop:now() - at < peers.proof_ms
end

-- Does PEER speak over FLOW now, on a channel that is there?
function peers:speaks(peer, flow)
  return not flow.source.channel.closed and (peer.beats - flow.beat < MISSED or is_kept_alive(self, flow))
end

--- Does PEER speak on the channel NAME now?
function peers:speaks_on(peer, name)
  for _, flow in ipairs(peer.flows) do
    if flow.source.channel.name == name and self:speaks(peer, flow) then return true end
  end
  return false
end

-- Does SOURCE speak for the peer of that ID: did he prove it, and was he heard over it?
function peers:speaks_for(id, source)
  local peer = self.by_id[id]
  local flow = peer and flow_of(peer, source)
  return flow ~= nil and (source.channel.traits.source_proved or self:proved(flow))
end

-- fn(peer) from here on, when somebody can be reached and that is news. → a function that ends it.
function peers:on_back(fn) return self.returns:add(fn) end

-- Tells who listens that PEER can be reached, if he can and that is news. LAST: when he was heard before (nil: he
-- could not be reached until now).
function peers:back(peer, last)
  local now = self.loop:now()
  if last and now - last < PAUSE or peer.back and now - peer.back < PAUSE or not self:best(peer) then return end
  peer.back = now
  self.returns:call(peer)
end

--- Others brought a word of PEER that is new. Where he is not heard any more, or does not answer, he is elsewhere.
function peers:brought(peer)
  local now = self.loop:now()
  if peer.asked or now - self:last(peer) > peers.silent_ms then peer.brought = now end
end

--- Is PEER known only by what others bring, since he was heard here last?
function peers:is_elsewhere(peer) return peer.brought ~= nil and peer.brought > self:last(peer) end

-- PEER said that he leaves.
function peers:leave(peer) peer.gone = { at = self.loop:now(), boot = peer.boot } end

-- Did PEER leave, and was nothing heard of him since?
function peers.left(_, peer)
  local gone = peer.gone
  return gone ~= nil and gone.boot == peer.boot and peer.heard <= gone.at + LATE
end

-- Did PEER leave three questions over ten seconds unanswered (liveness.lua), and was nothing heard of him since?
function peers:deaf(peer)
  local asked, now = peer.asked, self.loop:now()
  if not asked or asked.n < 3 then return false end
  return asked.deaf or asked.last - asked.first >= DEAF and now - asked.last >= LAST
end

--- Does the policy shut PEER out, by his ID or by all addresses over which he was heard?
function peers:barred(peer)
  if self.shut_out[peer.id] then return true end
  for _, flow in ipairs(peer.flows) do
    if not self.is_shut(flow.source) then return false end
  end
  return peer.flows[1] ~= nil
end

function peers:living(peer)
  local after = self.loop:now() - peers.silent_ms
  return (peer.heard > after or self:last(peer) > after) and not self:left(peer) and not self:deaf(peer)
    and not self:barred(peer)
end

ways_to(peers)

return peers
