-- init.lua - what this node holds: journal, index and law as one thing. Checks no signature, speaks to nobody.
local json = require "core.json"
local text = require "core.text"
local statement = require "core.statement"
local record = require "core.record"
local own = require "dcache.own"

local dcache = {}
dcache.__index = dcache

local FOREIGN_BYTES = 64 * 1024 -- others' words are synced at that many bytes …
local TICK = 16 * 1000 -- ms
local LATE = 32 -- s that an ended word is kept, so that digests of the last two ticks can be compared
local COMPACT_BYTES = 256 * 1024 -- a step

local function families(classes)
  local seen, list = {}, {}
  for _, class in ipairs(classes) do
    local name = tostring(class.max_ttl)
    if class.kept and not seen[name] then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

local function lookup(self)
  self.by_name = {}
  for _, class in ipairs(self.class_list) do
    self.by_name[class.name] = { class = class, law = self.index:law(class.name), family = tostring(class.max_ttl) }
  end
end

-- Every word in the journal comes back into the index; its signature was checked when it was taken in.
local function replay(self)
  self.journal:replay(function(_family, line, place)
    local st = statement.parse(line)
    local ok, old_place, word
    if st then ok, old_place, word = self.index:put(st, place) end
    if ok and old_place then self.journal:drop(old_place, word) end
    if not ok then
      self.journal:drop(place, #line)
      if st and word ~= "older" and word ~= "duplicate" then self.refused(word or "form") end
    elseif st.signer == self.id then
      self.words:heard(st.at)
    end
  end)
end

-- loop, time, journal, classes (array), id, key, swarm, log, refused(word), flush = ms; last = no own word was stamped
-- later before, keep_last(ms) → true | nil, text (own.lua).
function dcache.new(given)
  local self = setmetatable({ listeners = {} }, dcache)
  for _, name in ipairs { "loop", "time", "journal", "id", "key", "swarm", "log", "refused" } do
    self[name] = given[name]
  end
  self.flush_ms = given.flush or 30 * 1000
  self.class_list = given.classes
  self.index = record.new(self.class_list)
  self.unsure, self.changed = {}, {}
  self.words = own.new { time = given.time, key = given.key, id = given.id, swarm = given.swarm, log = given.log,
    last = given.last, keep = given.keep_last }
  lookup(self)
  replay(self)
  return self
end

dcache.families = families

-- Families whose journal lost something: their classes are shown, not acted on, until a digest agrees.
function dcache:doubt(family)
  for _, class in ipairs(self.class_list) do
    if tostring(class.max_ttl) == family and class.kept then self.unsure[class.name] = true end
  end
end

-- A neighbour's digest of CLASS was equal to ours: what was lost has come back, or nothing was.
function dcache:agreed(class)
  if not self.unsure[class] then return end
  self.unsure[class] = nil
  self.log:info("dcache", "a neighbour agrees", { class = class })
end

-- May the records of CLASS be acted on?
function dcache:sure(class) return not self.unsure[class] end

function dcache:start()
  self.timers = {
    self.loop:every(TICK, function() self:tidy() end),
    self.loop:every(self.flush_ms, function() self:flush() end),
  }
end

function dcache:stop()
  for _, timer in ipairs(self.timers or {}) do timer:cancel() end
  self:flush()
  self.journal:close()
end

-- Syncs what is only in memory; a failure keeps the lines there and is tried again.
function dcache:flush()
  if self.journal:unsynced() == 0 then return true end
  local ok, err, word = self.journal:flush(true)
  if not ok then
    self.refused "disk"
    self.log:error("dcache", "could not sync", { why = err })
  end
  return ok, err, word
end

local function forget(self, dropped)
  for _, entry in ipairs(dropped) do self.journal:drop(entry.place, entry.size) end
end

-- Forgets what nobody remembers any more; only proved time may.
function dcache:tidy()
  local now = self.time:proved_now()
  if now then
    local _, dropped = self.index:expire(now // 1000 - LATE)
    forget(self, dropped)
    self.journal:expire(now // 1000 - LATE)
  end
  self:compact()
end

-- The time became proved: words from the future, taken in while nobody could tell, go. → how many.
function dcache:drop_future(now)
  local n, dropped = self.index:drop_future(now)
  forget(self, dropped)
  if n == 0 then return 0 end
  for _, class in ipairs(self.class_list) do self.changed[class.name] = self:changes(class.name) + 1 end
  self.refused("future", n)
  self.log:warn("dcache", "words of the future dropped", { words = n })
  return n
end

-- One small step of giving room back; a line is alive where the index says that it lies.
function dcache:compact()
  local function entry_of(line)
    local st = statement.parse(line)
    return st and self.index:get(st.short)
  end
  local ok, err = self.journal:compact_step(COMPACT_BYTES, function(line, place)
    local entry = entry_of(line)
    return entry ~= nil and entry.place == place
  end, function(line, place)
    self.index:place(entry_of(line).short, place)
  end)
  if not ok then self.log:once("compact", "error", "dcache", "could not compact the journal", { why = err }) end
end

-- Would this word be taken in? "new" | nil, text, word. Changes nothing; the signature comes after.
function dcache:offer(st) return self.index:offer(st, self.time:proved_now()) end

function dcache:class_of(bucket)
  local name = self.index:class(bucket)
  return name and self.by_name[name]
end

function dcache:kept(bucket)
  local found = self:class_of(bucket)
  return found ~= nil and found.class.kept
end

-- END of a word, in Unix seconds (spec/PROTOCOL.md): it depends on the statement and the class's constant alone.
local function ends(st, max_ttl) return ((st.at + 999) // 1000 + 600 + max_ttl + 15) // 16 * 16 end

-- Takes in a word whose signature was checked: true | nil, text, word.
function dcache:take(st)
  local found, place = self:class_of(st.bucket), nil
  if found.class.kept then
    local err, word
    place, err, word = self.journal:append(found.family, st.line, ends(st, found.class.max_ttl))
    if not place then return nil, err, word end
  end
  local ok, old_place, old_size = self.index:put(st, place)
  if not ok then
    if place then self.journal:drop(place, st.size) end
    return nil, old_place, old_size
  end
  if math.type(old_place) == "integer" then self.journal:drop(old_place, old_size) end
  if place and self.journal:unsynced() >= FOREIGN_BYTES then self:flush() end
  if st.signer == self.id then self.words:heard(st.at) end -- said before we were started again, perhaps
  self.changed[found.class.name] = self:changes(found.class.name) + 1
  for _, listener in ipairs(self.listeners) do listener(st) end
  return true
end

-- How many words a class took in since the start: equal numbers mean an equal set.
function dcache:changes(class) return self.changed[class] or 0 end

-- fn(st) after each word taken in.
function dcache:on_change(fn) table.insert(self.listeners, fn) end

-- Signs and keeps an own word; a kept one is on the disk before this returns. → st | nil, text, word.
function dcache:own(verb, bucket, data, options)
  local found = self:class_of(bucket)
  if not found then return nil, "class: no class has the bucket " .. bucket, "class" end
  local st, err, word = self.words:make(verb, bucket, data, options, found.class.max_ttl)
  if not st then return nil, err, word end
  local ok
  ok, err, word = self:take(st)
  if not ok then return nil, err, word end
  if self:kept(bucket) then
    ok, err = self:flush()
    if not ok then self.log:warn("dcache", "own word not yet on the disk", { bucket = bucket, why = err }) end
  end
  return st
end

local function text_of(self, entry)
  if entry.text then return entry.text end
  local line, err = self.journal:read(entry.place, entry.size)
  if not line then
    self.refused "disk"
    self.log:once("read " .. entry.place, "error", "dcache", "a record cannot be read", { why = err })
  end
  return line
end

-- The line of the word with that short ID, or nil.
function dcache:line(short)
  local entry = self.index:get(short)
  return entry and text_of(self, entry)
end

local function fields(self, st, now)
  local valid = st.valid_from <= now and now <= st.valid_until
  return { verb = st.verb, bucket = st.bucket, key = st.key, signer = st.signer, at = st.at,
    data = json.decode(st.data),
    valid_from = st.valid_from, valid_until = st.valid_until, holds = valid and st.verb == "propose",
    mine = st.signer == self.id, size = st.size }
end

-- Words in a bucket, oldest first: { bucket, key, signer, data, at, valid_from, valid_until, verb, holds, mine }.
function dcache:records(bucket)
  local list, now = {}, self.time:now() // 1000
  for _, entry in ipairs(self.index:bucket(bucket)) do
    local line = text_of(self, entry)
    local st = line and statement.parse(line)
    if st then list[#list + 1] = fields(self, st, now) end
  end
  return list
end

function dcache:digest(class, t) return self.index:digest(class, t) end
function dcache:ids(class, t, after, most) return self.index:ids(class, t, after, most) end
function dcache:has(short) return self.index:has(short) end

function dcache:law(class)
  local found = self.by_name[class]
  return found and found.class.kept and found.law
end

-- Facts of every class, by name: { name, count, digest, law, kept, unsure }; hashes as hex, the digest at this tick.
function dcache:classes()
  local list, t = {}, self.time:now() // TICK * 16
  for i, class in ipairs(self.class_list) do
    local digest = class.kept and self.index:digest(class.name, t)
    list[i] = { name = class.name, count = self.index:count(class.name), kept = class.kept or false,
      digest = digest and text.hex(digest), law = text.hex(self.by_name[class.name].law),
      unsure = self.unsure[class.name] or false }
  end
  return list
end

-- Buckets that have records: { name, count }, by name.
function dcache:buckets()
  local list = {}
  for i, name in ipairs(self.index:buckets()) do list[i] = { name = name, count = #self.index:bucket(name) } end
  return list
end

-- Kept classes by name: { name =, law = 8 bytes }.
function dcache:kept_classes()
  local list = {}
  for _, class in ipairs(self.class_list) do
    if class.kept then list[#list + 1] = { name = class.name, law = self.by_name[class.name].law } end
  end
  return list
end

return dcache
