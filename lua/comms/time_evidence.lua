-- time_evidence.lua - what peers' refused statements and beacons say about the time. It decides nothing.
--
-- A node that has a wrong clock and believes it refuses everything that others say, as ended or as of the future. These
-- refusals show it that others have another time. Anybody can send an old statement again, so it counts only if its
-- signer is here: a peer who is proved and living, and stands in the lab. A word that came before he was met waits for
-- that, since he says the next one in five minutes only. The beacon of such a peer tells the time to a
-- node that has none. It counts only if the peer's newest `peer` statement says that he has a clock, and was said by
-- that clock: else the beacon may be from before his clock was set, or from a run that has none, and then it names the
-- build's time.
local bounded = require "bounded"
local listeners = require "listeners"

local time_evidence = {}
time_evidence.__index = time_evidence

local CLOCKS = { own = true, quorum = true, held = true }
local MINUTE = 60 * 1000
local EARLY_MAX <const> = 64 -- words of those who are not here yet, one of each
local BEFORE, AFTER = 10 * MINUTE, 30 * MINUTE -- a statement goes up to 5 min ahead of its time, and is renewed each 5

--- given.loop     the event loop
--- given.swarm    name of the swarm (text)
--- given.peers    peers.lua
--- given.dcache   what is held
--- given.checks   checks.lua
--- given.allowed  fn(source) → may it cost a signature check?
--- given.charge   fn(principal): that check was wasted
function time_evidence.new(given)
  local self = setmetatable({ witnesses = listeners.new(), clocks = listeners.new(),
    early = bounded.new { limit = EARLY_MAX } }, time_evidence)
  for _, name in ipairs { "loop", "swarm", "peers", "dcache", "checks", "allowed", "charge" } do
    self[name] = given[name]
  end
  self.peers:on_back(function(peer)
    local one = self.early:get(peer.id)
    self.early:forget(peer.id)
    if one then self:hear(one.st, one.source) end
  end)
  return self
end

local function here(self, id)
  local peer = self.peers.by_id[id]
  return peer and self.peers:stands(id) and self.peers:best(peer) and self.peers:living(peer) and peer
end

-- fn(st) from here on, for refused statements that bear witness of the time. → a function that ends it.
function time_evidence:on_witness(fn) return self.witnesses:add(fn) end

-- fn() from here on, when a beacon tells the time. → a function that ends it.
function time_evidence:on_clock(fn) return self.clocks:add(fn) end

-- ST came over SOURCE and was refused as ended or of the future: who listens hears it where it bears witness.
function time_evidence:hear(st, source)
  if st.bucket ~= "peer" or st.verb ~= "propose" or not self.witnesses:any() then return end
  local peer = here(self, st.signer)
  if not peer then return self.early:put(st.signer, { st = st, source = source }) end
  if st.at <= (peer.testified or 0) or not self.allowed(source) then return end
  if not self.checks.statement(st, self.swarm) then return self.charge(source.principal) end
  peer.testified = st.at
  self.witnesses:call(st)
end

-- When PEER said that he has a clock (ms), if that is his newest `peer` word, else false. Read once a word: stated is
-- forgotten by `heard`.
local function stated(self, peer)
  if peer.stated == nil then
    local said = self.dcache:statement_of("peer", peer.id, peer.id)
    local states = said ~= nil and said.verb == "propose" and type(said.data) == "table" and CLOCKS[said.data.clock]
    peer.stated = states and said.at or false
  end
  return peer.stated
end

-- Does PEER's beacon tell the time of the clock that he states?
local function tells(self, peer)
  local at, t = stated(self, peer), peer.t * 1000
  return at and t > at - BEFORE and t < at + AFTER
end

-- A beacon of PEER was heard: who listens hears if it tells the time.
function time_evidence:beacon(peer)
  if self.clocks:any() and tells(self, peer) then self.clocks:call() end
end

-- A `peer` statement of that signer was taken in.
function time_evidence:heard(id)
  local peer = self.peers.by_id[id]
  if peer then peer.stated = nil end
end

-- What clocks of living peers with a proved address say now: array of { id =, name =, at = ms }.
function time_evidence:claims()
  local list, now = {}, self.loop:now()
  for _, peer in ipairs(self.peers.list) do
    if peer.t and here(self, peer.id) and tells(self, peer) then
      list[#list + 1] = { id = peer.id, name = peer.name, at = peer.t * 1000 + now - peer.beacon_at }
    end
  end
  return list
end

return time_evidence
