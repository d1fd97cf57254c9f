-- trust_words.lua - the statements that say who is what in a lab, read for authority.lua: those of keys that may say
-- it, and what each robot says of its own enrolment. Judges none.
--
-- Any member may fill buckets of `trust/…` with words that never count. These are not read: neither memory nor time may
-- rest on what a stolen key of one robot says. Who may say something follows from few statements: keys of the first
-- root and of all that were proposed from there on, and whom these make admins.
local said = require "dcache.authority_said"
local slices = require "slices"

local trust_words = {}
trust_words.__index = trust_words

local ENROLLED <const> = "trust/enrolled"
local READ <const> = 3 -- units of work (lua/slices.lua) for a statement that is read from the disk

--- given.index      core.record
--- given.read       fn(entry) → the statement as a table, as reading.lua gives it | nil
--- given.root       root 1 of the lab
--- given.accepted   fn() → the highest root that was ever acted on | nil
function trust_words.new(given)
  local self = setmetatable({ known = {}, others = {}, signers = {} }, trust_words)
  for _, name in ipairs { "index", "read", "root", "accepted" } do self[name] = given[name] end
  return self
end

-- The statement with that short ID, read from the disk only once | nil
local function fetch(self, look, short)
  local one = look.by_short[short] or self.known[short]
  if one then return one end
  local entry = self.index:get(short) -- it may have moved between two slices
  if not entry then return nil end
  slices.step(READ)
  return self.read(entry)
end

local function keep(look, one)
  if not one or look.by_short[one.short] then return end
  look.by_short[one.short] = one
  table.insert(look.list, one)
end

-- What SIGNER says in BUCKET.
local function words_of(self, look, bucket, signer)
  local list, shorts = {}, self.index:shorts(bucket, signer)
  slices.step(#shorts / 50 + 1)
  for _, short in ipairs(shorts) do
    local one = fetch(self, look, short)
    keep(look, one)
    list[#list + 1] = one
  end
  return list
end

local function each_good(list, fn)
  for _, st in ipairs(list) do
    if st.verb == "propose" and not st.malformed then fn(st.data, st.key) end
  end
end

-- Who may say something: keys of roots, then whom these call admins.
local function heeded(self, look)
  local list, seen = {}, {}
  local function add(id)
    if not seen[id] then seen[id], list[#list + 1] = true, id end
  end
  for _, root in ipairs { self.root, self.accepted() } do
    for _, id in ipairs(root.keys) do add(id) end
  end
  local i = 0
  while list[i + 1] do
    i = i + 1
    each_good(words_of(self, look, "trust/root", list[i]), function(data)
      for _, id in ipairs(data.keys) do add(id) end
    end)
  end
  for k = 1, i do
    each_good(words_of(self, look, "trust/grants", list[k]), function(data, id)
      if data.role == "admin" then add(id) end
    end)
  end
  return list
end

-- A robot enrols itself: of what it says of others nothing is remembered but that it is no news.
local function enrolments(self, look)
  local others, shorts = {}, self.index:shorts(ENROLLED)
  slices.step(#shorts / 50 + 1)
  for _, short in ipairs(shorts) do
    local one = not self.others[short] and fetch(self, look, short)
    if one and one.key == one.signer then keep(look, one) else others[short] = true end
  end
  self.others = others
end

--- → array of all statements that count or could, the same by short ID; not to be changed
function trust_words:all()
  local look = { list = {}, by_short = {} }
  enrolments(self, look)
  local signers = {}
  for _, signer in ipairs(heeded(self, look)) do
    signers[signer] = true
    for _, bucket in ipairs(said.BUCKETS) do
      if bucket ~= ENROLLED then words_of(self, look, bucket, signer) end
    end
  end
  self.known, self.signers = look.by_short, signers
  return look.list, look.by_short
end

--- Are words of ID about others part of that?
function trust_words:heeds(id) return self.signers[id] == true end

return trust_words
