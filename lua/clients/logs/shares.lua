-- shares.lua - what of this node's files is published and served, by CID. Judges no file, hashes none.
local bounded = require "bounded"
local earlier_run = require "clients.logs.earlier_run"
local json = require "core.json"
local signer = require "dcache.signer"
local sorted = require "sorted"
local share_data = require "clients.logs.share_data"

local shares = {}
local Shares = {}
Shares.__index = Shares

local BUCKET = "share/files"
local TTL = 30 * 86400 -- seconds: max_ttl of class `share`; renewed while true
local SLICE = 64 -- files that are said again in a turn
local CHANGED_MAX = 1024 -- names of changed files whose CID before is remembered until they are said anew
local ADOPT_MS = 600000 -- after this, own records without a file are dismissed though files still settle

--- given.loop, time, log
--- given.folder   the share folder (path)
--- given.leaves   fn(name, identity) → CID, bytes of its leaves' hashes
--- given.ttl      s that a record holds
--- given.copies   fn() → { least, most } copies that are wanted
--- given.kept_back  fn(cid) → why the file is not shared though the policy allows it | nil
--- given.stray    fn(cid, data) → "later" | nil: an own record that stands without a file, by default dismissed
--- given.publish, statements, serve, withdraw, when_synced  as logs.new has them
function shares.new(given)
  local self = setmetatable({ by_cid = {}, list = {}, owed = {}, ttl = given.ttl or TTL }, Shares)
  for _, name in ipairs { "loop", "time", "log", "folder", "publish", "statements", "serve", "withdraw", "leaves" } do
    self[name] = given[name]
  end
  self.when_synced = given.when_synced or function(fn) fn() end
  self.copies, self.changed = given.copies or function() end, bounded.new { limit = CHANGED_MAX }
  self.stray = given.stray or function(cid) self:dismiss(cid) end
  self.kept_back = given.kept_back or function() return nil end
  self.begun = given.loop:now()
  return self
end

shares.holds_name = share_data.holds_name

local earlier, left_ms = earlier_run.statements, earlier_run.left_ms

local function data_of(self, share) return share_data.of(share, self.copies()) end

-- What is told of SHARE beside its names is settled once: a touch of the file makes no news. RECORD: an own one | nil.
local function settle(self, share, name, identity, record)
  local data = record and type(record.data) == "table" and record.data or {}
  local changed = self.changed:get(name) or not record and earlier_run.named(self, name) or nil
  self.changed:forget(name)
  share.before = share.before or data.before or changed ~= share.cid and changed or nil
  share.made = share.made or data.made or share_data.made(identity)
end

-- Said already by an earlier run of this node, of a time that may be right, and good for more than half its time? Then
-- when to renew it.
local function said_before(self, cid, text)
  local record = earlier(self)[cid]
  if not record or signer.redate(self.time, self.loop, record) then return nil end
  local data = type(record.data) == "table" and json.encode(record.data) or record.data
  local left = left_ms(self, record)
  if data == text and left > self.ttl * 500 then return self.loop:now() + left - self.ttl * 500 end
end

local function say(self, share)
  local data, _, class = data_of(self, share)
  local text = json.encode(data)
  if share.said == text and self.loop:now() < share.renew_at then return true end
  local before = not share.said and said_before(self, share.cid, text)
  if before then
    share.said, share.renew_at = text, before
    return true
  end
  earlier(self)[share.cid] = nil
  local due, now = share.due, self.loop:now()
  local ok, why, code = self.publish("propose", BUCKET, share.cid, data, self.ttl, due)
  if not ok then return nil, why, code end
  share.due, share.mono = nil, due and now - (self.time:now() - due) or now
  if share.told ~= text then
    share.told = text
    self.when_synced(function()
      self.log:info("logs", "published", {
        { "file", data.names[1] }, { "size", share.size }, { "class", class }, { "cid", share.cid },
      })
    end)
  end
  share.said, share.renew_at = text, now + self.ttl * 500
  return true
