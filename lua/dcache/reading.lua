-- reading.lua - the records of a dcache as tables, for all layers above. Changes nothing.
local forms = require "dcache.forms"
local json = require "core.json"
local slices = require "slices"
local sorted = require "sorted"
local statement = require "core.statement"
local text = require "core.text"

local reading = {}

local LATER_MOST = 256 -- statements of one bucket that are meant for later, which are read to be counted
local RECORD_MOST = 256 -- statements of one record that are read: keys cost nothing to make

local function text_of(self, entry)
  self.lines_read = self.lines_read + 1
  if entry.text then return entry.text end
  local line, err = self.journal:read(entry.place, entry.size)
  if not line then
    self.refused "disk"
    self.log:once("read " .. entry.place, "error", "dcache", "a record cannot be read", { why = err })
  end
  return line
end

-- The line of the statement with that short ID, for others: nil too while it is our own and not on the disk.
function reading:line(short)
  if self.unsaid[short] then return nil end
  local entry = self.index:get(short)
  return entry and text_of(self, entry)
end

-- What is signed and has not the form of its bucket says nothing: no data, and what is wrong as `malformed`.
local function data_of(st)
  local data = json.decode(st.data)
  if st.verb ~= "propose" then return data end
  return forms.read(st.bucket, st.key, data)
end

-- The statement of ENTRY as a table, but for `fault` and `holds`; nil where it cannot be read.
local function plain(self, entry)
  local line = text_of(self, entry)
  local st = line and statement.parse(line)
  if not st then return nil end
  local data, malformed = data_of(st)
  return { verb = st.verb, bucket = st.bucket, key = st.key, signer = st.signer, at = st.at, data = data,
    data_text = st.data, undated = st.valid_from == 0 or nil, malformed = malformed, valid_from = st.valid_from,
    valid_until = st.valid_until, mine = st.signer == self.id, size = st.size, short = entry.short,
    via = self.ways:text(entry.way) }
end

function reading:plain(entry) return plain(self, entry) end

-- What was judged for one answer, so that each thing is judged once: records and dismissals, by key.
local function new_memo() return { records = {}, dismissals = {} } end

