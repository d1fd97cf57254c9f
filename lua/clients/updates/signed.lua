-- signed.lua - the records of some buckets whose words are few, by key: kept up by news, judged again when words, roles
-- or the time change them. Reads all in slices at its start; tells what is refused for want of a role.
local counted = require "clients.updates.counted"
local slices = require "slices"
local soon = require "soon"
local sorted = require "sorted"
local walk = require "dcache.walk"

local signed = {}
signed.__index = signed

local KEYS_MAX <const> = 1024 -- of a bucket
local AGAIN <const> = 1000 -- ms in which changes of roles are gathered
local EVERY <const> = 60 * 1000 -- ms between two looks without news
local ROLES <const> = { "trust/grants", "trust/revoked", "trust/root" } -- buckets that change who may say something

local roles_changed

--- given.node
--- given.loop
--- given.buckets  by bucket fn(key) → is it one of this bucket?
--- given.refuse   fn(word, what): WHAT was refused
--- given.news     fn(bucket, key): a record may be another now; without a key all may
--- given.most     keys of a bucket (1,024)
function signed.new(given)
  local self = setmetatable({ keys = {}, counts = {}, walks = {}, undos = {}, left = 0,
    slices = slices.new(given.loop) }, signed)
  self:anew()
  self.most = given.most or KEYS_MAX
  for _, name in ipairs { "node", "loop", "buckets", "refuse", "news" } do self[name] = given[name] end
  self.names = sorted.keys(self.buckets)
  for _, bucket in ipairs(self.names) do self.keys[bucket], self.counts[bucket] = {}, 0 end
  self.judging_anew = soon.new(given.loop, AGAIN, function() roles_changed(self) end)
  return self
end

local function drop(self, bucket, key)
  self.keys[bucket][key], self.counts[bucket] = nil, self.counts[bucket] - 1
end

-- Who alone spoke of most of the keys of BUCKET, and how many more those are than SIGNER's → ID, number
local function greediest(self, bucket, signer)
  local tally, who = { [signer] = 0 }, signer
  for _, entry in pairs(self.keys[bucket]) do -- any order: only counted
    if entry.by then tally[entry.by] = (tally[entry.by] or 0) + 1 end
  end
  for id, count in pairs(tally) do -- any order: the lower ID of several
    if count > tally[who] or count == tally[who] and id < who then who = id end
  end
  return who, tally[who] - tally[signer]
end

-- There is no room for one more key of SIGNER: one goes, the last of who alone has more than he would have, if anybody
-- does. So who signs many keeps nobody else's out.
local function make_room(self, bucket, signer)
  local who, more = greediest(self, bucket, signer)
  self.refuse("full", bucket)
  if more < 2 then return false end
  local last
  for key, entry in pairs(self.keys[bucket]) do -- any order
    if entry.by == who and (not last or key > last) then last = key end
  end
  drop(self, bucket, last)
  self.news(bucket, last)
  return true
end

-- A key of which SIGNER, who may, speaks → is it kept?
local function add(self, bucket, key, signer)
  local entry = self.keys[bucket][key]
  if entry then
    if entry.by ~= signer then entry.by = false end -- several: nobody's to be pushed out
    return true
  end
  if self.counts[bucket] >= self.most and not make_room(self, bucket, signer) then return false end
  self.keys[bucket][key], self.counts[bucket] = { by = signer }, self.counts[bucket] + 1
  return true
end

-- A word in one of the buckets, new or found at the start. Keys that nobody with a role ever spoke of are not kept.
local function heard(self, st)
  local bucket, key = st.bucket, st.key
  if not self.buckets[bucket](key) then return end -- malformed: dcache counts those
  local denial = st.verb == "propose" and self.node.dcache:denial(st)
  if denial then self.refuse("role", ("%s %s %s"):format(bucket, key, st.signer)) end
  local is_said = st.verb == "propose" and not denial
  if is_said and not add(self, bucket, key, st.signer) or not self.keys[bucket][key] then return end
  self.keys[bucket][key].verdict = nil
  self.news(bucket, key)
end

