-- proof.lua - nonces out, signed nonces back: which addresses are really their keys'. Sends by `tell` only.
local backoff = require "backoff"
local text = require "core.text"
local messages = require "comms.messages"
local quota = require "comms.quota"

local proof = {}
proof.__index = proof

local OUT_MAX = 256 -- nonces on their way
local WAIT, FRAMES = 10 * 1000, 4 -- ms for an answer; times that a frame takes on a slow channel, beside
local PING, PONG = 170, 310 -- bytes
local AGAIN = 50 * 60 * 1000 -- a proof is renewed ten minutes before it ends
local ASKS = 32 -- questions a second, so that nobody makes us flood a third
local COPIES = 8 -- of these after what anybody could have copied
local HOST = { rate = 1, burst = 32 } -- of these to a host that proved no address, by datagrams: the rest of a lab's
-- robots behind one NAT come a second later each, and whoever is named in forged beacons gets little from each of us
local FEW, TURN, TURN_MOST = 8, 50, 3000 -- peers who may ask at once; ms for each beyond, and at most
local SLOW = 1000 * 1000 -- us: a trip that takes so long is measured twice; this program may have been asleep meanwhile
local RETRY_FIRST, RETRY_MOST = 2 * 1000, 5 * 60 * 1000 -- ms; a silent address costs the medium

--- given.loop, random, peers, key, id, swarm, checks (checks.lua)
--- given.facts    fn() → own { id, boot, tcp = port, http = port }
--- given.tell     fn(source, message)
--- given.refused  fn(code): counts a refusal
--- given.clones   clones.lua's, put in later: it asks by this
--- given.share    of control messages on slow channels (outbox.lua): may_control, may_answer, control
function proof.new(given)
  local self = setmetatable({ out = {}, order = {} }, proof)
  for name, value in pairs(given) do self[name] = value end
  self.principals = quota.new { loop = self.loop, rate = HOST.rate, burst = HOST.burst }
  return self
end

