-- testimony.lua - what peers say of the time: by words that are refused for it, and by their beacons. Decides nothing.
--
-- Who has a wrong clock and believes it refuses all that others say, as ended or of the future: so he hears here that
-- they say otherwise. Anybody can send an old word again, so it counts only of who is here: a proved, living peer.
-- The beacon of such a peer tells the time to a node that has none, if his newest `peer` word states a clock.
local testimony = {}
testimony.__index = testimony

local REFUSED = { ended = true, future = true }
local CLOCKS = { own = true, quorum = true, held = true }

-- loop, swarm, peers, dcache; allowed(source) → may it cost a signature check; charge(host): it was wasted.
function testimony.new(given)
  local self = setmetatable({}, testimony)
  for _, name in ipairs { "loop", "swarm", "peers", "dcache", "allowed", "charge" } do self[name] = given[name] end
  return self
end

local function here(self, id)
  local peer = self.peers.by_id[id]
  return peer and self.peers:best(peer) and self.peers:living(peer) and peer
end

-- ST came over SOURCE and was refused by WORD: fn(st), set by who knows the time, hears it where it bears witness.
function testimony:hear(st, source, word)
  if not REFUSED[word] or st.bucket ~= "peer" or st.verb ~= "propose" or not self.fn then return end
  local peer = here(self, st.signer)
  if not peer or st.at <= (peer.testified or 0) or not self.allowed(source) then return end
  if not st:verify(self.swarm) then return self.charge(source.host) end
  peer.testified = st.at
  self.fn(st)
end

-- Does PEER state a clock of his own? Read once a `peer` word: states is forgotten by `heard`.
local function states(self, peer)
  if peer.states == nil then
    local word = self.dcache:record("peer", peer.id, peer.id)
    peer.states = word ~= nil and word.verb == "propose" and type(word.data) == "table"
      and CLOCKS[word.data.clock] or false
  end
  return peer.states
end

-- A `peer` word of that signer was taken in.
function testimony:heard(id)
  local peer = self.peers.by_id[id]
  if peer then peer.states = nil end
end

-- What clocks of living peers with a proved address say now: array of { id =, name =, at = ms }.
function testimony:claims()
  local list, now = {}, self.loop:now()
  for _, peer in ipairs(self.peers.list) do
    if peer.t and here(self, peer.id) and states(self, peer) then
      list[#list + 1] = { id = peer.id, name = peer.name, at = peer.t * 1000 + now - peer.beacon_at }
    end
  end
  return list
end

return testimony