-- All records are judged that were not yet, some in a turn; then it is news.
local function judge_all(self)
  if self.judging then self.judging() end
  self.judging = self.slices:start(function()
    for _, bucket in ipairs(self.names) do
      for _, key in ipairs(self:list(bucket)) do
        self:verdict(bucket, key)
        slices.step(8)
      end
    end
  end, function(ok, fault)
    self.judging = nil
    if not ok then error(fault, 0) end
    self.news()
  end)
end

local function read_all(self)
  for _, one in ipairs(self.walks) do one.stop() end
  self.walks, self.left = {}, #self.names
  for i, bucket in ipairs(self.names) do
    self.walks[i] = walk.start(self.loop, self.node.dcache, bucket, function(st) heard(self, st) end, function()
      self.left = self.left - 1
      if self.left == 0 then judge_all(self) end
    end)
  end
end

-- Who may say what changed: all is judged anew, and words that said nothing before may now.
function roles_changed(self)
  local basis = self.node.dcache:judged_by()
  if basis ~= nil and basis == self.basis then return end
  self.basis = basis
  for _, bucket in ipairs(self.names) do
    for _, entry in pairs(self.keys[bucket]) do entry.verdict = nil end -- any order
  end
  read_all(self)
end

-- Does the time change a verdict by now? What nobody remembers any more goes.
local function look(self)
  roles_changed(self)
  for _, bucket in ipairs(self.names) do
    for key, entry in pairs(self.keys[bucket]) do -- any order
      if entry.verdict and entry.verdict.word == "missing" then
        drop(self, bucket, key)
      end
    end
  end
  if self:is_stale() then self.news() end
end

function signed:start()
  local comms = self.node.comms
  for _, bucket in ipairs(self.names) do
    self.undos[#self.undos + 1] = comms:on_statement(bucket, function(st) heard(self, st) end)
  end
  for _, bucket in ipairs(ROLES) do
    self.undos[#self.undos + 1] = comms:on_statement(bucket, function() self.judging_anew:ask() end)
  end
  self.undos[#self.undos + 1] = comms:on_standing(function() self.judging_anew:ask() end)
  self.undos[#self.undos + 1] = self.node.time:on_leap(function() self.news() end)
  self.timer = self.loop:every(EVERY, function() look(self) end)
  self.basis = self.node.dcache:judged_by()
  read_all(self)
end

--- Is all read, or judged anew since roles changed? Till then who asks is better served by what he had.
function signed:is_busy() return self.left > 0 or self.judging ~= nil end

--- The keys of BUCKET, sorted.
function signed:list(bucket) return sorted.keys(self.keys[bucket]) end

-- The verdict of ENTRY is given away: when it is to be looked at again is remembered for all that are.
local function given_away(self, verdict, low)
  self.till, self.low = math.min(self.till, verdict.till), low
  return verdict
end

--- Did the time change a verdict since `anew` was called?
function signed:is_stale()
  local low = self.node.time:low()
  return low > self.till or low < (self.low or low)
end

--- From here on verdicts are given anew.
function signed:anew() self.till = math.maxinteger end

--- What the record of BUCKET and KEY comes to, as counted.lua has it | nil: nobody who may ever spoke of it. `first` is
--- the DATA that counted first here.
function signed:verdict(bucket, key)
  local entry = self.keys[bucket][key]
  if not entry then return nil end
  local low = self.node.time:low()
  local known = entry.verdict
  if known and low <= known.till and low >= entry.low then return given_away(self, known, low) end
  entry.verdict, entry.low = counted.of(self.node.dcache:record(bucket, key), low), low
  local found = entry.verdict
  if found.counts then
    entry.first, entry.ends = entry.first or found.data_text, found.ends
  elseif found.word == "missing" and entry.ends and low < entry.ends then -- else nobody remembers it
    found.word, found.text = "role", "who signed it may not any more"
  end
  found.first = entry.first
  return given_away(self, found, low)
end

function signed:stop()
  self.stopped = true
  for _, one in ipairs(self.walks) do one.stop() end
  if self.judging then self.judging() end
  for _, undo in ipairs(self.undos) do undo() end
  if self.timer then self.timer:cancel() end
  self.judging_anew:stop()
end

return signed
