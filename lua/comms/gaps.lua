-- gaps.lua - with whom what is unequal, and when to try again with him. Sends nothing, and repairs nothing itself.
local backoff = require "backoff"
local ordered = require "dcache.ordered"
local rank = require "rank"

local gaps = {}
gaps.__index = gaps

local PATIENCE = 3000 -- ms that digests stay unequal before anybody does something
local YOUNG = 10 * 1000 -- a node that young asks at once
-- ms; longer than quick is at most, since each exchange lists IDs
local RETRY_FIRST, RETRY_MOST = 3000, 5 * 60 * 1000

--- given.loop, random, dcache, peers, beacon, confirm, id
function gaps.new(given)
  local self = setmetatable({ backoff = {}, started = given.loop:now() }, gaps)
  for _, name in ipairs { "loop", "random", "dcache", "peers", "beacon", "confirm", "id" } do
    self[name] = given[name]
  end
  return self
end

-- The names CLASSES in the order in which they are repaired: in a lab it depends on the first whose words are taken.
local function in_order(self, classes)
  if self.dcache.trust.lab then table.sort(classes, ordered.comes_first) end
  return classes
end

--- Names of the classes of which PEER's newest beacon tells a digest that is unequal to ours; since when (ms).
function gaps:unequal(peer)
  local list, oldest = {}, nil
  self.beacon:judge(peer)
  for _, class in ipairs(peer.classes) do
    local since = peer.unequal and peer.unequal[class.name]
    if since then
      list[#list + 1] = class.name
      oldest = math.min(oldest or since, since)
    end
  end
  return in_order(self, list), oldest
end

--- May something be done now about what is unequal to PEER SINCE then (ms)?
function gaps:ready(peer, since)
  local wait, now = self.backoff[peer.id], self.loop:now()
  if wait and now < wait.till then return false end
  local young = now - self.started < YOUNG or now - peer.first < PATIENCE and self.id < peer.id
  return young or now - since >= PATIENCE and self.beacon:is_gap(peer, since, PATIENCE)
end

--- Can there be anything to repair with anybody? Asked at each beacon, so it looks at no digest.
function gaps:any()
  if self.confirm:listens() then return true end
  for _, peer in ipairs(self.peers.list) do
    if peer.unequal then return true end
  end
  return false
end

--- What to repair with PEER: the classes that are unequal, at the T of his beacon; else the classes in doubt here about
-- which his digest tells nothing, at our own T, since his list tells (confirm.lua).
-- → { peer =, classes =, t = s, asked = bool } or nil, since when they are unequal (ms) or nil
function gaps:option(peer)
  local classes, since
  if peer.unequal then classes, since = self:unequal(peer) end
  if since then return { peer = peer, classes = classes, t = peer.t }, since end
  local asked = in_order(self, self.confirm:asks(peer))
  return asked[1] and { peer = peer, classes = asked, t = self.beacon:tick(), asked = true }
end

--- Of IDS the one to repair with: members go first, as their words are what counts.
function gaps:first(ids)
  local members = {}
  for _, id in ipairs(ids) do
    if self.dcache.trust:is_member(id) then members[#members + 1] = id end
  end
  return rank.of(self.id, members[1] and members or ids)[1]
end

--- Nothing was to be had of PEER: later, and later each time.
function gaps:put_off(peer)
  local waits = self.backoff[peer.id]
  for id in pairs(self.backoff) do -- any order
    if not self.peers.by_id[id] then self.backoff[id] = nil end -- else keys made for it could fill the memory
  end
  waits = waits or backoff.quick(self.random, RETRY_FIRST, RETRY_MOST)
  waits.till = self.loop:now() + waits:next()
  self.backoff[peer.id] = waits
end

--- Something was to be had of PEER.
function gaps:forget(peer) self.backoff[peer.id] = nil end

return gaps
