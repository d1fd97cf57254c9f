-- beacon.lua - when to say a beacon and what a heard one tells. Repairs nothing itself.
--
-- Beacons go by Trickle (RFC 6206). A change of what is held sets the interval back to the shortest one, from where it
-- doubles; in each interval a node speaks once, at a moment of chance in its second half, and is silent if it heard by
-- then that enough others hold the same. But people and clocks rest on beacons, too: nobody is silent for more than
-- the longest interval, and whoever is new here, or has something new to say of himself, is heard anyway.
local messages = require "comms.messages"
local unmet = require "comms.unmet"

local beacon = {}
beacon.__index = beacon

local TICK = 16 -- s
local SAME_MAX = 3 -- beacons of others in one interval that tell our digests: what we would say has been said
local ALL_MAX = 8 -- beacons of others in one interval, whatever they tell: the air is for statements, too
local FIRST = 4 -- beacons that are said in any case by one who is new: some are lost
local VERDICTS_MAX = 256 -- combinations of verdicts that are remembered
local TICKS_APART = 2 -- of a T longer ago than that by proved time we may have dropped statements that ended since

-- loop, random, time, dcache, key, id, swarm, peers, facts(), interval = { shortest, longest } ms, checks (checks.lua),
-- say(message) on every channel, name, speaks(class) → may its digest be said, own_key_at(source): a beacon signed with
-- our key, but not said by this run, came from there. Fields sent and heard count beacons.
function beacon.new(given)
  local self = setmetatable({ sent = 0, heard = 0, unmet = unmet.new(given), owed = FIRST, same = 0, all = 0,
    verdicts = {}, began_at = given.loop:now(), changed_at = -math.huge, same_at = -math.huge }, beacon)
  for name, value in pairs(given) do self[name] = value end
  self.current = self.interval[1]
  return self
end

function beacon:tick() return self.time:tick() end -- T of our own digests

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

-- A moment of chance in the second half of an interval of MS.
local function moment(self, ms) return ms // 2 + self.random:integer(ms // 2 + 1) end

local function speak(self)
  local facts, t = self.facts(), self:tick()
  self.sent = self.sent + 1
  facts.count, facts.t, facts.name, facts.classes = self.sent, t, self.name, own_classes(self, t)
  self.say({ kind = "beacon", rest = messages.beacon(self.key, self.swarm, facts) }, messages.beacon_news(facts))
  self.owed, self.silent_till = math.max(0, self.owed - 1), self.loop:now() + moment(self, self.interval[2])
  self.unmet:spoken(self.interval)
end

-- Was what we would say now said by others, and does nobody miss us?
local function may_be_silent(self)
  if self.owed > 0 or self.unmet:is_due() or self.loop:now() >= self.silent_till then return false end
  return self.same >= SAME_MAX or self.all >= ALL_MAX
end

-- An interval of MS begins.
local function begin(self, ms) self.current, self.all, self.began_at = ms, 0, self.loop:now() end

local schedule

local function fire(self)
  if not may_be_silent(self) then speak(self) end
  begin(self, self.changed and self.interval[1] or math.min(self.interval[2], self.current * 2))
  self.changed = false
  schedule(self, moment(self, self.current))
end

-- The interval begins that is called `current`; in the longest ones we speak when others begin to miss us.
function schedule(self, delay)
  if self.timer then self.timer:cancel() end
  local now = self.loop:now()
  local left = self.silent_till and math.max(0, self.silent_till - now)
  if left and (left < delay or self.current >= self.interval[2]) then delay = left end
  delay = math.min(delay, self.unmet:wait() or delay)
  self.same, self.due = 0, now + delay
  self.timer = self.loop:after(delay, function() fire(self) end)
end

function beacon:start()
  schedule(self, self.random:integer(200))
end

function beacon:stop()
  if self.timer then self.timer:cancel() end
  self.timer, self.stopped = nil, true
end

-- The shortest interval begins, unless it runs.
local function shorten(self)
  if self.stopped or not self.timer or self.current <= self.interval[1] then return end
  begin(self, self.interval[1])
  schedule(self, moment(self, self.current))
