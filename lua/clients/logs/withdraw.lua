-- withdraw.lua - the client `withdraw`: files that others shall drop, as their owner asks, and copies that are dropped
-- here: as their owner, two trusted keys, or a person at this node says so. Removes no file of the share folder.
--
-- A withdrawal is a statement of share/files whose class is `withdrawn`. It counts from that node alone that the copy
-- is from, and while nobody else shares the same bytes. It is said again while somebody claims a copy, at most 90 days.
-- share/discard counts in a lab alone, once its roles may be acted on: elsewhere anybody may make up two keys.
local forms = require "dcache.forms"
local kept = require "kept"
local requests = require "clients.logs.withdraw_requests"
local sorted = require "sorted"
local withdrawn = require "clients.logs.withdrawn"

local withdraw = { name = "withdraw", needs = { "content" } }
withdraw.__index = withdraw

local FILES <const>, SAFE <const>, DISCARD <const> = "share/files", "share/safe", "share/discard"
local DAY <const> = 24 * 60 * 60 * 1000
local TTL <const>, MOST <const> = 30 * DAY, 90 * DAY -- ms: that a withdrawal holds; that it is said again
local SOON <const>, EVERY <const> = 200, 60 * 1000 -- ms from the news to the look; between two looks at everything
local LOOK <const>, ALONE <const> = 500, 20 * 1000 -- ms between two looks whether others hold the same records; that a
-- node waits for that
local KEYS_MAX <const> = 1024 -- that wait for a look; a look at everything finds the rest
local SLICE <const> = 64 -- files that are looked at in a turn

-- == what is asked

local function asks_drop(st)
  return st and st.verb == "propose" and not st.malformed and not forms.claims(FILES, st.data)
end

-- Does ID ask now that others drop the file CID?
local function is_withdrawn_by(self, cid, id)
  local st = self.dcache:statement_of(FILES, cid, id)
  return asks_drop(st) and self.time:is_valid(st)
end

local function holds(self, bucket, cid)
  local record = self.dcache:record(bucket, cid)
  for _, st in ipairs(record and record.statements or {}) do
    if st.holds then return st end
  end
end

local function discarded(self, cid)
  local counts = self.node.lab and self.dcache.trust:settled()
  local st = counts and holds(self, DISCARD, cid)
  return st and ("discarded by trusted keys: %s"):format(st.data.why)
end

--- Why no copy of the file CID is to be here, which is from FROM (a peer ID, or nil: as the copy says) → text | nil
function withdraw:barred(cid, from)
  if self.state.dropped[cid] then return "a person dropped it here" end
  local origin = self.content:origin_of(cid)
  from = from or origin and origin.from
  if from and is_withdrawn_by(self, cid, from) and not holds(self, FILES, cid) then
    return ("withdrawn by %s"):format(self.node.who(from).label)
  end
  return discarded(self, cid)
end

--- Why the own file CID is not shared → text | nil
function withdraw:kept_back(cid)
  if self.state.files[cid] then return "withdrawn; `files withdraw --cancel` shares it again" end
  return discarded(self, cid)
end

-- == copies of others' files

local function look_at(self, cid)
  local content = self.content
  local why = (content:holds(cid) or content:is_coming(cid)) and self:barred(cid)
  if not why then return end
  if content:is_coming(cid) then content:give_up(cid, why) end
  content:let_go(cid, function() return self:barred(cid) end)
end