-- The dismissals of what others say under BUCKET and KEY, by its oldest RECORD_MOST statements.
local function dismissals_of(self, bucket, key, memo)
  if memo.dismissals[key] then return memo.dismissals[key] end
  local list = {}
  for _, entry in ipairs((self.index:key(bucket, key, RECORD_MOST))) do
    local one = entry.dismiss and plain(self, entry)
    if one and one.key == key then list[#list + 1] = one end
  end
  memo.dismissals[key] = list
  return list
end

-- The statement of ENTRY with `fault` and `denied`.
local function fields(self, entry, memo)
  local one = plain(self, entry)
  if not one then return nil end
  one.fault, one.denied = self.meaning:fault(one)
  if not one.fault and one.verb == "propose" and self.meaning:asks_dismissals(one.bucket) then
    one.fault, one.barred = self.meaning:barred(one, dismissals_of(self, one.bucket, one.key, memo))
  end
  return one
end

-- Does ONE propose what is also proposed by as many others as it takes?
local function holds(self, one, memo)
  if self.meaning:is_alone(one.bucket) then return self.meaning.alone(one) end
  if one.fault or one.verb ~= "propose" then return false end
  local records = memo.records
  records[one.key] = records[one.key] or self:record(one.bucket, one.key)
  for _, proposal in ipairs(records[one.key] and records[one.key].proposals or {}) do
    if proposal.data_text == one.data_text then return proposal.holds end
  end
  return false -- beyond those that are read
end

-- The statement of an entry that the index has just given, or nil where it cannot be read.
local function read(self, entry, memo)
  local one = fields(self, entry, memo)
  if one then one.holds = holds(self, one, memo) end
  return one
end

--- The record of BUCKET and KEY, or nil where nobody said anything: as meaning.lua tells it, by its oldest
-- RECORD_MOST statements.
function reading:record(bucket, key)
  local list, memo = {}, new_memo()
  for _, entry in ipairs((self.index:key(bucket, key, RECORD_MOST))) do
    local one = fields(self, entry, memo)
    if one and one.key == key then list[#list + 1] = one end -- else another key's, of equal hash
  end
  if not list[1] then return nil end
  return self.meaning:judge(bucket, key, (self.index:class(bucket)), list)
end

--- The newest statement of SIGNER on BUCKET and KEY, or nil: { bucket, key, signer, verb, data, at, valid_from,
-- valid_until, holds = it proposes what holds (meaning.lua), fault = why it says nothing now, or nil, denied = true
-- where that is since its signer may not say it, undated = true where its signer knew no time (AT only orders his
-- statements), mine, malformed = what is wrong with its DATA, or nil, data_text, size = bytes of its line, short = its
-- short ID, via = by which way it came here (ways.lua), nil where it was said here }.
function reading:statement_of(bucket, key, signer)
  local entry = self.index:slot(bucket, key, signer)
  return entry and read(self, entry, new_memo())
end

--- All statements in a bucket, the oldest first; SIGNER: his only. A bucket may have very many: see walk.lua.
function reading:statements(bucket, signer)
  local list, memo = {}, new_memo()
  for _, entry in ipairs(self.index:bucket(bucket, signer)) do list[#list + 1] = read(self, entry, memo) end
  return list
end

--- The statements of BUCKET in the index's rows behind ROW (0: the first), until at least MOST lines were read.
-- → array, and the row to go on behind | nil at the end
function reading:rows(bucket, row, most)
  local list, memo, till = {}, new_memo(), self.lines_read + most
  local at_once = self.meaning:is_alone(bucket) and most or 1 -- else each may read its whole record
  repeat
    local entries
    entries, row = self.index:walk(bucket, row, at_once)
    for _, entry in ipairs(entries) do list[#list + 1] = read(self, entry, memo) end
  until not row or self.lines_read >= till or #entries < at_once
  return list, row
end

--- What changed in the class of BUCKET since this was asked last, at most MOST keys, each as a number (handle; keys of
-- equal hash have the same). → array, the last change first, empty where nothing is left; true where all keys are given
-- anew, so that the caller forgets what he knew. One class is followed at a time, until `unfollow`.
function reading:touched(bucket, most)
  local class = self:class_of(bucket)
  if not class then return {}, false end
  local handles, anew = self.index:touched(class.class.name, most)
  return assert(handles, anew), anew
end

function reading:unfollow() self.index:touched() end

function reading:handle(key) return self.index:key_hash(key) end

--- The statements of BUCKET whose key has HANDLE: the oldest RECORD_MOST.
function reading:of_handle(bucket, handle)
  local list, memo = {}, new_memo()
  for _, entry in ipairs((self.index:key(bucket, handle, RECORD_MOST))) do
    list[#list + 1] = read(self, entry, memo)
  end
  return list
end

--- FN(statement) for each of the oldest MOST on BUCKET and KEY, as statement_of has them. Long work: in slices where it
-- is a job.
function reading:each_of(bucket, key, most, fn)
  local memo = new_memo()
  for _, entry in ipairs((self.index:key(bucket, key, most))) do
    entry = self.index:get(entry.short) -- nil where it went while the loop was let go on
    local one = entry and read(self, entry, memo)
    if one and one.key == key then fn(one) end
    slices.step(2)
  end
end

--- Why the signer of ST, a proposal, may not say it, whatever it says | nil: he may.
function reading:denial(st) return self.meaning:denial(st) end

--- What judging rests on beside statements and time: the same value while it stays as it is; nil: it may change each
-- time, so that nothing may be kept of it.
function reading:judged_by() return self.meaning:rests_on() end

-- How many statements that say something SIGNER has in BUCKET; the newest ones of very many are not looked at.
local function count_of(self, bucket, signer)
  local n, entries = 0, self.index:bucket(bucket, signer)
  for i = 1, math.min(#entries, LATER_MOST) do
    local one = fields(self, entries[i], new_memo())
    if one and one.verb == "propose" and not one.fault then n = n + 1 end
  end
  return n > 0 and n or nil
end

-- Keys in BUCKET under which one of DISMISSERS (IDs that dismiss anything there) may have dismissed what others say: a
-- set. Few are looked at.
local function dismissed_keys(self, bucket, dismissers)
  local keys, left = {}, LATER_MOST
  for _, id in ipairs(self.meaning:asks_dismissals(bucket) and sorted.keys(dismissers) or {}) do
    for _, entry in ipairs(self.meaning:may_dismiss(bucket, id) and self.index:bucket(bucket, id) or {}) do
      local one = entry.dismiss and left > 0 and plain(self, entry)
      if one then keys[one.key], left = true, left - 1 end
    end
  end
  return keys
end

-- Takes from COUNTS what others dismissed.
local function without_dismissed(self, bucket, counts, dismissers)
  for key in pairs(dismissed_keys(self, bucket, dismissers)) do -- any order
    local memo = new_memo()
    for _, entry in ipairs((self.index:key(bucket, key, RECORD_MOST))) do
      local one = fields(self, entry, memo)
      local n = one and one.key == key and one.barred ~= nil and counts[one.signer]
      if n then counts[one.signer] = n > 1 and n - 1 or nil end
    end
  end
end

-- How many statements of each signer in a bucket are proposals that are valid, by his ID. Reads those only that are
-- meant for later or whose signer has no role any more, and few of them: no node of ours says any, so a crowd of them
-- is there to keep us busy. The answer is kept until statements come or end: not to be changed.
function reading:signers(bucket)
  local class = self:class_of(bucket)
  local at = -(-self.time:low() // 16000) -- a statement is over from a tick on
  local changes, basis = class and self:changes(class.class.name), self.trust:basis()
  local known = self.counted[bucket]
  if known and known.at == at and known.changes == changes and known.basis == basis then return known.counts end
  local counts, later, dismissers = self.index:signers(bucket, -(-self.time:low() // 1000))
  for i = 1, math.min(#later, LATER_MOST) do
    local one = fields(self, later[i], new_memo())
    if one and self.time:is_valid(one) then counts[one.signer] = (counts[one.signer] or 0) + 1 end
  end
  without_dismissed(self, bucket, counts, dismissers)
  for signer in pairs(counts) do -- any order
    if not self.trust:is_member(signer) then counts[signer] = count_of(self, bucket, signer) end
  end
  self.counted[bucket] = class and not later[1] and { at = at, changes = changes, basis = basis, counts = counts }
    or nil
  return counts
end

-- Facts of every class, by name: { name, count, digest, law, kept, unsure }; hashes as hex, the digest at this tick,
-- and so many statements as it counts.
function reading:classes()
  local list, t = {}, self.time:tick()
  for i, class in ipairs(self.class_list) do
    local digest, count = self.index:digest(class.name, t)
    list[i] = { name = class.name, count = count, kept = class.kept or false,
      digest = class.kept and text.hex(digest) or nil, law = text.hex(self.by_name[class.name].law),
      unsure = self.doubts.unsure[class.name] or false }
  end
  return list
end

-- Buckets that have records: { name, count }, by name; so many as digests count at this tick.
function reading:buckets()
  local list, t = {}, self.time:tick()
  for _, name in ipairs(self.index:buckets()) do
    local count = self.index:bucket_count(name, t)
    if count > 0 then list[#list + 1] = { name = name, count = count } end
  end
  return list
end

return reading
