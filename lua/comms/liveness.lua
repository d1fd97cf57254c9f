-- liveness.lua - asks near peers that are silent whether they live, when somebody looks. Judges no address.
--
-- Up to a minute passes between two beacons, so a robot that was killed seems alive for long. When a person asks who is
-- here, each silent near peer is asked up to three times over ten seconds, until it answers. Peers in other networks
-- are not asked, since each question takes from the budget of others.
local liveness = {}
liveness.__index = liveness

local SILENT = 5 * 1000 -- ms without a word of his after which a probe asks
local WAIT = 1000 -- ms that a probe waits for answers
local ROUNDS, APART = 3, 5 * 1000 -- questions to one peer; ms between two
local AGAIN = 10 * 1000 -- ms after which a probe asks one again that did not answer
local FLOWS = 2 -- of one peer that are asked at once

--- given.loop, peers, proof
--- given.near  fn(source) → is its host in a network of an own interface?
function liveness.new(given)
  return setmetatable({ loop = given.loop, peers = given.peers, proof = given.proof, near = given.near, probes = {},
    timers = {} }, liveness)
end

-- The proved flows of PEER to hosts that are near, or were when he was heard there, the best first: where our own
-- network went away he is lost, not far.
local function near_flows(self, peer)
  local flows, best = {}, self.peers:best(peer)
  for _, flow in ipairs(peer.flows) do
    if self.peers:proved(flow) and (flow.near or self.near(flow.source)) and not flow.source.channel.closed then
      table.insert(flows, flow == best and 1 or #flows + 1, flow)
    end
  end
  return flows
end

--- Is PEER near: has he proved an address in a network of an own interface?
function liveness:is_near(peer) return near_flows(self, peer)[1] ~= nil end

--- How many questions PEER left unanswered, and since how many ms | nil. The last one is given a second.
function liveness:unanswered(peer)
  local asked, now = peer.asked, self.loop:now()
  if not asked or now - asked.first < WAIT then return nil end
  return now - asked.last < WAIT and asked.n - 1 or asked.n, now - asked.first
end

-- Asks PEER now → was anything sent?
local function ask(self, peer)
  local sent = false
  for i, flow in ipairs(near_flows(self, peer)) do
    if i <= FLOWS then sent = self.proof:check(peer, flow) or sent end
  end
  if not sent then return false end
  local now = self.loop:now()
  if self.peers:deaf(peer) then peer.asked.deaf = true end -- one more question is no new hope
  peer.asked = peer.asked or { first = now, n = 0 }
  peer.asked.n, peer.asked.last = peer.asked.n + 1, now
  return true
end

local function go_on(self, peer)
  if self.timers[peer] or peer.asked.n >= ROUNDS then return end
  self.timers[peer] = self.loop:after(APART, function()
    self.timers[peer] = nil
    if peer.asked and ask(self, peer) then go_on(self, peer) end
  end)
end

-- Was nothing heard of PEER for LEAST ms, and may he be asked?
local function silent(self, peer, least)
  local now = self.loop:now()
  if now - self.peers:last(peer) < least or self.peers:left(peer) or self.peers:is_elsewhere(peer) then return false end
  if not peer.asked then return true end
  return not self.timers[peer] and now - peer.asked.last >= AGAIN
end

-- The silent, those first who were not asked for the longest time.
local function candidates(self, least)
  local list = {}
  for _, peer in ipairs(self.peers.list) do
    if silent(self, peer, least) then list[#list + 1] = peer end
  end
  table.sort(list, function(a, b)
    local first, second = a.asked and a.asked.last or 0, b.asked and b.asked.last or 0
    if first ~= second then return first < second end
    if a.heard ~= b.heard then return a.heard < b.heard end
    return a.id < b.id
  end)
  return list
end

local function forget(self, probe)
  probe.timer:cancel()
  for i, other in ipairs(self.probes) do
    if other == probe then table.remove(self.probes, i) end
  end
end

local function over(self, probe)
  if probe.over then return end
  probe.over = true
  forget(self, probe)
  probe.done()
end

-- Were all peers heard again that LOOK waits for?
local function answered(probe)
  for _, peer in ipairs(probe.waiting) do
    if peer.asked then return false end
  end
  return true
end

--- PEER was heard, perhaps because he was asked.
function liveness:heard(peer)
  for _, flow in ipairs(peer.flows) do
    if flow.beat == peer.beats then flow.near = self.near(flow.source) end
  end
  self:lives(peer)
end

--- PEER said something new, though others may have brought it: what was asked in vain counts no more.
function liveness:lives(peer)
  peer.asked = nil
  if self.timers[peer] then self.timers[peer]:cancel() end
  self.timers[peer] = nil
  for _, probe in ipairs(self.probes) do
    if answered(probe) then self.loop:post(function() over(self, probe) end) end
  end
end

--- Asks those who are silent for LEAST ms (5 s unless given). DONE() once all of them answered, or after a second.
--- → a function that gives it up
function liveness:probe(done, least)
  local probe = { waiting = {}, done = done }
  for _, peer in ipairs(candidates(self, least or SILENT)) do
    local first = not peer.asked
    if ask(self, peer) and first then
      probe.waiting[#probe.waiting + 1] = peer
      go_on(self, peer)
    end
  end
  table.insert(self.probes, probe)
  probe.timer = self.loop:after(probe.waiting[1] and WAIT or 0, function() over(self, probe) end)
  return function()
    probe.over = true
    forget(self, probe)
  end
end

function liveness:stop()
  for _, timer in pairs(self.timers) do timer:cancel() end -- any order
  for _, probe in ipairs(self.probes) do probe.timer:cancel() end
  self.timers, self.probes = {}, {}
end

return liveness