end

-- What we hold has changed: back to the shortest interval. Where that runs already it begins again, so that all speak
-- of the change once it is everywhere, but changes without end put nobody off for more than two of them.
function beacon:reset()
  local runs, now = self.current <= self.interval[1], self.loop:now()
  shorten(self)
  self.changed, self.changed_at = true, now
  if self.stopped or not self.timer or not runs or self.owed > 0 or self.unmet:is_due() then return end
  schedule(self, math.min(moment(self, self.current), math.max(0, self.began_at + 2 * self.current - now)))
end

local function speak_soon(self)
  if self.current > self.interval[1] then begin(self, self.interval[1]) end
  if not self.timer or self.due - self.loop:now() <= self.interval[1] then return end
  schedule(self, self.random:integer(self.interval[1] // 4 + 1))
end

-- We are new somewhere, or what our beacon says of ourselves has changed: others hear it soon, and more than once.
function beacon:appear()
  if self.stopped then return end
  self.owed = FIRST
  speak_soon(self)
end

-- A newcomer shall know us soon: ID hears our beacon until he asks for our address, a few times at most.
function beacon:greet(id)
  if self.stopped or not self.unmet:add(id, self.interval) then return end
  local wait = self.unmet:wait()
  if not wait then return speak_soon(self) end
  if self.timer and self.due - self.loop:now() > wait then schedule(self, wait) end
end

-- ID asked for our address: he has heard our beacon.
function beacon:met(id) self.unmet:drop(id) end

--- INTERVAL: { shortest, longest } ms from here on.
function beacon:set_interval(interval)
  self.interval = interval
  begin(self, math.max(interval[1], math.min(self.current, interval[2])))
  if not self.timer then return end
  local longest = self.loop:now() + moment(self, interval[2])
  self.silent_till = self.silent_till and math.min(self.silent_till, longest)
  schedule(self, moment(self, self.current))
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
  local unchanged = early and peer.changes and peer.changes[name] == changes
  if unchanged and peer.verdicts[name] then return peer.verdicts[name] end
  local digest, n = self.dcache:digest(name, peer.t)
  if digest ~= class.digest and early then return nil end
  if digest ~= class.digest then return "unequal" end
  if peer.t > own_t and select(2, self.dcache:digest(name, own_t)) > n then return nil end
  return "equal"
end

local function is_new(peer, facts)
  return facts.boot > peer.boot or (facts.boot == peer.boot and facts.count > peer.count)
end

-- Our own, come back, or signed with our key by a run of ours that is over, or by another machine: whoever says it is
-- asked (clones.lua), but not where somebody merely writes our ID.
local function hear_own(self, facts, source)
  if facts.boot == self.facts().boot and facts.count <= self.sent then
    return nil, "duplicate: our own beacon", "duplicate"
  end
  local ok, why, refusal = self.checks.signed(facts, "beacon", self.swarm)
  if not ok then return nil, why, refusal end
  self.own_key_at(source)
  return nil, "duplicate: signed with our own key", "duplicate"
end

-- A beacon's REST, which came over SOURCE → facts, peer, newcomer (unknown or newly booted?) | nil, text, code [, the
-- peer it speaks of].
function beacon:hear(rest, source)
  local facts, err, code = self.checks.beacon(rest)
  if not facts then return nil, err, code end
  if facts.id == self.id then return hear_own(self, facts, source) end
  local known = self.peers.by_id[facts.id]
  if known and facts.signature == known.signature and known.flows[1] then
    return nil, "duplicate: heard by another way", "duplicate", known -- by another interface, say
  end
  if known and not is_new(known, facts) then return nil, "replay: its counters did not grow", "replay", known end
  local ok, why, refusal = self.checks.signed(facts, "beacon", self.swarm)
  if not ok then return nil, why, refusal end
  self.heard = self.heard + 1
  local peer, fresh = self.peers:get(facts.id)
  local newcomer = fresh or facts.boot > peer.boot
  self.peers:told(peer, facts)
  return facts, peer, newcomer
end

-- How often each class changed here, as one table for all peers that are judged at this state, and of our T.
local function changes_now(self)
  local all, t = self.dcache:all_changes(), self:tick()
  if self.changes and self.changes_of == all and self.changes_t == t then return self.changes end
  self.changes, self.changes_of, self.changes_t = {}, all, t
  for _, class in ipairs(self.dcache:kept_classes()) do self.changes[class.name] = self.dcache:changes(class.name) end
  return self.changes
end

-- The same verdicts are one table for all peers: few combinations come up, and a node may know a thousand peers.
local function shared(self, verdicts, text)
  local made = self.verdicts[text]
  if made then return made end
  self.verdict_count = (self.verdict_count or 0) + 1
  if self.verdict_count > VERDICTS_MAX then self.verdicts, self.verdict_count = {}, 1 end
  self.verdicts[text] = verdicts
  return verdicts
end

-- Notes on PEER, class by class, what its last beacon shows against what is held now. HEARD: it has just come. A later
-- look finds no new difference: he held the same when he spoke, and has not said since whether he has what came later.
-- Nor does one find anything at all before he or we are at another state: many look, and at hundreds of peers.
-- → true where a difference was found that was not known.
function beacon:judge(peer, heard)
  local changes = changes_now(self)
  if not heard and peer.judged and peer.changes == changes then return false end
  local verdicts, text, news = {}, {}, false
  for i, class in ipairs(peer.classes) do
    local name = class.name
    local verdict, known = self:compare(peer, class), peer.unequal and peer.unequal[name]
    if verdict == "unequal" and not (heard or known) then verdict = nil end
    verdicts[name], text[i] = verdict, name .. (verdict or "")
    news = news or verdict == "unequal" and not known
    self.peers:differs(peer, name, verdict == "unequal" and (known or self.loop:now()) or nil)
  end
  peer.verdicts, peer.changes, peer.judged = shared(self, verdicts, table.concat(text, " ")), changes, true
  return news
end

-- May the difference to PEER, which his beacons show since SINCE (ms), be a gap, and not only what came here after he
-- spoke? So it is where nothing came since, where two beacons of his show it that are APART ms from each other, or
-- where nobody's beacon has been the same as ours meanwhile.
function beacon:is_gap(peer, since, apart)
  return peer.beacon_at >= self.changed_at or peer.beacon_at - since >= apart or self.same_at < since
end

local function is_alike(self, peer)
  if #peer.classes < #self.dcache:kept_classes() then return false end
  for _, class in ipairs(peer.classes) do
    if peer.verdicts[class.name] ~= "equal" then return false end
  end
  return true
end

-- PEER's beacon was heard: judged, and counted among those that may silence ours.
function beacon:count_in(peer)
  local differs = self:judge(peer, true)
  if not self.peers:stands(peer.id) then return end -- strangers to the lab silence nobody
  self.all = self.all + 1
  if is_alike(self, peer) then
    self.same, self.same_at = self.same + 1, self.loop:now()
  elseif differs then
    shorten(self)
  end
end

-- Peers living now whose digests are equal to ours, and all that could be compared; classes that differ and with whom.
-- Who leaves a class out that is kept here cannot be: he does not keep it, or lost some of it.
function beacon:sync()
  local equal, of, unlike, kept = 0, 0, {}, math.max(1, #self.dcache:kept_classes())
  for _, peer in ipairs(self.peers.list) do
    if self.peers:living(peer) and self.peers:stands(peer.id) and peer.t then
      self:judge(peer)
      local compared = #peer.classes >= kept
      for _, class in ipairs(peer.classes) do
        local verdict = peer.verdicts[class.name]
        compared = compared and verdict ~= nil
        if verdict and verdict ~= "equal" then
          unlike[#unlike + 1] = { class = class.name, peer = peer.name, why = verdict }
        end
      end
      if compared then of = of + 1 end
      if compared and is_alike(self, peer) then equal = equal + 1 end
    end
  end
  return { equal = equal, of = of, unlike = unlike }
end

return beacon
