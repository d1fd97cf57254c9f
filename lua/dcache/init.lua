-- init.lua - what this node holds: journal, index and law as one thing. Checks no signature, speaks to nobody.
local backoff = require "backoff"
local record = require "core.record"
local meaning = require "dcache.meaning"
local reading = require "dcache.reading"
local replay = require "dcache.replay"
local signer = require "dcache.signer"
local syncing = require "dcache.syncing"
local upkeep = require "dcache.upkeep"
local doubts = require "dcache.doubts"
local expiry = require "dcache.expiry"
local accepted_root = require "dcache.accepted_root"
local trust = require "dcache.trust"
local trust_words = require "dcache.trust_words"
local ways = require "dcache.ways"

local dcache = {}
dcache.__index = dcache
for _, room in ipairs { reading, upkeep } do
  for name, method in pairs(room) do dcache[name] = method end -- any order
end

local FOREIGN_BYTES = 64 * 1024 -- others' statements are synced at that many bytes …
local UNWRITTEN_MAX = 4 * 1024 * 1024 -- bytes of statements of others that replaced some and are in no journal yet: as
-- much as a full share of 5,000 slots needs, so that whoever renews them without end wears the card less
local TICK = 16 * 1000 -- ms
local BUCKETS_MAX = 1024 -- names whose class is remembered

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
  self.by_name, self.by_bucket, self.remembered = {}, {}, 0
  self.family_of, self.kept_bits, self.kept_list = {}, 0, {}
  for i, class in ipairs(self.class_list) do
    local family = tostring(class.max_ttl)
    self.by_name[class.name] = { class = class, law = self.index:law(class.name), family = family }
    self.family_of[i] = class.kept and family
    if class.kept then
      self.kept_bits = self.kept_bits | 1 << i - 1
      table.insert(self.kept_list, { name = class.name, law = self.by_name[class.name].law })
    end
  end
end

local function new_trust(self, given)
  if not given.lab then return trust.new {} end
  local root = accepted_root.new { kept = given.root, lab = given.lab.lab, log = self.log,
    backoff = backoff.quick() }
  local words = trust_words.new { index = self.index, read = function(entry) return self:plain(entry) end,
    root = given.lab.root, accepted = function() return root:get() end }
  return trust.new { lab = given.lab, loop = self.loop, time = self.time, log = self.log, root = root,
    words = function() return words:all() end, heeds = function(id) return words:heeds(id) end,
    admit = function(...) self.index:admit(...) end, drop = function() self:drop_strangers() end,
    sure = function(class) return self:sure(class) end, told = given.told or function() end }
end

--- given.loop        the event loop
--- given.time        lua/time.lua
--- given.journal     core.journal, open
--- given.classes     array of class constants, in the order of the law
--- given.id          this node's peer ID (text)
--- given.key         core.key's handle, which signs
--- given.swarm       name of the swarm (text); in a lab its NAME:LAB
--- given.lab         what the lab file says (lab.lua), or nil: an open swarm. In a lab:
--- given.root        a firm lua/kept.lua (STATE/root), or nil: the root in force is not kept
--- given.told        fn(event): who came into the lab and left it, or nil
--- given.log         lua/log.lua
--- given.refused     fn(code): counts a refusal
--- given.flush       ms until others' statements are brought to the disk (30 s)
--- given.last        the highest AT (ms) that this node has ever signed, or nil
--- given.keep_last   fn(ms, told): keeps that number, see signer.lua
--- given.flusher     fn() → a worker for syncs, see syncing.lua
--- given.disk_told   fn(why | nil): syncs fail, or succeed again
--- given.doubts      a firm lua/kept.lua (STATE/unsure), or nil: so that no start lifts a doubt
--- given.policy      lua/policy, for meaning.lua
--- given.here        fn() → facts of this node, for meaning.lua
function dcache.new(given)
  local self = setmetatable({}, dcache)
  for _, name in ipairs { "loop", "time", "journal", "id", "key", "swarm", "lab", "log", "refused" } do
    self[name] = given[name]
  end
  self.flush_ms = given.flush or 30 * 1000
  self.class_list = given.classes
  self.index = record.new(self.class_list, self.id)
  self.changed, self.all_changed, self.unsaid, self.lines_read, self.counted = {}, 0, {}, 0, {}
  self.ways = ways.new()
  self.trust = new_trust(self, given)
  self.meaning = meaning.new { time = given.time, policy = given.policy, here = given.here, trust = self.trust,
    pattern = function(bucket) return select(2, self.index:class(bucket)) end }
  self.syncing = syncing.new { loop = self.loop, journal = self.journal, log = self.log, refused = self.refused,
    start = given.flusher, told = given.disk_told, gather = function() self:write_down() end }
  self.expiry = expiry.new { journal = self.journal, time = self.time }
  self.signer = signer.new { time = given.time, key = given.key, id = given.id, swarm = given.swarm, log = given.log,
    last = given.last, keep = given.keep_last }
  self.doubts = doubts.new { kept = given.doubts, log = self.log, classes = self.class_list }
  lookup(self)
  replay.run(self)
  return self
end

dcache.families, dcache.old_doubts = families, doubts.old

-- Families whose journal lost something: their classes are shown, not acted on, until a neighbour agrees.
function dcache:doubt(family) self.doubts:add(family) end

