-- gather.lua - which of others' files to fetch, and when. Fetches nothing itself; never touches own files.
local rests = require "clients.logs.rests"
local walk = require "dcache.walk"

local gather = {}
gather.__index = gather

local AGAIN = 60 * 1000 -- ms until all that is known is looked at again: room and policy change
local SOON = 200 -- ms in which several words about files are looked at together
local BACK, BACK_MAX = 500, 16 -- the same for peers who are back, and whose copies are then looked for
local AT_ONCE = 2
local QUEUE_MAX = 1024 -- files not yet asked about, and files wanted but not begun; a look finds the rest
local HOLDERS_MAX = 64 -- of one file that are counted
local SIGNERS_MAX = 1024 -- whose failures are remembered
local SLICE = 64 -- questions to the policy in a turn

-- loop, log, time, dcache, comms, policy, here() → facts, names(id) → name or nil, label(id) → text,
-- content: holds(cid), fetch(cid, size, name, done(path | nil, text, word), pressed(), origin) (its init.lua).
function gather.new(given)
  local self = setmetatable({ busy = {}, count = 0, queue = {}, wanted = {}, known = {}, holders = {},
    failures = {}, failing = 0 }, gather)
  for _, name in ipairs { "loop", "log", "time", "dcache", "policy", "here", "names", "label", "content" } do
    self[name] = given[name]
  end
  self.keeps_own = select(3, self.policy:where "clients.logs.fetch") -- the shipped default: nothing is ever wanted
  if self.keeps_own then return self end
  self.resting = rests.new { loop = self.loop, wake = function(key, signer) self:consider_soon(key, signer) end }
  given.comms:on_back(function(peer) self:back(peer.id) end)
  for _, bucket in ipairs { "share/files", "share/safe" } do
    given.comms:on_word(bucket, function(st, source)
      if source and st.verb == "propose" then self:hear(st) end
    end)
  end
  return self
end

-- Who may have a file, by CID; the records say who has it when that is asked.
local function note(holders, key, signer)
  local of = holders[key] or { count = 0, by = {} }
  holders[key] = of
  if of.by[signer] or of.count >= HOLDERS_MAX then return end
  of.by[signer], of.count = true, of.count + 1
end

function gather:hear(st)
  note(self.holders, st.key, st.signer)
  if self.walking then note(self.found, st.key, st.signer) end
  if st.bucket == "share/files" then self:consider_soon(st.key, st.signer) end
end

function gather:consider_soon(key, signer)
  if #self.queue >= QUEUE_MAX then return end
  table.insert(self.queue, { key = key, signer = signer })
  self:soon()
end

