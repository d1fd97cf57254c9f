-- far_words.lua - what is said to the other end of a new connection to elsewhere, and to who comes new on a medium: the
-- soft words of others that are held here.
--
-- They are in no digest, so no repair brings them, and over such a connection they are renewed seldom: who comes new
-- would not know for many minutes who else there is, nor where to dial him. On a medium each says again the words that
-- he alone brings there: those that came to him by another way. Who comes new into a lab refuses them as
-- strangers' until a repair has told him who its members are: there they are said once more, a little later.
local statement = require "core.statement"
local walk = require "dcache.walk"

local far_words = {}
far_words.__index = far_words

local NODES_MAX = 256 -- nodes whose words are said at once; the others' come with their renewal
local OF_MEDIUM_MAX <const> = 64 -- the same for who comes new on a medium
local SOON <const>, CALM <const> = 2000, 2 * 60 * 1000 -- ms until these are said; between two times that they are
local AGAIN <const> = 8000 -- ms after which they are said once more in a lab
local BUCKETS <const> = { "peer", "pri/%s/addresses" } -- the first is walked

--- given.loop, dcache, peers (peers.lua), relay (relay.lua)
--- given.say  fn(st, name): the statement ST goes to the channel NAME, if it may
function far_words.new(given)
  return setmetatable({ loop = given.loop, dcache = given.dcache, peers = given.peers, relay = given.relay,
    say = given.say, walks = {}, timers = {}, told_at = {} }, far_words)
end

-- Does node ID speak on the channel NAME himself?
local function is_there(self, id, name)
  local peer = self.peers.by_id[id]
  for _, flow in ipairs(peer and peer.flows or {}) do
    if flow.source.channel.name == name then return true end
  end
  return false
end

local function say(self, name, held)
  local line = held and held.verb == "propose" and held.holds and self.dcache:line(held.short)
  local st = line and statement.parse(line)
  if st and self.relay:leads(st) then self.say(st, name) end
end

-- Is PEER heard on a medium that is near, where he hears those words himself? Who comes from behind a router of the own
-- network is not.
local function is_neighbour(peer)
  for _, flow in ipairs(peer and peer.flows or {}) do
    local traits = flow.source.channel.traits
    if traits.medium and traits.near then return true end
  end
  return false
end

-- Is ST, which is held here, known to who hears the medium of FACTS?
local function is_heard_on(self, facts, st)
  return st.via == facts.via or facts.near and is_neighbour(self.peers.by_id[st.signer])
end

-- Says on the channel NAME what is held of at most MOST nodes who do not speak there; MEDIUM: its facts, or nil.
local function start(self, name, most, medium)
  local n = 0
  self.walks[name] = walk.start(self.loop, self.dcache, BUCKETS[1], function(held)
    local id = held.signer
    if is_there(self, id, name) or medium and (held.mine or is_heard_on(self, medium, held)) then return end
    say(self, name, held)
    say(self, name, self.dcache:statement_of(BUCKETS[2]:format(id), id, id))
    n = n + 1
    if n >= most then
      self.walks[name].stop()
      self.walks[name] = nil
    end
  end, function() self.walks[name] = nil end)
end

--- PEER, at the other end of the channel of FACTS (as comms:channel_up has them), said a beacon: he hears it all, once.
function far_words:met(facts, peer)
  if facts.told or facts.quiet or facts.medium or facts.rate or facts.near and is_neighbour(peer) then return end
  facts.told = true
  start(self, facts.name, NODES_MAX)
  if not self.dcache.lab then return end
  self.timers[facts.name] = self.loop:after(AGAIN, function()
    self:forget(facts.name)
    self.relay:forget(facts.name) -- that they were said there before does not count
    start(self, facts.name, NODES_MAX)
  end)
end

--- Somebody new, or long silent, is heard on the medium of FACTS. Of a crowd of newcomers all are told at once.
function far_words:newcomer(facts)
  local name, now = facts.name, self.loop:now()
  if not facts.medium or facts.quiet or self.timers[name] then return end
  local wait = math.max(SOON, (self.told_at[name] or -CALM) + CALM - now)
  self.timers[name] = self.loop:after(wait, function()
    self.timers[name], self.told_at[name] = nil, self.loop:now()
    if not self.walks[name] then start(self, name, OF_MEDIUM_MAX, facts) end
  end)
end

--- That channel is no more.
function far_words:forget(name)
  if self.walks[name] then self.walks[name].stop() end
  if self.timers[name] then self.timers[name]:cancel() end
  self.walks[name], self.timers[name], self.told_at[name] = nil, nil, nil
end

function far_words:stop()
  for _, one in pairs(self.walks) do one.stop() end -- any order
  for _, timer in pairs(self.timers) do timer:cancel() end -- any order
  self.walks, self.timers = {}, {}
end

return far_words
