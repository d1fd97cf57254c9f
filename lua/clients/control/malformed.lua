-- malformed.lua - who signed words whose DATA has not the form of its bucket, for `status`. Looks beside the loop.
--
-- A status that read every record would hold up the loop. So they are gone through in slices: at the start, soon after
-- such a word was heard, and each minute while there are any, since words end and are replaced.
local forms = require "dcache.forms"
local json = require "core.json"
local walk = require "dcache.walk"

local malformed = {}
malformed.__index = malformed

local SOON <const> = 500 -- ms in which several such words are looked at together
local AGAIN <const> = 60 * 1000
local ROWS <const> = 1024 -- of signer, bucket and fault that are told apart; more are only counted, in the last

-- loop, dcache, comms.
function malformed.new(given)
  local self = setmetatable({ loop = given.loop, dcache = given.dcache, rows = {}, signers = {} }, malformed)
  for _, bucket in ipairs(forms.buckets) do
    given.comms:on_word(bucket, function(st)
      local fine = st.verb ~= "propose" or forms.read(st.bucket, st.key, json.decode(st.data))
      if not fine or self.signers[st.signer] then self:soon(SOON) end
    end)
  end
  return self
end

function malformed:start() self:soon(0) end

function malformed:soon(ms)
  if self.stopped then return end
  if self.walking then
    self.again = true -- the look that goes on may not meet it
    return
  end
  if self.timer then
    if ms >= AGAIN then return end
    self.timer:cancel()
  end
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    self:look()
  end)
end

local function count(found, record)
  if not record.malformed then return end
  local why = record.malformed:gsub("^form: ", "")
  local slot = ("%s %s %s"):format(record.signer, record.bucket, why)
  local row = found.by_slot[slot] or #found.rows >= ROWS and found.rows[ROWS]
  if not row then
    row = { id = record.signer, bucket = record.bucket, count = 0, why = why, slot = slot }
    found.by_slot[slot], found.rows[#found.rows + 1] = row, row
    found.signers[record.signer] = true
  end
  row.count = row.count + 1
end

local function finish(self, found)
  self.walking, self.rows, self.signers = nil, found.rows, found.signers
  table.sort(self.rows, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.slot < b.slot
  end)
  local again = self.again
  self.again = nil
  if again or self.rows[1] then self:soon(again and SOON or AGAIN) end
end

local function look_at(self, found, number)
  local bucket = forms.buckets[number]
  if not bucket then return finish(self, found) end
  self.walking = walk.start(self.loop, self.dcache, bucket, function(record) count(found, record) end,
    function() look_at(self, found, number + 1) end)
end

-- Goes through all of them once.
function malformed:look()
  look_at(self, { rows = {}, signers = {}, by_slot = {} }, 1)
end

-- { id = signer, bucket =, count =, why = what is wrong with them }, most first.
function malformed:list() return self.rows end

function malformed:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  if self.walking then self.walking.stop() end
end

return malformed