local function has_copy(self, key, ids)
  for i = 1, math.min(#ids, BACK_MAX) do
    local copy = self.dcache:record("share/safe", key, ids[i])
    if copy and copy.holds then return true end
  end
end

-- The peer ID can be reached again: what he shares, or has a copy of, is tried soon. Keys cost nothing to make, so
-- that a crowd of them is gone through together.
function gather:back(id)
  if self.stopped then return end
  self.ids = self.ids or {}
  if self.ids[id] then return end
  self.ids[id], self.ids[#self.ids + 1] = true, id
  self.waking = self.waking or self.loop:after(BACK, function()
    local ids = self.ids
    self.waking, self.ids = nil, nil
    self.resting:back(function(key, signer) return ids[signer] or has_copy(self, key, ids) end)
  end)
end

function gather:start()
  if self.keeps_own then return end
  self.timer = self.loop:every(AGAIN, function() self:look() end)
  self:look()
end

function gather:stop()
  self.stopped = true
  for _, timer in ipairs { self.timer or false, self.pending or false, self.waking or false } do
    if timer then timer:cancel() end
  end
  if self.walking then self.walking.stop() end
  if self.resting then self.resting:stop() end
end

function gather:soon()
  if self.pending or self.stopped then return end
  self.pending = self.loop:after(SOON, function()
    self.pending = nil
    self:ask()
  end)
end

-- Is it a file that could be fetched now?
local function open(self, record)
  return record and record.holds and not record.mine and record.data and self.dcache:sure "share"
    and not self.content:holds(record.key) and not self.busy[record.key] and not self.known[record.key]
    and not self.resting:has(record.key)
end

-- Distinct nodes beside ID that say they have the file. → how many, how many of them fetched and checked it
local function others(self, key, id)
  local all, checked = 0, 0
  for signer in pairs(self.holders[key] and self.holders[key].by or {}) do -- any order: they are counted
    local safe = signer ~= id and self.dcache:record("share/safe", key, signer)
    local own = signer ~= id and self.dcache:record("share/files", key, signer)
    if safe and safe.holds then checked = checked + 1 end
    if safe and safe.holds or own and own.holds then all = all + 1 end
  end
  return all, checked
end

local function facts_of(self, record)
  local data = record.data
  local copies, checked = others(self, record.key, record.signer)
  return { cid = record.key, name = data.names[1], size = data.size, class = data.class, by = record.signer,
    age = math.max(0, (self.time:now() - record.at) // 1000), robot = self.names(record.signer),
    copies = 1 + copies, proven = checked }
end

-- A wanted file that another shares, too, counts as that one's if he is the better.
local function also_by(self, record)
  if not record or not self.known[record.key] or not record.holds then return end
  for _, one in ipairs(self.wanted) do
    if one.file.cid == record.key and (self.failures[record.signer] or 0) < (self.failures[one.file.by] or 0) then
      one.file.by, one.file.name, one.file.class = record.signer, record.data.names[1], record.data.class
    end
  end
end

-- How urgent the policy finds FILE now | false
local function ask_policy(self, file)
  local urgency, why = self.policy:ask("clients.logs.fetch", file, self.here())
  if urgency then return urgency end
  if why then self.log:once("fetch " .. file.cid, "debug", "logs", "not fetched", { name = file.name, why = why }) end
  return false
end

-- Asks the policy about one file; a wanted one waits for its turn.
local function consider(self, record)
  also_by(self, record)
  if not open(self, record) or #self.wanted >= QUEUE_MAX then return end
  local file = facts_of(self, record)
  local urgency = ask_policy(self, file)
  if not urgency then return end
  self.known[file.cid] = true
  table.insert(self.wanted, { file = file, urgency = urgency })
end

-- What was heard lately, a slice a turn.
function gather:ask()
  for _ = 1, SLICE do
    local heard = table.remove(self.queue)
    if not heard then break end
    consider(self, self.dcache:record("share/files", heard.key, heard.signer))
  end
  self:begin()
  if self.queue[1] and not self.stopped then self.loop:post(function() self:ask() end) end
end

-- Files of who gave nothing lately come after everybody else's, then it is for the policy to say: else two records
-- of files that nobody has would keep us from all others.
local function before(self, one, other)
  local bad, worse = self.failures[one.file.by] or 0, self.failures[other.file.by] or 0
  if bad ~= worse then return bad < worse end
  if one.urgency ~= other.urgency then return one.urgency > other.urgency end
  return one.file.age < other.file.age
end

local function first_of(self)
  local best = 1
  for i, one in ipairs(self.wanted) do
    if before(self, one, self.wanted[best]) then best = i end
  end
  return table.remove(self.wanted, best)
end

local function note_failure(self, signer)
  if not self.failures[signer] then
    if self.failing >= SIGNERS_MAX then self.failures, self.failing = {}, 0 end
    self.failing = self.failing + 1
  end
  self.failures[signer] = (self.failures[signer] or 0) + 1
end

local function forgive(self, signer)
  if self.failures[signer] then self.failing = self.failing - 1 end
  self.failures[signer] = nil
end

local function ended(self, file, path, err, word)
  self.busy[file.cid], self.count = nil, self.count - 1
  if path then
    self.resting:forget(file.cid)
    forgive(self, file.by)
    self.log:info("logs", "fetched", { name = file.name, size = file.size, cid = file.cid,
      from = self.label(file.by) })
  else
    self.resting:put(file.cid, file.by, word)
    note_failure(self, file.by)
    self.log:warn("logs", "not fetched yet", { name = file.name, cid = file.cid, why = err })
  end
  self:begin()
end

local function fetch(self, file)
  self.busy[file.cid], self.count = true, self.count + 1
  self.content:fetch(file.cid, file.size, file.name, function(...) ended(self, file, ...) end,
    function() return self.wanted[1] ~= nil end, { class = file.class, from = file.by })
end

-- Begins with the most wanted, while there is a hand free. The policy is asked again: those that began since then have
-- taken their room.
function gather:begin()
  for _ = 1, SLICE do
    if self.count >= AT_ONCE or not self.wanted[1] or self.stopped then return end
    local file = first_of(self).file
    self.known[file.cid] = nil
    if ask_policy(self, file) then fetch(self, file) end
  end
  self.loop:post(function() self:begin() end)
end

-- Looks at every file that others share, in slices: the copies first, then the files.
function gather:look()
  if self.walking or self.stopped then return end
  local holders = {}
  self.found = holders
  self.walking = walk.start(self.loop, self.dcache, "share/safe", function(record)
    if record.holds then note(holders, record.key, record.signer) end
  end, function()
    self.holders = holders
    self.walking = walk.start(self.loop, self.dcache, "share/files", function(record)
      if record.holds then note(holders, record.key, record.signer) end
      consider(self, record)
    end, function()
      self.walking = nil
      self:begin()
    end)
  end)
end

return gather
