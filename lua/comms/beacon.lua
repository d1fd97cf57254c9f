-- beacon.lua - when to say a beacon and what a heard one tells. Repairs nothing itself.
local messages = require "comms.messages"

local beacon = {}
beacon.__index = beacon

local TICK = 16 -- s
local UNFIT_MAX = 16 -- hosts whose beacons do not fit that are remembered
local UNFIT_MS, UNFIT_LEAST = 5 * 60 * 1000, 2 -- so long; and so many of one host before it is told
local TICKS_APART = 2 -- of a T longer ago than that by proved time we may have dropped words that ended since

-- loop, random, time, dcache, key, id, swarm, peers, facts(), interval = { shortest, longest } ms,
-- say(message) on every channel, name, speaks(class) → may its digest be said. Fields sent, heard count beacons.
function beacon.new(given)
  local self = setmetatable({ count = 0, sent = 0, heard = 0, misfits = {} }, beacon)
  for name, value in pairs(given) do self[name] = value end
  self.current = self.interval[1]
  return self
end

-- T of our own digests.
function beacon:tick() return self.time:tick() end

local function own_classes(self, t)
  local list = {}
  for _, class in ipairs(self.dcache:kept_classes()) do
    if self.speaks(class.name) then
      local digest, n = self.dcache:digest(class.name, t)
      list[#list + 1] = { name = class.name, law = class.law, digest = digest, n = n }
    end
  end
  return list
end

local function speak(self)
  local facts, t = self.facts(), self:tick()
  self.count, self.sent = self.count + 1, self.sent + 1
  facts.count, facts.t, facts.name, facts.classes = self.count, t, self.name, own_classes(self, t)
  self.say { kind = "beacon", rest = messages.beacon(self.key, self.swarm, facts) }
end

local function schedule(self, delay)
  if self.timer then self.timer:cancel() end
  self.due = self.loop:now() + delay
  self.timer = self.loop:after(delay, function()
    speak(self)
    local wait = self.current // 2 + self.random:integer(self.current // 2 + 1)
    self.current = math.min(self.interval[2], self.current * 2)
    schedule(self, wait)
  end)
end

function beacon:start()
  self.began = self:tick()
  schedule(self, self.random:integer(200))
end

function beacon:stop()
  if self.timer then self.timer:cancel() end
  self.timer, self.stopped = nil, true
end

-- Something changed that others should hear of soon: back to the shortest interval.
function beacon:reset()
  if self.stopped then return end
  self.current = self.interval[1]
  if not self.timer or self.due - self.loop:now() <= self.interval[1] then return end
  schedule(self, self.random:integer(self.interval[1] // 4 + 1))
end

-- Compares one class of a peer's last beacon with what is held now, at the T that it names: "equal", "unequal", "law",
-- nil = it tells nothing. A beacon of long ago still tells as long as nothing was taken in here since it was compared;
-- else only that it is equal. Equal digests at a T that leaves out what is held here are equal about too little.
function beacon:compare(peer, class)
  local law, name = self.dcache:law(class.name), class.name
  if not law then return nil end
  if law ~= class.law then return "law" end
  local own_t, changes = self:tick(), self.dcache:changes(name)
  local early = self.time:proved_now() and peer.t < own_t - TICK * TICKS_APART
  if early and peer.changes[name] == changes and peer.verdicts[name] then return peer.verdicts[name] end
  local digest, n = self.dcache:digest(name, peer.t)
  if digest ~= class.digest and early then return nil end
  peer.changes[name] = changes
  if digest ~= class.digest then return "unequal" end
  if peer.t > own_t and select(2, self.dcache:digest(name, own_t)) > n then return nil end
  return "equal"
end

local function is_new(peer, facts)
  return facts.boot > peer.boot or (facts.boot == peer.boot and facts.count > peer.count)
end

-- Our own, come back, or spoken by another with our key; not by anybody who merely writes our ID.
local function hear_own(self, facts)
  local own = self.facts()
  local earlier = facts.boot < own.boot and facts.t <= (self.began or self:tick()) -- of a run of ours that is over
  if earlier or (facts.boot == own.boot and facts.count <= self.count) then
    return nil, "duplicate: our own beacon", "duplicate"
  end
  local ok, why, refusal = messages.verify_beacon(facts, self.swarm)
  if not ok then return nil, why, refusal end
  self.clone = self.loop:now()
  return nil, "duplicate: spoken with our own key", "duplicate"
end

-- A beacon's REST → facts, peer, newcomer (unknown or newly booted?) | nil, text, word [, the peer it speaks of].
function beacon:hear(rest)
  local facts, err, word = messages.parse_beacon(rest)
  if not facts then return nil, err, word end
  if facts.id == self.id then return hear_own(self, facts) end
  local known = self.peers.by_id[facts.id]
  if known and facts.signature == known.signature and known.flows[1] then
    return nil, "duplicate: heard by another way", "duplicate", known -- by another interface, say
  end
  if known and not is_new(known, facts) then return nil, "replay: its counters did not grow", "replay", known end
  local ok, why, refusal = messages.verify_beacon(facts, self.swarm)
  if not ok then return nil, why, refusal end
  self.heard = self.heard + 1
  local peer, fresh = self.peers:get(facts.id)
  local newcomer = fresh or facts.boot > peer.boot
  peer.boot, peer.count, peer.t, peer.name = facts.boot, facts.count, facts.t, facts.name
  peer.signature = facts.signature
  peer.tcp, peer.http, peer.classes, peer.beacon_at = facts.tcp, facts.http, facts.classes, self.loop:now()
  return facts, peer, newcomer
end

--- A beacon came from HOST whose signature does not fit: forged, or made for another swarm.
function beacon:misfit(host)
  local list, one = self.misfits, nil
  for i, other in ipairs(list) do
    if other.host == host then one = table.remove(list, i) end
  end
  one = one or { host = host, count = 0 }
  one.count, one.last = one.count + 1, self.loop:now()
  list[#list + 1] = one
  if #list > UNFIT_MAX then table.remove(list, 1) end -- heard of least recently
end

--- Hosts from which several such came of late, by address: array of { host =, count = }.
function beacon:unfit()
  local list, now = {}, self.loop:now()
  for _, one in ipairs(self.misfits) do
    if one.count >= UNFIT_LEAST and now - one.last < UNFIT_MS then
      list[#list + 1] = { host = one.host, count = one.count }
    end
  end
  table.sort(list, function(a, b) return a.host < b.host end)
  return list
end

-- Notes on PEER, class by class, what its last beacon shows against what is held now.
function beacon:judge(peer)
  for _, class in ipairs(peer.classes) do
    local verdict = self:compare(peer, class)
    peer.verdicts[class.name] = verdict
    if verdict ~= "unequal" then
      peer.unequal[class.name] = nil
    else
      peer.unequal[class.name] = peer.unequal[class.name] or self.loop:now()
    end
  end
end

-- Peers living now whose digests are equal to ours, and all that could be compared; classes that differ and with whom.
-- Who leaves a class out that is kept here cannot be: he does not keep it, or lost some of it.
function beacon:sync()
  local equal, of, unlike, kept = 0, 0, {}, math.max(1, #self.dcache:kept_classes())
  for _, peer in ipairs(self.peers.list) do
    if self.peers:living(peer) and peer.t then
      self:judge(peer)
      local compared, alike = #peer.classes >= kept, true
      for _, class in ipairs(peer.classes) do
        local verdict = peer.verdicts[class.name]
        compared, alike = compared and verdict ~= nil, alike and verdict == "equal"
        if verdict and verdict ~= "equal" then
          unlike[#unlike + 1] = { class = class.name, peer = peer.name, why = verdict }
        end
      end
      if compared then of = of + 1 end
      if compared and alike then equal = equal + 1 end
    end
  end
  return { equal = equal, of = of, unlike = unlike }
end

return beacon