end

local function offer(self, share)
  local first, class = sorted.keys(share.names)[1], share_data.of(share).class
  if share.served == first and share.served_as == class then return true end
  local named = share.names[first]
  local _, leaves = self.leaves(first, named.identity)
  if not leaves then return nil, "missing: leaves of " .. share.cid, "missing" end
  local ok, why, code = self.serve(share.cid, self.folder, first, named.identity, leaves, class)
  if not ok then return nil, why, code end
  share.served, share.served_as = first, class
  return true
end

-- The last one takes its place in the list: of thousands that go together none is looked for.
local function drop(self, share)
  local list = self.list
  self.by_cid[share.cid] = nil
  list[share.place] = list[#list]
  list[share.place].place, list[#list] = share.place, nil
end

-- The statement about this file is taken back; tried again each minute where that fails.
function Shares:dismiss(cid)
  earlier(self)[cid] = nil
  if self.kept_back(cid) then -- what is said of it stands: others shall drop it
    self.owed[cid] = nil
    return
  end
  local ok, why = self.publish("dismiss", BUCKET, cid, nil, self.ttl)
  self.owed[cid] = not ok or nil
  self.log:info("logs", ok and "dismissed" or "not dismissed yet", { cid = cid, why = why and tostring(why) or nil })
end

-- Served first, then published: who hears of it can fetch it. What fails is tried again by renew.
local function sync(self, share)
  local ok, why, code = offer(self, share)
  if ok then ok, why, code = say(self, share) end
  share.failed = not ok or nil
  return ok, why, code
end

-- KEPT: what release() gave of this CID, whose statement stands. → true | nil, text, code: not published yet, tried
-- again each minute.
function Shares:add(name, cid, size, class, identity, kept)
  local share = self.by_cid[cid]
  if not share then
    share = { cid = cid, size = size, names = {}, went = {}, said = kept and kept.said,
      is_new = not kept and not earlier(self)[cid], -- until somebody counts it: no statement of ours was there before
      renew_at = kept and kept.renew_at or 0, since = kept and kept.since_shared or self.loop:now() }
    self.by_cid[cid] = share
    share.place = #self.list + 1
    self.list[share.place] = share
    self.owed[cid] = nil
  end
  if share.served == name then share.served = nil end
  settle(self, share, name, identity, kept or earlier(self)[cid])
  share.names[name], share.went[name] = { class = class, identity = identity }, nil
  return sync(self, share)
end

local function kept_of(self, share)
  return { cid = share.cid, data = data_of(self, share), said = share.said, renew_at = share.renew_at,
    since_shared = share.since }
end

-- ACT(share) for each of which IS(share) holds, a slice a turn: each statement is signed.
local function each(self, is, act)
  local list, at = {}, 0
  for _, share in ipairs(self.list) do list[#list + 1] = is(share) and share or nil end
  local function slice()
    for i = at + 1, math.min(at + SLICE, #list) do
      if self.by_cid[list[i].cid] == list[i] then act(list[i]) end
    end
    at = at + SLICE
    if at < #list then self.loop:post(slice) end
  end
  slice()
end

-- The file is not where it was: no block of it is served from here on, but its statement stands until add() or
-- dismiss(). GONE: its name stays in the statement until drop_names(), too.
-- → { cid =, data = of the word, … } once no name of it is left, else nil
function Shares:release(name, cid, gone)
  local share = self.by_cid[cid]
  if not share or not share.names[name] then return nil end
  local kept = kept_of(self, share)
  share.went[name], share.names[name] = gone and share.names[name] or nil, nil
  if share.served == name then share.served = nil end
  if next(share.names) then
    self.dropped = self.dropped or gone
    sync(self, share)
    return nil
  end
  drop(self, share)
  self.withdraw(cid)
  return kept
end

-- Did names go of files that have others?
function Shares:has_dropped() return self.dropped end

-- Names that went are told no more, where the same bytes have others.
function Shares:drop_names()
  if not self.dropped then return end
  self.dropped = nil
  each(self, function(share) return next(share.went) end, function(share)
    share.went = {}
    sync(self, share)
  end)
end

-- The file is changed or no longer to be shared.
function Shares:remove(name, cid)
  self.changed:put(name, cid)
  if self:release(name, cid) then self:dismiss(cid) end
end

-- A slice a turn, so that thousands of files hold up nobody. Meanwhile the gateway finds no file to give.
local function withdraw_each(self, cids, i)
  for n = i, math.min(i + SLICE - 1, #cids) do
    if not self.by_cid[cids[n]] then self.withdraw(cids[n]) end
  end
  if i + SLICE <= #cids then self.loop:post(function() withdraw_each(self, cids, i + SLICE) end) end
end

-- All files are away at once. → as release() gives them, sorted by CID, and of statements of an earlier run whose
-- file was not found yet
function Shares:release_all()
  local kept, before, served = {}, earlier(self), {}
  for i, share in ipairs(self.list) do
    kept[share.cid] = kept_of(self, share)
    served[i] = share.cid
  end
  for _, cid in ipairs(sorted.keys(before)) do
    if not kept[cid] and left_ms(self, before[cid]) > 0 then kept[cid] = { cid = cid, data = before[cid].data } end
  end
  self.by_cid, self.list = {}, {}
  withdraw_each(self, served, 1)
  local all = {}
  for i, cid in ipairs(sorted.keys(kept)) do all[i] = kept[cid] end
  return all
end

-- Own records of an earlier run whose file is no longer here.
local function adopt(self)
  local before = earlier(self)
  for _, cid in ipairs(sorted.keys(before)) do
    local waits = not self.by_cid[cid] and before[cid].holds ~= false and self.stray(cid, before[cid].data)
    if waits == "later" then self.adopted = nil end
  end
end

-- Each minute: says again what has used up half its time, and what could not be said. QUIET: no file is waiting to
-- be judged or hashed, so records without a file are those of files that are gone.
function Shares:renew(quiet)
  each(self, function(share) return share.failed or self.loop:now() >= share.renew_at end,
    function(share) sync(self, share) end)
  for _, cid in ipairs(sorted.keys(self.owed)) do self:dismiss(cid) end
  if not self.adopted and (quiet or self.loop:now() - self.begun > ADOPT_MS) then
    self.adopted = true
    adopt(self)
    earlier_run.forget_names(self)
  end
end

-- The time is another one: what our records no longer hold, or not for long, is said again, and what was said by a time
-- that was not: as of when it was said first, so that a file's age is right everywhere.
function Shares:say_again()
  self.before = nil
  for _, share in ipairs(self.list) do
    local record = earlier(self)[share.cid]
    share.due = record and signer.redate(self.time, self.loop, record, share.mono)
    if share.due then earlier(self)[share.cid] = nil end
    share.said, share.renew_at = nil, 0
  end
  each(self, function() return true end, function(share) sync(self, share) end)
end

-- The same for a file that is away: KEPT as release() gave it.
function Shares:say_kept(kept)
  kept.said, kept.renew_at = nil, 0
  if said_before(self, kept.cid, json.encode(kept.data)) then return end
  self.publish("propose", BUCKET, kept.cid, kept.data, self.ttl)
end

-- Statements of ours that this disk did not know came back from others: what they say falsely is unsaid as after a
-- start.
function Shares:put_right()
  self.adopted = nil
  self:say_again()
end

-- There is a gateway now, where there was none.
function Shares:serve_again()
  for _, share in ipairs(self.list) do share.served = nil end
  each(self, function() return true end, function(share) sync(self, share) end)
end

-- How many; BEFORE (loop's ms): of those that are shared since then or longer.
function Shares:count(before)
  if not before then return #self.list end
  local n = 0
  for _, share in ipairs(self.list) do n = n + (share.since <= before and 1 or 0) end
  return n
end

return shares
