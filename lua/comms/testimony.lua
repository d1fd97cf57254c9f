-- testimony.lua - what peers say of the time, though their words are refused for it. Takes no word in.
--
-- Who has a wrong clock and believes it refuses all that others say, as ended or of the future: so he hears here that
-- they say otherwise. Anybody can send an old word again, so it counts only of who is here: a proved, living peer.
local testimony = {}
testimony.__index = testimony

local REFUSED = { ended = true, future = true }

-- swarm, peers; allowed(source) → may it cost a signature check; charge(host): it was wasted.
function testimony.new(given)
  return setmetatable({ swarm = given.swarm, peers = given.peers, allowed = given.allowed, charge = given.charge },
    testimony)
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

return testimony