-- A neighbour holds the same of CLASS (comms/confirm.lua): what was lost has come back, or nothing was.
function dcache:agreed(class) self.doubts:lift(class) end

-- May the records of CLASS be acted on?
function dcache:sure(class) return not self.doubts.unsure[class] end

function dcache:start()
  self.doubts:start()
  self.timer = self.loop:every(TICK, function() self:tidy() end)
  self.syncing:every(self.flush_ms)
end

-- Waits until all that is held is on the disk.
function dcache:stop()
  if self.timer then self.timer:cancel() end
  self.trust:stop()
  self.syncing:stop()
end

-- fn() once all that was taken in so far is on the disk; at once where it is. Nobody waits for it.
function dcache:when_synced(fn) self.syncing:when_synced(fn) end

-- fn() once our own statement ST may be said: no power cut takes it back then, nor the time that it is stamped with.
function dcache:when_sayable(st, fn)
  local function when_marked() self.signer:when_marked(fn) end
  if self:kept(st.bucket) then self:when_synced(when_marked) else when_marked() end
end

-- Which statements of LIST (core.batch) would be taken in, if their signatures are good? → how many; they come first,
-- the others have the code that refuses them. Changes nothing but LIST.
function dcache:check_batch(list)
  local time = self.time
  return list:check(self.index, time:proved_now(), self.id, time.quality ~= "none" and time:now() or nil)
end

function dcache:class_of(bucket)
  local found = self.by_bucket[bucket]
  if found then return found end
  local name = self.index:class(bucket)
  if not name then return nil end
  if self.remembered >= BUCKETS_MAX then self.by_bucket, self.remembered = {}, 0 end
  self.by_bucket[bucket], self.remembered = self.by_name[name], self.remembered + 1
  return self.by_name[name]
end

function dcache:kept(bucket)
  local found = self:class_of(bucket)
  return found ~= nil and found.class.kept
end

-- Takes in a statement whose signature was checked: true | nil, text, code.
function dcache:take(st)
  local found, place = self:class_of(st.bucket), nil
  if found.class.kept then
    local err, code
    place, err, code = self.journal:append(found.family, st.line, record.ends(st.at, found.class.max_ttl))
    if not place then return nil, err, code end
  end
  local ok, old_place, old_size = self.index:put(st, place)
  if not ok then
    local text, code = old_place, old_size
    if place then self.journal:drop(place, st.size) end
    return nil, text, code
  end
  if math.type(old_place) == "integer" then self.journal:drop(old_place, old_size) end
  if place and self.syncing:left() >= FOREIGN_BYTES then self.syncing:request() end
  if st.signer == self.id then self.signer:heard(st.at, found.class.kept) end -- said before this start, perhaps
  self:count_change(found.class.name)
  return true
end

-- The same for the places FROM … TO of LIST; those that have a code are left alone, those refused here get one.
-- VIA, KIND: by which way they came (ways.lua), nil: nobody knows. → how many were taken in; are some of them kept; are
-- some our own, said before we were started again.
function dcache:take_batch(list, from, to, via, kind)
  local way = via and self.ways:number(via, kind)
  local n, classes, own_at = list:take(from, to, self.index, self.journal, self.family_of, self.id, way)
  if self.index:unwritten() >= UNWRITTEN_MAX then self:write_down() end
  if self.syncing:left() >= FOREIGN_BYTES then self.syncing:request() end
  if own_at then self.signer:heard(own_at, classes & self.kept_bits ~= 0) end
  for i, class in ipairs(self.class_list) do
    if classes >> i - 1 & 1 == 1 then self:count_change(class.name) end
  end
  return n, classes & self.kept_bits ~= 0, own_at ~= nil
end

-- Grows whenever a class takes in words: equal numbers mean an equal set.
function dcache:changes(class) return self.changed[class] or 0 end

--- The same of all classes together.
function dcache:all_changes() return self.all_changed end

-- Words of CLASS (its name) came or went.
function dcache:count_change(class)
  self.changed[class], self.all_changed = self:changes(class) + 1, self.all_changed + 1
  if trust.CLASSES[class] then self.trust:touch() end
end

-- Signs and keeps an own statement. It may be said soon (when_sayable); until then `line` does not give it away.
-- → st | nil, text, code.
function dcache:sign(verb, bucket, data, options)
  local found = self:class_of(bucket)
  if not found then return nil, "class: no class has the bucket " .. bucket, "class" end
  local there = options.at and self.index:slot(bucket, options.key or self.id, self.id)
  options.after = there and there.at
  local st, err, code = self.signer:make(verb, bucket, data, options, found.class)
  if not st then return nil, err, code end
  local ok
  ok, err, code = self:take(st)
  if not ok then return nil, err, code end
  self.unsaid[st.short] = true
  self:when_sayable(st, function() self.unsaid[st.short] = nil end)
  return st
end

function dcache:digest(class, t) return self.index:digest(class, t) end
function dcache:ids(class, t, after, most) return self.index:ids(class, t, after, most) end
function dcache:has(short) return self.index:has(short) end

function dcache:law(class)
  local found = self.by_name[class]
  return found and found.class.kept and found.law
end

-- Kept classes by name: { name =, law = 8 bytes }; not to be changed.
function dcache:kept_classes() return self.kept_list end

return dcache
