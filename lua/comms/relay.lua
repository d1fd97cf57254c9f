-- relay.lua - soft words of others that go from here to other places: who passes each on, and how often. Says none.
--
-- All nodes on a medium hear such a word, and several may have a way to the same place: the two ranked first for it
-- pass it on at once. The others wait: what comes from there meanwhile tells that it has arrived, and only where
-- nothing comes they say it, too, since nobody knows which ways the first two have. Words are renewed again and again:
-- one that says what was last said there, by either side, goes only once in 14 minutes, before it is over there.
local bounded = require "bounded"
local hash = require "core.hash"
local rank = require "rank"
local text = require "core.text"

local relay = {}
relay.__index = relay

local FIRST <const> = 2 -- nodes that speak at once
local WAIT_MS <const> = 30 * 1000 -- of the others
local SPAN <const> = 14 * 60 * 1000 -- ms of AT, of which one word goes where they say the same
local SLOTS_MAX = 4096 -- of one channel, of which it is known what was said last: two of each robot

--- given.loop, given.id (this node's)
--- given.peers  comms/peers.lua
--- given.kept   fn(bucket) → is what is said there kept?
function relay.new(given)
  return setmetatable({ loop = given.loop, id = given.id, peers = given.peers, kept = given.kept, said = {} }, relay)
end

-- Numbers and short texts, since a node may know thousands of slots on each of its channels.
local function slot_of(st)
  return (("<i8"):unpack(hash.blake2b(("%s %s %s"):format(st.bucket, st.key, st.signer))))
end

local function data_of(st) return hash.blake2b(st.verb .. " " .. st.data):sub(1, 8) end

local FORM <const> = "<i8i8c8I1" -- when it was said (ms), its AT, what, is that enough?
local LEAST_MS <const> = 4 * 60 * 1000 -- between two words that say the same, whatever stamps they bear

local function is_on(self, peer, channel)
  return self.peers:living(peer) and self.peers:speaks_on(peer, channel.name)
end

-- Are we among the first for ST, of all that speak on the medium CHANNEL?
local function is_first(self, st, channel)
  local ids = { self.id }
  for _, peer in ipairs(self.peers.list) do
    if peer.id ~= self.id and peer.id ~= st.signer and is_on(self, peer, channel) then ids[#ids + 1] = peer.id end
  end
  return rank.is_among(FIRST, text.base64url(st.short), ids, self.id)
end

--- Is it for us to tell ST elsewhere, where nobody heard it yet? It is, unless others are ranked before us on a medium
--- on which its signer speaks.
function relay:leads(st)
  local peer = self.peers.by_id[st.signer]
  for _, flow in ipairs(peer and peer.flows or {}) do
    local channel = flow.source.channel
    if channel.traits.medium and self.peers:speaks(peer, flow) and not is_first(self, st, channel) then return false end
  end
  return true
end

-- What was last said on the channel NAME in the slot of ST, by either side → { said = when (ms), at = its AT, same: is
-- it what ST says? enough: was it said often enough for some that lost it once? } | nil. Behind that: as what the two
-- are kept.
local function last_said(self, st, name)
  local slot, data = slot_of(st), data_of(st)
  local last = self.said[name] and self.said[name]:get(slot)
  if not last then return nil, slot, data end
  local said, at, before, enough = FORM:unpack(last)
  return { said = said, at = at, same = data == before, enough = enough == 1 }, slot, data
end

--- The soft word ST was said on the channel NAME, by us or by the other side. A copy of what was said there, or of what
--- is older, which somebody missed, is none that its renewal has to wait for.
function relay:note(name, st)
  if self.kept(st.bucket) then return end
  local last, slot, data = last_said(self, st, name)
  if last and st.at <= last.at then return end
  self.said[name] = self.said[name] or bounded.new { limit = SLOTS_MAX }
  local enough = not last or last.same -- what changed is told twice
  self.said[name]:put(slot, FORM:pack(self.loop:now(), st.at, data, enough and 1 or 0))
end

--- What stands at PLACE of LIST (core.batch), which is held here, was said on the channel NAME by the other side.
function relay:hear(name, list, place)
  if not self.kept(list:bucket(place)) then self:note(name, list:statement(place)) end
end

-- Spans begin at another time for each SLOT (its hash), but at the same one on all nodes: else each on the way would
-- let through another renewal, and the last of them few.
local function span(at, slot) return (at + (slot & 0xffffffff) % SPAN) // SPAN end

-- Was what ST says the last there of its slot, often enough, by a word of the same span?
local function is_known(self, st, to)
  local last, slot = last_said(self, st, to.name)
  return last and last.same and last.enough and
    (span(st.at, slot) <= span(last.at, slot) or self.loop:now() - last.said < LEAST_MS)
end

--- Does ST say what was last said on the channel NAME in its slot? nil: nothing was, or its bucket is kept.
function relay:renews(name, st)
  if self.kept(st.bucket) then return nil end
  local last = last_said(self, st, name)
  return last and last.same
end

--- How long ST, which came from SOURCE (nil: our own), waits for the channel TO (facts as comms:channel_up has them):
--- ms, 0 for what is kept or said here; false: it is not said there.
function relay:wait(st, source, to)
  if self.kept(st.bucket) or to.medium and to.near then return 0 end
  local is_sure = not source and to.alive_at and to.alive_at()
  if is_sure and is_known(self, st, to) then return false end
  if not source then return 0 end
  if is_known(self, st, to) then return false end
  return source.channel.traits.medium and not is_first(self, st, source.channel) and WAIT_MS or 0
end

--- That channel is no more.
function relay:forget(name) self.said[name] = nil end

return relay