local function trim(self)
  local now, kept = self.loop:now(), {}
  for _, question in ipairs(self.order) do
    if now - question.sent > question.wait then
      self.out[question.nonce] = nil
    elseif self.out[question.nonce] then
      kept[#kept + 1] = question
    end
  end
  self.order = kept
end

local function in_budget(self, now, copy)
  local second = now // 1000
  if self.second ~= second then self.second, self.asks, self.copies = second, 0, 0 end
  if self.asks >= ASKS or (copy and self.copies >= COPIES) then return false end
  self.asks, self.copies = self.asks + 1, self.copies + (copy and 1 or 0)
  return true
end

local function wanted(self, flow)
  local now = self.loop:now()
  if flow.proved and now - flow.proved < AGAIN then return false end
  return not flow.asked or now - flow.asked >= (flow.retry_ms or 0)
end

-- Is the medium so full that hardly more than our own reserve of it is left? A slow one hardly ever has room for two
-- frames, and a share of its own for questions: there the one question has to fit.
local function crowded(channel)
  return channel.traits.medium and channel:budget() < (channel.rate and PING or 2 * channel.traits.frame_max)
end

-- Was that source asked often enough, though it proved nothing?
local function pestered(self, source)
  if source.channel.traits.source_proved or source.own or self.peers:source_proved(source) then return false end
  if not self.principals:allows(source.principal, true) then return true end
  self.principals:charge(source.principal)
  return false
end

-- Asks PEER over FLOW. BY_ALL, ANSWERED: as proof:check has them.
local function send(self, peer, flow, by_all, answered)
  local nonce, channel = text.base64url(self.random:bytes(16)), flow.source.channel
  local frame_ms = channel.rate and channel.traits.frame_max * 1000 // channel.rate or 0
  local question = { nonce = nonce, peer = peer, flow = flow, sent = self.loop:now(), micro = self.loop:micro(),
    wait = WAIT + FRAMES * frame_ms, answered = answered }
  self.out[nonce] = question
  table.insert(self.order, question)
  self.share:control(channel.name, PING)
  local message = { to = ("/dswarm/%s/brain"):format(peer.id), from = ("/dswarm/%s/brain"):format(self.id),
    kind = "ping", rest = nonce }
  if by_all then return self.share:say(channel.name, message) end
  self.tell(flow.source, message)
end

-- Sends now where few are here. In a crowd all heard the same beacon at once, and their questions and the answers would
-- fill a medium for seconds: each waits by chance, and asks at a later beacon where the medium is full by then.
local function in_turn(self, peer, flow)
  local others, channel = #self.peers.list, flow.source.channel
  if others <= FEW or not channel.traits.medium then return send(self, peer, flow) end
  self.loop:after(self.random:integer(math.min(TURN_MOST, others * TURN)), function()
    if self.stopped or channel.closed then return end
    if not crowded(channel) then return send(self, peer, flow) end
    flow.asked, flow.tries = nil, nil
    self.refused "budget"
  end)
end

-- Asks the holder of PEER's key to sign a nonce over FLOW, unless that was done or tried lately. COPY: what came
-- over it was no fresh statement of his.
function proof:ask(peer, flow, copy)
  if not wanted(self, flow) then return end
  trim(self)
  if #self.order >= OUT_MAX then return self.refused "full" end
  if copy and crowded(flow.source.channel) then return self.refused "budget" end
  if not self.share:may_control(flow.source.channel.name) then return self.refused "budget" end
  if pestered(self, flow.source) then return self.refused "quota" end
  if not in_budget(self, self.loop:now(), copy) then return self.refused "budget" end
  flow.retry_ms = backoff.wait(self.random, flow.tries or 0, RETRY_FIRST, RETRY_MOST)
  flow.tries = (flow.tries or 0) + 1
  flow.asked = self.loop:now()
  in_turn(self, peer, flow)
end

--- Asks PEER over FLOW whether he lives, though that may be proved, within the same limits. BY_ALL: so that all on its
--- medium hear it; ANSWERED(), which may be nil, is called if he answers. → was it sent?
function proof:check(peer, flow, by_all, answered)
  trim(self)
  if #self.order >= OUT_MAX or not self.share:may_control(flow.source.channel.name) then return false end
  if not by_all and not self.peers:proved(flow) and pestered(self, flow.source) then return false end
  if not in_budget(self, self.loop:now(), false) then return false end
  send(self, peer, flow, by_all, answered)
  return true
end

-- Whoever is at the other end of CHANNEL was told who we are, if OK.
local function shown(channel, ok, ...)
  local first = ok and not channel.is_shown
  channel.is_shown = channel.is_shown or ok and true
  if first and channel.shown then channel.shown() end
  return ok, ...
end

-- Signs NONCE for the node ASKER, who asked over SOURCE. → as REPLY gives it | nil, text, code
function proof:answer(nonce, asker, source, reply)
  if not self.share:may_answer(source.channel.name) then
    return nil, "budget: more questions than that channel leaves to answers", "budget"
  end
  self.share:control(source.channel.name, PONG)
  return shown(source.channel, reply { kind = "pong", rest = messages.pong(self.key, self.swarm, nonce, asker,
    self.facts()) })
end

-- A ping for us: the answer signs the nonce, the asker's ID and ours. One that many hear is for him whom it names: else
-- all would answer whoever's address stands in it.
function proof:ping(message, source, reply)
  if source.broadcast and not message.to:find(self.id, 1, true) then
    return nil, "address: a ping that many hear names whom it asks", "address"
  end
  local asker = messages.asker(message.from)
  if not asker or not messages.is_nonce(message.rest) then return nil, "form: ping NONCE, from an ID", "form" end
  return self:answer(message.rest, asker, source, reply)
end

local function expected(self, facts, source)
  local question = self.out[facts.nonce]
  if not question or facts.asker ~= self.id or facts.id ~= question.peer.id then return nil end
  return question.flow.source.id == source.id and question or nil
end

-- QUESTION was answered now: how long that took, unless this program or machine stood still meanwhile.
local function measure(self, question)
  local flow, trip = question.flow, math.max(1, self.loop:micro() - question.micro)
  if trip < SLOW or flow.slow then
    flow.rtt_us, flow.slow = trip, nil
    return
  end
  flow.slow = true
  self:check(question.peer, flow)
end

-- A pong: proves the flow that its question went over. → the peer, or { id = our own } where somebody has our key
-- | nil, text, code
function proof:pong(message, source)
  local facts, err, code = messages.parse_pong(message.rest)
  if not facts then return nil, err, code end
  local question = expected(self, facts, source)
  if not question then return nil, "nonce: answers no question of ours", "nonce" end
  local ok, why, refusal = self.checks.signed(facts, "pong", self.swarm)
  if not ok then return nil, why, refusal end
  self.out[facts.nonce] = nil
  local flow, peer = question.flow, question.peer
  if peer.id == self.id then
    self.clones:own_answer(facts.boot, flow)
    return peer
  end
  local news = not self.peers:located(peer)
  self.peers:prove(flow, peer)
  self.principals:forget(flow.source.principal)
  flow.retry_ms, flow.tries = nil, nil
  measure(self, question)
  if facts.boot < peer.boot then peer.boot, peer.count = facts.boot, -1 end -- a state folder made anew
  peer.tcp, peer.http = facts.tcp, facts.http
  self.peers:heard(peer, source)
  self.clones:answered(peer, facts.boot, flow, question.sent)
  if question.answered then question.answered() end
  if news then self.peers:back(peer) end
  return peer
end

-- Asks nothing any more.
function proof:stop() self.stopped = true end

return proof