-- FN(self, cid) for each of CIDS, a slice a turn.
local function each(self, cids, fn, done)
  local at = 0
  local function slice()
    for i = at + 1, math.min(at + SLICE, #cids) do fn(self, cids[i]) end
    at = at + SLICE
    if at < #cids then return self.loop:post(slice) end
    done()
  end
  slice()
end

-- Something was said about the file CID.
local function soon(self, cid)
  if #self.news >= KEYS_MAX then return end
  self.news[#self.news + 1] = cid
  self.pending = self.pending or self.loop:after(SOON, function()
    local cids = self.news
    self.pending, self.news = nil, {}
    each(self, cids, function(_, key)
      look_at(self, key)
      self.ask_own(key)
    end, function() end)
  end)
end

local function hear(self, st)
  if st.bucket == DISCARD or st.verb == "propose" and st.data:find('"withdrawn"', 1, true) then soon(self, st.key) end
end

-- == own files

local function say(self, cid)
  local ok, why = self.node:publish("propose", FILES, cid, { class = "withdrawn", size = self.state.files[cid].size },
    TTL // 1000)
  self.log:info("logs", ok and "withdrawn" or "not withdrawn yet", { { "cid", cid }, { "why", why and tostring(why) } })
end

-- Is the withdrawal FILE of the own file CID over? After its first validity nobody claims it, or 90 days have gone.
local function is_old(self, cid, file)
  local now = self.time:now()
  local age = file.at and now and now - file.at or 0
  return age >= TTL and (age >= MOST or holds(self, SAFE, cid) == nil)
end

-- Is it to be said (again) that the own file CID is withdrawn?
local function is_due(self, cid)
  local file = self.state.files[cid]
  if not file then return false end
  local st = self.dcache:statement_of(FILES, cid, self.node.id)
  local now = self.time:now()
  local left = asks_drop(st) and (now and st.valid_until * 1000 - now or TTL) or 0
  return left <= TTL // 2 and not is_old(self, cid, file)
end

local function never() return false end

-- → a function (cid) → was it withdrawn long ago, and is in the folder no more, as far as that is known?
local function files_over(self)
  local logs, here = self.node.logs, {}
  if logs and logs:unknown() then return never end
  for file in logs and logs:each_file() or never do
    if not file.cid and file.state ~= "refused" then return never end -- it is not finished: whose bytes are these?
    here[file.cid or ""] = true
  end
  return function(cid) return not here[cid] and is_old(self, cid, self.state.files[cid]) end
end

-- → a function (cid) → does nobody have the file any more whose copy is not wanted here?
local function drops_over(self)
  return function(cid) return not (holds(self, FILES, cid) or holds(self, SAFE, cid)) end
end

local function renew(self, cid)
  local file, now = self.state.files[cid], self.time:now()
  if file and not file.at and now then self.state:add(cid, file.size, now, function() end) end -- it begins to age
  if is_due(self, cid) then say(self, cid) end
end

-- What this node's own statements say, though the file STATE/withdrawn does not: it was lost.
local function learn(self)
  for _, st in ipairs(self.dcache:statements(FILES, self.node.id)) do
    if asks_drop(st) and not self.state.files[st.key] then
      self.state:add(st.key, st.data.size, not st.undated and st.at or nil, function() end)
    end
  end
end

--- The own file CID of SIZE bytes is withdrawn. TOLD(true) once that is kept, or TOLD(nil, text, code): it is not.
function withdraw:withdraw(cid, size, told)
  self.state:add(cid, size, self.time:now(), function(ok, text, code)
    if ok then say(self, cid) end
    self.ask_own(cid)
    told(ok, text, code)
  end)
end

--- It may be shared again. TOLD as above.
function withdraw:cancel(cid, told)
  self.state:cancel(cid, function(ok, text, code)
    if ok then self.node:publish("dismiss", FILES, cid, nil, TTL // 1000) end
    self.ask_own(cid)
    told(ok, text, code)
  end)
end

--- The copy CID goes, and is not fetched again. TOLD as above.
function withdraw:drop(cid, told)
  self.state:drop(cid, function(ok, text, code)
    if ok then look_at(self, cid) end
    told(ok, text, code)
  end)
end

--- It may be fetched again. TOLD as above.
function withdraw:want(cid, told)
  self.state:want(cid, function(ok, text, code)
    if ok and self.node.replicate then self.node.replicate:look() end
    told(ok, text, code)
  end)
end

-- == its life

--- The client, as lua/clients/init.lua has it.
function withdraw.open(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop, log = node.log, time = node.time, dcache = node.dcache,
    content = node.content, news = {} }, withdraw)
  self.state = withdrawn.new(kept.firm_of(node, "withdrawn"),
    { files = function() return files_over(self) end, dropped = function() return drops_over(self) end })
  function self.ask_own(cid)
    if node.logs then node.logs:ask_again(cid) end
  end
  learn(self)
  for _, bucket in ipairs { FILES, DISCARD } do
    handle:on_statement(bucket, function(st) hear(self, st) end)
  end
  node.content:hold_back()
  node.content:use_bar(function(...) return self:barred(...) end)
  handle:keep(function() node.content:use_bar(nil) end)
  requests(handle, self)
  return self
end

-- All copies and all own withdrawals: what a run before this one heard and did not do, what is to be said again.
local function check(self)
  if self.looking then return end
  self.looking = true
  each(self, self.content:held_cids(), look_at, function()
    each(self, sorted.keys(self.state.files), renew, function() self.looking = nil end)
  end)
end

-- Does somebody who is here hold the same records of files?
local function is_compared(self)
  for _, peer in ipairs(self.node.comms.peers.list) do
    if self.node.discovery and self.node.discovery:agrees(peer.id, FILES) then return true end
  end
  return false
end

-- What was withdrawn while this node was off goes before a block of it is served.
local function serve_when_compared(self)
  local begun = self.loop:now()
  local timer
  timer = self.loop:every(LOOK, function()
    if not is_compared(self) and self.loop:now() - begun < ALONE then return end
    timer.cancel()
    each(self, self.content:held_cids(), look_at, function() self.content:serve_kept() end)
  end)
end

function withdraw:start()
  check(self)
  serve_when_compared(self)
  self.timer = self.loop:every(EVERY, function() check(self) end)
end

--- The time is another one now; own statements came back (lua/republish.lua).
function withdraw:say_again() check(self) end

function withdraw:put_right()
  learn(self)
  check(self)
end

return withdraw
