-- malformed.lua - who signed words whose DATA has not the form of its bucket, for `status`. Looks beside the loop.
--
-- A status that read every record would hold up the loop, and so would reading each word as it comes. So they are gone
-- through in slices: at the start, and where a class took in words since, each minute and when somebody asks.
local forms = require "dcache.forms"
local walk = require "dcache.walk"

local malformed = {}
malformed.__index = malformed

local EVERY <const> = 60 * 1000 -- ms
local ROWS <const> = 1024 -- of signer, bucket and fault that are told apart; more are only counted, in the last

-- loop, dcache.
function malformed.new(given)
  return setmetatable({ loop = given.loop, dcache = given.dcache, rows = {}, seen = {} }, malformed)
end

function malformed:start()
  self.timer = self.loop:every(EVERY, function() self:check() end)
  self:check()
end

local function count(found, record)
  if not record.malformed then return end
  local why = record.malformed:gsub("^form: ", "")
  local slot = ("%s %s %s"):format(record.signer, record.bucket, why)
  local row = found.by_slot[slot] or #found.rows >= ROWS and found.rows[ROWS]
  if not row then
    row = { id = record.signer, bucket = record.bucket, count = 0, why = why, slot = slot }
    found.by_slot[slot], found.rows[#found.rows + 1] = row, row
  end
  row.count = row.count + 1
end

local function finish(self, found)
  self.walking, self.rows = nil, found.rows
  table.sort(self.rows, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.slot < b.slot
  end)
end

local function check_bucket(self, found, number)
  local bucket = forms.buckets[number]
  if not bucket then return finish(self, found) end
  self.walking = walk.start(self.loop, self.dcache, bucket, function(record) count(found, record) end,
    function() check_bucket(self, found, number + 1) end)
end

-- Did any of the buckets' classes take in words since this was asked last? Words that end are found by that, too, soon.
local function has_changed(self)
  local changed = false
  for _, bucket in ipairs(forms.buckets) do
    local found = self.dcache:class_of(bucket)
    local now = found and self.dcache:changes(found.class.name)
    changed, self.seen[bucket] = changed or now ~= self.seen[bucket], now
  end
  return changed
end

-- Goes through all of them once, where there is anything new.
function malformed:check()
  if self.walking or self.stopped or not (has_changed(self) or self.rows[1]) then return end
  check_bucket(self, { rows = {}, by_slot = {} }, 1)
end

-- { id = signer, bucket =, count =, why = what is wrong with them }, most first, as of the last look; another begins.
function malformed:list()
  self:check()
  return self.rows
end

function malformed:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  if self.walking then self.walking.stop() end
end

return malformed
