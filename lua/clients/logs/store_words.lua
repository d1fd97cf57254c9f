-- store_words.lua - what each node's store said last of itself: what it holds, does, takes. Says and decides nothing.
local forms = require "dcache.forms"
local json = require "core.json"
local newest_words = require "newest_words"

local store_words = {}
store_words.__index = store_words

--- given.loop
--- given.listed  fn(id) → is that node one of those who are listed?
function store_words.new(given) return setmetatable({ words = newest_words.new(given) }, store_words) end

-- How fast each file came between two words of one store, where that is known: `rate`, percent a second.
local function compare(said, before, ms)
  local known = {}
  for _, one in ipairs(before.said and before.said.doing or {}) do known[one.c] = one.p end
  for _, one in ipairs(said.doing) do
    local came = one.p - (known[one.c] or one.p)
    if came > 0 and ms > 0 then one.rate = came * 1000 / ms end
  end
end

--- ST, a statement in a bucket of stores, was taken in.
function store_words:hear(st)
  if st.key ~= st.signer or st.bucket ~= ("pri/%s/store"):format(st.signer) then return end
  local word, known = self.words:take(st)
  if not word then return end
  local data = st.verb == "propose" and json.decode(st.data)
  word.said = data and forms.read(st.bucket, st.key, data)
  if word.said and known then compare(word.said, known, word.heard - known.heard) end
end

local function row_of(self, id, word)
  local age, is_over = self.words:age(word)
  if not word.said or is_over then return nil end
  local row = { id = id, age = age }
  for name, value in pairs(word.said) do row[name] = value end -- any order
  return row
end

--- What node ID's store said last | nil: nothing, or it is over. A row: { id, bytes, files, free (bytes; nil: unknown),
--- take, domain (nil: its own; false: a carrier's), doing = array of { c = last 16 letters of a CID, p = percent,
--- rate = percent a second | nil }, waits = array of { bytes, n, why }, age = ms }
function store_words:of(id)
  local word = self.words:get(id)
  return word and row_of(self, id, word)
end

--- Such rows of all, by ID.
function store_words:rows()
  local rows = {}
  for _, id, word in self.words:each() do rows[#rows + 1] = row_of(self, id, word) end
  table.sort(rows, function(a, b) return a.id < b.id end)
  return rows
end

--- What is bounded here, as bounded.lua's rows.
function store_words:bounds() return { self.words:row "stores" } end

return store_words
