-- others.lua - the newest `health` word of each other node of the site, and whether it is still true. Says nothing.
--
-- A word is stale when it is older than it was to be valid, by the clock that nobody can set: then it says neither that
-- its signer is well nor that he is ill.
local checks = require "clients.diagnostics.checks"
local health_form = require "clients.diagnostics.health_form"
local json = require "core.json"
local listeners = require "listeners"
local newest_words = require "newest_words"

local others = {}
others.__index = others

--- given.loop
--- given.id      this node's ID
--- given.listed  fn(id) → is that node one of those who are listed (clients/discovery/said.lua)?
function others.new(given)
  return setmetatable({ id = given.id, words = newest_words.new(given), heard = listeners.new() }, others)
end

--- FN(id) after each newer word of node ID; → a function that takes it off again.
function others:on_word(fn) return self.heard:add(fn) end

--- ST, a statement in a bucket of health, was taken in.
function others:hear(st)
  if st.signer == self.id or st.key ~= st.signer then return end
  local word = self.words:take(st)
  if not word then return end
  word.dismissed = st.verb ~= "propose"
  word.said = health_form.read(st.verb == "propose" and json.decode(st.data) or nil)
  self.heard:call(st.signer)
end

--- IDs of those who said something, in any order.
function others:ids()
  local list = {}
  for i, id in self.words:each() do list[i] = id end
  return list
end

--- What node ID said last of its body → { level ("ok", "warn", "error", nil: unknown, or stale), stale, age_ms, said =
--- as health_form.read has it } | nil: it said nothing, or took it back.
function others:of(id)
  local word = self.words:get(id)
  if not word or word.dismissed then return nil end
  local age, stale = self.words:age(word)
  return { level = not stale and word.said.counts and checks.level_of(word.said.counts) or nil, stale = stale,
    age_ms = age, said = word.said }
end

--- Of how many nodes a word counts, which is neither stale nor taken back.
function others:spoken()
  local n = 0
  for _, _, word in self.words:each() do
    if not word.dismissed and not select(2, self.words:age(word)) then n = n + 1 end
  end
  return n
end

--- What is bounded here, as bounded.lua's rows.
function others:bounds() return { self.words:row "health" } end

return others
