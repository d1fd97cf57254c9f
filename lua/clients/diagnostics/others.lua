-- others.lua - the newest `health` word of each other node of the site, and whether it is still true. Says nothing.
--
-- A word is stale when it is older than it was to be valid, by the clock that nobody can set: then it says neither that
-- its signer is well nor that he is ill.
local bounded = require "bounded"
local checks = require "clients.diagnostics.checks"
local health_form = require "clients.diagnostics.health_form"
local json = require "core.json"
local listeners = require "listeners"

local others = {}
others.__index = others

local WORDS_MAX <const> = 1024
local LIFE_MAX <const> = 20 * 60 * 1000 -- ms, as the class has it

--- given.loop
--- given.id      this node's ID
--- given.listed  fn(id) → is that node one of those who are listed (clients/discovery/said.lua)?
function others.new(given)
  local function victim(list) -- who is not listed, else the oldest
    for at, entry in ipairs(list) do
      if not given.listed(entry.key) then return at end
    end
    return 1
  end
  return setmetatable({ loop = given.loop, id = given.id, listed = given.listed,
    words = bounded.new { limit = WORDS_MAX, victim = victim }, heard = listeners.new() }, others)
end

--- FN(id) after each newer word of node ID; → a function that takes it off again.
function others:on_word(fn) return self.heard:add(fn) end

-- Keys cost nothing to make: who has one and is not listed gets no place where there is none.
local function has_room(self, id)
  if self.words:count() < WORDS_MAX or self.listed(id) then return true end
  self.words.dropped = self.words.dropped + 1
  return false
end

--- ST, a statement in a bucket of health, was taken in.
function others:hear(st)
  if st.signer == self.id or st.key ~= st.signer then return end
  local known = self.words:get(st.signer)
  if known and st.at <= known.at or not known and not has_room(self, st.signer) then return end
  local word = { at = st.at, heard = self.loop:now(), dismissed = st.verb ~= "propose",
    life = math.min(math.max(st.valid_until * 1000 - st.at, 0), LIFE_MAX) }
  word.said = health_form.read(st.verb == "propose" and json.decode(st.data) or nil)
  self.words:put(st.signer, word)
  self.heard:call(st.signer)
end

--- IDs of those who said something, in any order.
function others:ids()
  local list = {}
  for i, entry in self.words:each() do list[i] = entry.key end
  return list
end

--- What node ID said last of its body → { level ("ok", "warn", "error", nil: unknown, or stale), stale, age_ms, said =
--- as health_form.read has it } | nil: it said nothing, or took it back.
function others:of(id)
  local word = self.words:get(id)
  if not word or word.dismissed then return nil end
  local age = self.loop:now() - word.heard
  local stale = age > word.life
  return { level = not stale and word.said.counts and checks.level_of(word.said.counts) or nil, stale = stale,
    age_ms = age, said = word.said }
end

--- Of how many nodes a word counts, which is neither stale nor taken back.
function others:spoken()
  local n, now = 0, self.loop:now()
  for _, entry in self.words:each() do
    local word = entry.value
    if not word.dismissed and now - word.heard <= word.life then n = n + 1 end
  end
  return n
end

--- What is bounded here, as bounded.lua's rows.
function others:bounds() return { self.words:row "health" } end

return others
