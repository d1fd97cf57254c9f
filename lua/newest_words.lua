-- newest_words.lua - of each signer the newest statement of one kind that was heard, bounded. Reads no DATA.
--
-- A word is { at = its AT (ms), heard = when it was taken in, life = ms that it holds from then } by the loop's clock,
-- which nobody can set; who takes it adds what it says. Keys cost nothing to make, so where there is no place who is
-- not listed gets none, and gives way to who is.
local bounded = require "bounded"

local newest_words = {}
newest_words.__index = newest_words

local WORDS_MAX <const> = 1024
local LIFE_MAX <const> = 20 * 60 * 1000 -- ms, as the classes of such words have it

--- given.loop
--- given.listed  fn(id) → is that node one of those who are listed (clients/discovery/said.lua)?
function newest_words.new(given)
  local function victim(things) -- who is not listed, else the oldest
    for at, id in things:each() do
      if not given.listed(id) then return at end
    end
    return 1
  end
  return setmetatable({ loop = given.loop, listed = given.listed,
    words = bounded.new { limit = WORDS_MAX, victim = victim } }, newest_words)
end

local function has_room(self, id)
  if self.words:count() < WORDS_MAX or self.listed(id) then return true end
  self.words.dropped = self.words.dropped + 1
  return false
end

--- ST was taken in. → its word, and the one before | nil; or nothing: it is no newer one, or there is no place
function newest_words:take(st)
  local known = self.words:get(st.signer)
  if known and st.at <= known.at or not known and not has_room(self, st.signer) then return end
  local word = { at = st.at, heard = self.loop:now(),
    life = math.min(math.max(st.valid_until * 1000 - st.at, 0), LIFE_MAX) }
  self.words:put(st.signer, word)
  return word, known
end

--- The word of node ID | nil
function newest_words:get(id) return self.words:get(id) end

--- For `for i, id, word in …`
function newest_words:each() return self.words:each() end

--- How long ago WORD was heard (ms), and is that longer than it holds?
function newest_words:age(word)
  local age = self.loop:now() - word.heard
  return age, age > word.life
end

--- What is bounded here under NAME, as bounded.lua's row.
function newest_words:row(name) return self.words:row(name) end

return newest_words
