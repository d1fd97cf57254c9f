-- reading.lua - the records of a dcache as tables, for all layers above. Changes nothing.
local forms = require "dcache.forms"
local json = require "core.json"
local statement = require "core.statement"
local text = require "core.text"

local reading = {}

local LATER_MOST = 256 -- words of one bucket that are meant for later, which are read to be counted

local function text_of(self, entry)
  if entry.text then return entry.text end
  local line, err = self.journal:read(entry.place, entry.size)
  if not line then
    self.refused "disk"
    self.log:once("read " .. entry.place, "error", "dcache", "a record cannot be read", { why = err })
  end
  return line
end

-- The line of the word with that short ID, for others: nil too while it is our own and not on the disk.
function reading:line(short)
  if self.unsaid[short] then return nil end
  local entry = self.index:get(short)
  return entry and text_of(self, entry)
end

-- What is signed and has not the form of its bucket says nothing: no data, and what is wrong as `malformed`.
local function data_of(st)
  local data = json.decode(st.data)
  if st.verb ~= "propose" then return data, nil, false end
  local read, malformed = forms.read(st.bucket, st.key, data)
  return read, malformed, not malformed and forms.claims(st.bucket, read)
end

local function fields(self, st)
  local data, malformed, says = data_of(st)
  return { verb = st.verb, bucket = st.bucket, key = st.key, signer = st.signer, at = st.at, data = data,
    undated = st.valid_from == 0 or nil, malformed = malformed, valid_from = st.valid_from,
    valid_until = st.valid_until, holds = self.time:is_valid(st) and says, mine = st.signer == self.id, size = st.size }
end

-- The newest word of a slot, or nil.
function reading:record(bucket, key, signer)
  local entry = self.index:slot(bucket, key, signer)
  return entry and self:read(entry)
end

-- Entries of a bucket, oldest first, to be read one by one later; nil for one that is gone meanwhile.
function reading:entries(bucket) return self.index:bucket(bucket) end

function reading:read(entry)
  local now_there = self.index:get(entry.short)
  local line = now_there and text_of(self, now_there)
  return line and fields(self, statement.parse(line))
end

-- How many words of each signer in a bucket are proposals that are valid, by his ID. Reads those only that are meant
-- for later, and few of them: no node of ours says any, so a crowd of them is there to keep us busy.
function reading:signers(bucket)
  local counts, later = self.index:signers(bucket, -(-self.time:low() // 1000))
  for i = 1, math.min(#later, LATER_MOST) do
    local record = self:read(later[i])
    if record and self.time:is_valid(record) then counts[record.signer] = (counts[record.signer] or 0) + 1 end
  end
  return counts
end

-- Words in a bucket, oldest first: { bucket, key, signer, data, at, undated = true where its signer knew no time (AT
-- only orders his words), valid_from, valid_until, verb, holds, mine, malformed = what is wrong with its DATA, or
-- nil }; SIGNER: his only, which is cheap beside all of them.
function reading:records(bucket, signer)
  local list = {}
  for _, entry in ipairs(self.index:bucket(bucket, signer)) do
    local line = text_of(self, entry)
    local st = line and statement.parse(line)
    if st then list[#list + 1] = fields(self, st) end
  end
  return list
end

-- Facts of every class, by name: { name, count, digest, law, kept, unsure }; hashes as hex, the digest at this tick,
-- and so many words as it counts.
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
