-- said.lua - what each node said last of itself in its `peer` word, when that came here, and by whom. Judges no status.
--
-- A word may come from its signer or from others who pass it on, over any channel; who is known by these alone was
-- never heard here. A word of no newer AT is a copy of what is known, or a replay: it shows nothing of its signer.
local bounded = require "bounded"
local forms = require "dcache.forms"
local json = require "core.json"

local said = {}
said.__index = said

local ROWS_MAX <const> = 1024
local LIFE_MAX <const> = 20 * 60 * 1000 -- ms that a word is valid, whatever it says itself
local LOOK_AGAIN <const> = 1000 -- ms in which nobody of less worth than all that are here is taken in
local ADDRESSES_MAX <const> = 1024 -- nodes of which it is known where they say that they can be met
local LOST <const> = 21 * 60 * 1000 -- ms after which who is far away is lost
local STATES <const> = { ready = true, booting = true, busy = true, updating = true, ["low-battery"] = true,
  left = true }
local LEVELS <const> = { ok = true, warn = true, error = true }
local WHY_BYTES <const>, SITE_BYTES <const> = 40, 24

--- given.loop
--- given.peers  comms/peers.lua
--- given.seen   seen.lua: who proved an address once
function said.new(given)
  return setmetatable({ loop = given.loop, peers = given.peers, seen = given.seen, full_till = 0, full_worth = 0,
    words = bounded.new { limit = ROWS_MAX }, places = bounded.new { limit = ADDRESSES_MAX } }, said)
end

local function text_or_nothing(value, most)
  return type(value) == "string" and (not most or #value <= most) and value or nil
end

-- Which policy somebody runs: 8 digits, and ! before them if a newer one was refused there.
local function policy_of(value)
  return type(value) == "string" and value:find "^!?%x%x%x%x%x%x%x%x$" and value or nil
end

--- Is VALUE a level that a node may be at?
function said.is_level(value) return LEVELS[value] == true end

-- What matters of the DATA of a `peer` word, which is whatever its signer liked to say, beside his name. There are a
-- thousand such tables: with more than eight members one takes twice the memory, so those that few have come last.
local function facts_of(data)
  local facts = { type = text_or_nothing(data.type), version = text_or_nothing(data.version),
    clock = text_or_nothing(data.clock), state = STATES[data.state] and data.state or nil,
    level = said.is_level(data.level) and data.level or nil, site = text_or_nothing(data.site, SITE_BYTES),
    boot = math.type(data.boot) == "integer" and data.boot or nil, policy = policy_of(data.policy) }
  facts.why, facts.clone = text_or_nothing(data.why, WHY_BYTES), data.clone == true or nil
  return facts
end

local function worth(self, word)
  local row, peer = self.seen.rows[word.id], self.peers.by_id[word.id]
  local is_proved = row and row.proved or peer and self.peers:best(peer) ~= nil
  return (self.peers:stands(word.id) and 2 or 0) + (is_proved and 1 or 0)
end

-- Who goes first where there are too many: strangers to the lab, then who proved no address; of equal ones who is lost
-- for the longest time, else the last that came. → the word, its worth, is he lost?
local function least(self)
  local worst, worst_worth, is_lost, now = nil, nil, false, self.loop:now()
  for _, _, word in self.words:each() do
    local value = worth(self, word)
    if not worst or value < worst_worth or value == worst_worth and (not is_lost or word.heard < worst.heard) then
      worst, worst_worth, is_lost = word, value, now - word.heard > LOST
    end
  end
  return worst, worst_worth, is_lost
end

-- Makes room for WORD. Whoever makes up keys takes no place from those who were here before, and costs no look at all
-- of them each time. → is there room?
local function make_room(self, word)
  if self.words:get(word.id) or self.words:count() < ROWS_MAX then return true end
  local now, value = self.loop:now(), worth(self, word)
  self.words.dropped = self.words.dropped + 1
  if now < self.full_till and value <= self.full_worth then return false end
  local worst, worst_worth, is_lost = least(self)
  if value < worst_worth or value == worst_worth and not is_lost then
    self.full_till, self.full_worth = now + LOOK_AGAIN, value
    return false
  end
  self.words:forget(worst.id)
  return true
end

local function is_own_flow(peer, source)
  for _, flow in ipairs(peer.flows) do
    if source and flow.source.id == source.id then return true end
  end
  return false
end

-- What ST, which came over SOURCE, says. Eight members, as above; that it bears no time is rare.
local function word_of(self, st, source)
  local data = st.verb == "propose" and forms.read("peer", st.key, json.decode(st.data)) or {}
  local word = { id = st.signer, at = st.at, heard = self.loop:now(), facts = facts_of(data),
    kind = source and source.channel.kind, name = text_or_nothing(data.name) }
  word.undated = st.valid_from == 0 or nil
  word.valid_till = word.heard + math.min(math.max(st.valid_until * 1000 - st.at, 0), LIFE_MAX)
  return word
end

--- SIGNER said ST, a statement in `peer`, which came over SOURCE (nil: nobody knows). → what is known of him now, as
--- `of` has it; is it news?
function said:hear(st, source)
  local known, peer = self.words:get(st.signer), self.peers.by_id[st.signer]
  if known and st.at <= known.at then return known, false end
  local word = word_of(self, st, source)
  word.name = word.name or known and known.name
  if peer and not is_own_flow(peer, source) then self.peers:brought(peer) end
  if make_room(self, word) then self.words:put(st.signer, word) end
  return word, true
end

-- ST is of the same signer as his WORD. If it is newer than all that is known of him, he was there to say it.
local function lives(self, word, st)
  if st.verb ~= "propose" or st.at <= math.max(word.at, word.met_at or 0) then return end
  word.met_at, word.heard = st.at, self.loop:now()
end

--- ST, a statement of its signer's addresses, was taken in: the first of them is where he says that he can be met.
function said:met(st)
  local word = self.words:get(st.signer)
  if word then lives(self, word, st) end
  local data = st.verb == "propose" and forms.read(st.bucket, st.key, json.decode(st.data))
  if data then self.places:put(st.signer, data.at[1]) else self.places:forget(st.signer) end
end

--- What node ID said last → { id, at = AT, undated = true or nil, heard = ms of the loop's clock, facts, kind = of the
--- channel that it came by, name = that he was called last, valid_till = as heard } | nil. Not to be changed.
function said:of(id) return self.words:get(id) end

--- Where node ID says that it can be met, a multiaddress | nil
function said:place(id) return self.places:get(id) end

--- For `for _, id, word in said:each()`: words as `of` has them.
function said:each() return self.words:each() end

--- What is bounded here, as bounded.lua's rows.
function said:bounds() return { self.words:row "rows" } end

return said
