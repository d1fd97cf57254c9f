-- fetching.lua - what updates need, by CID: fetched long before it is used, held, served to others, let go of when it
-- is needed no more. Decides neither what is needed nor when it is used.
--
-- Artefacts are fetched two at once, plans (small files) at any time. Whom to ask is uplink.lua's rule, when what is
-- here goes leaving.lua's. Each block is checked, and what came before a break is gone on with (dcache/content).
local backoff = require "backoff"
local byte_size = require "byte_size"
local leaving = require "clients.updates.leaving"
local listeners = require "listeners"
local payload_sources = require "clients.updates.payload_sources"
local rooms = require "clients.updates.rooms"
local unixfs = require "core.unixfs"

local fetching = {}
fetching.__index = fetching

local AT_ONCE <const>, SMALL <const> = 2, 64 * 1024 -- artefacts; bytes of what does not wait for them
local LOOK <const>, LEAVE <const> = 1000, 10 * 60 * 1000 -- ms between two looks at what is missing; at what may go
local AGAIN <const>, DISK <const> = 5 * 1000, 60 * 1000 -- ms from a failure to the next try
local WANTED_MAX <const> = 64
local NEVER <const> = { size = true, form = true } -- why a file will never come
local OURS <const> = { "run", "named", "name", "seq", "unpacked" }

--- given.node  lua/node.lua: content, dcache, comms, time, random, log, state, disk, who
--- given.id    this robot's ID
--- given.loop  the event loop; nil: the node's
function fetching.new(given)
  local node = given.node
  local self = setmetatable({ node = node, id = given.id, loop = given.loop or node.loop, content = node.content,
    wanted = {}, count = 0, news = listeners.new(), needed = {} }, fetching)
  if not node.disk:stat(node.state .. "/updates") then node.disk:mkdir(node.state .. "/updates", 448) end -- 0700
  self.leaving = leaving.new { node = node, loop = self.loop }
  self.unlisten = { node.comms:on_statement("share/safe", function(st) self:heard(st.key) end),
    self.content:on_lost(function(cid) self:heard(cid) end) }
  return self
end

-- == what is known of one

local function is_whole(self, one) return self.content:path_of(one.cid) ~= nil end

local function tell(one, missing, word) one.missing, one.word = missing, word end

-- == fetching

local look

local function has_failed(self, one, err, code)
  local why = err:gsub("^%w+: ", "")
  if NEVER[code] then one.never = true end
  one.try_at = self.loop:now() + (code == "disk" and DISK or one.backoff:next())
  tell(one, why, code)
  self.node.log:info("updates", "not fetched yet", { cid = one.cid, why = why })
end

-- ERR: of what came, who gave it.
local function ended(self, one, path, err, code)
  one.running, one.moved = nil, nil
  if self.stopped or self.wanted[one.cid] ~= one then return end
  if path then
    one.backoff:reset()
    one.done, one.from, one.rate = one.size, err or one.from, nil
    self.content:await(one.cid, false)
    self.node.log:info("updates", "fetched", { cid = one.cid, size = one.size, from = one.from })
  else
    has_failed(self, one, err, code)
  end
  look(self)
  self.news:call()
end

local function begin(self, one)
  local now = self.loop:now()
  one.running, one.moved, one.begun, one.done = true, now, now, self.content:begun(one.cid)
  tell(one, nil)
  self.content:fetch_payload(one.cid, one.size, one.file, function(...) ended(self, one, ...) end,
    function() return self.waiting end, function(known) return (payload_sources.choose(self, one, known)) end)
  self.news:call()
end

local function no_room(self, one)
  local need, free = self:space(one.cid, one.size, one.unpacked)
  return free and free < need and ("%s free, %s needed"):format(byte_size.of(free), byte_size.of(need)) or nil
end

-- Why it is not begun now, as text and word | nil: it may be.
local function hindrance(self, one)
  local withdraw = self.node.withdraw
  local barred = withdraw and withdraw:barred(one.cid)
  if barred then return barred, "permission" end
  local room = no_room(self, one)
  if room then return room, "disk" end
  local list, all = payload_sources.choose(self, one, self.content:sources(one.cid))
  if not list[1] then return payload_sources.why_not(one, all) end
end

-- The artefacts on their way.
local function busy(self)
  local n = 0
  for _, one in ipairs(self:sorted()) do
    if one.running and one.size > SMALL then n = n + 1 end
  end
  return n
end

local function consider(self, one)
  if one.never or self.loop:now() < (one.try_at or 0) then return end
  local why, word = hindrance(self, one)
  if why then return tell(one, why, word) end
  if one.size > SMALL and busy(self) >= AT_ONCE then
    self.waiting = true
    return tell(one, "other updates are fetched first", "busy")
  end
  begin(self, one)
end

-- How far those are that come.
local function note_progress(self)
  for _, row in ipairs(self.content:fetching()) do
    local one = self.wanted[row.cid]
    if one and one.running then
      if row.done > (one.done or 0) and one.near then one.moved = self.loop:now() end
      one.done = row.done
      one.from, one.rate = row.source or one.from, row.rate
      tell(one, row.reason, row.word)
    end
  end
end

--- The files that are wanted, small ones first.
function fetching:sorted()
  if self.list then return self.list end
  local list = {}
  for _, one in pairs(self.wanted) do list[#list + 1] = one end -- any order: sorted below
  table.sort(list, function(a, b) return a.size < b.size or a.size == b.size and a.cid < b.cid end)
  self.list = list
  return list
end

-- Looks at all that is wanted, and again while anything is missing.
function look(self)
  if self.stopped then return end
  local missing = false
  self.waiting = false
  note_progress(self)
  for _, one in ipairs(self:sorted()) do
    local whole = is_whole(self, one)
    if not whole and not one.running then consider(self, one) end
    missing = missing or not whole and not one.never
  end
  if self.timer or not missing then return end
  self.timer = self.loop:after(LOOK, function()
    self.timer = nil
    look(self)
  end)
end

--- Something was said or found of the file CID.
function fetching:heard(cid)
  local one = self.wanted[cid]
  if not one or self.stopped then return end
  one.try_at = nil
  if not is_whole(self, one) and not one.running then one.done = nil end
  self.loop:post(function() look(self) end)
end

-- What it is called where it lies: "demos-42"; a plan, of which nobody is known yet, "demos-42-1".
local function file_name(cid, about)
  if not about.named and about.run then return (about.run:gsub("/", "-")) end
  return about.name and ("%s-%d"):format(about.name, about.seq or 0) or cid
end

-- What came of it stays for a time, as that of any file does (stale_partials.lua): it may be wanted again.
local function drop(self, one, why)
  self.wanted[one.cid], self.count, self.list = nil, self.count - 1, nil
  self.content:await(one.cid, false)
  self.content:give_up(one.cid, why)
end

--- The file CID of SIZE bytes is wanted from here on. ABOUT: { run = "NAME/SEQ/RUN", named = IDs of the plan | nil,
--- name, seq, unpacked = bytes that it needs besides | nil }. Asked again, the newest counts. → true | nil, text, code
function fetching:want(cid, size, about)
  local one = self.wanted[cid]
  if one and one.never and one.size ~= size then -- that one was wrong, or lied: it bars nobody who has the right size
    drop(self, one, "it is wanted with another size")
    one = nil
  end
  if not one and self.count >= WANTED_MAX then return nil, "full: too many files are wanted", "full" end
  if not one then
    one = { cid = cid, size = size, backoff = backoff.quick(self.node.random, AGAIN) }
    one.file = file_name(cid, about)
    self.wanted[cid], self.count, self.list = one, self.count + 1, nil
    self.content:await(cid, true)
    self.loop:post(function() look(self) end)
  end
  for _, field in ipairs(OURS) do one[field] = about[field] end
  self.needed[cid] = true
  return true
end

--- { done = bytes here, size =, from = label of who gives or gave it | nil, near = is he of this LAN, rate = bytes/s |
--- nil, missing = why it does not come, as text | nil, word = the same as a word, slow = true: somebody near was left }
function fetching:state(cid)
  local one = self.wanted[cid]
  local path = self.content:path_of(cid)
  if not one then
    local size = path and self.content:size_of(cid) or 0
    return { done = size, size = size, missing = not path and "nobody here wants it" or nil }
  end
  if path then return { done = one.size, size = one.size, from = one.from, near = one.near, slow = one.slow } end
  note_progress(self)
  return { done = math.min(one.done or self.content:begun(cid), one.size - 1), size = one.size, from = one.from,
    near = one.near, rate = one.rate, missing = one.missing, word = one.word, slow = one.slow }
end

--- Where it lies, whole | nil
function fetching:path(cid) return self.content:path_of(cid) end

--- The bytes of a small file, a plan, that is here whole | nil, text, code
function fetching:read(cid)
  local path = self.content:path_of(cid)
  if not path then return nil, "missing: it is not here", "missing" end
  local bytes, err, code = self.node.disk:read(path, SMALL)
  if not bytes then return nil, err, code end
  local is_it, why, word = unixfs.decode(cid, bytes, #bytes)
  if not is_it then return nil, why, word end
  return bytes
end

--- Are the bytes that lie here still those of CID? DONE(true), or DONE(nil, text, code); once, never at once.
function fetching:verify(cid, done) self.content:verify(cid, done) end

--- Bytes that have to be free for the file and what it is UNPACKED to | nothing; bytes that are | nil: nobody knows
function fetching:space(cid, size, unpacked)
  local rest = self.content:path_of(cid) and 0 or math.max(0, size - self.content:begun(cid))
  local need = rest + (unpacked or 0)
  return need + need // rooms.SPARE, self.content:free()
end

--- A folder on the disk that it goes to.
function fetching:disk_path() return self.content:disk_path() end

-- What is here and needed no more goes, when its time has come.
local function let_go(self)
  local held = self.content:payloads()
  local function is_needed(cid) return self.needed[cid] ~= nil end
  for _, cid in ipairs(self.leaving:due(held, is_needed)) do
    self.content:let_go(cid, function() return not is_needed(cid) and "no update needs it any more" or nil end)
  end
  if self.leave_timer or self.stopped or not held[1] then return end
  self.leave_timer = self.loop:after(LEAVE, function()
    self.leave_timer = nil
    let_go(self)
  end)
end

--- SET: a set of the CIDs that are needed now; what is not in it is fetched no more, and goes when its time has come.
--- INSTALLED: what is installed, by NAME { SEQ, VERSION, CID }: the last two of each name stay.
function fetching:keep(set, installed)
  self.needed = {}
  for cid in pairs(set) do self.needed[cid] = true end -- any order
  self.leaving:installed(installed or {})
  for _, one in ipairs(self:sorted()) do
    if not self.needed[one.cid] then drop(self, one, "no rollout that counts needs it") end
  end
  let_go(self)
end

--- FN() when something came, began to, or failed. → a function that ends it
function fetching:on_news(fn) return self.news:add(fn) end

-- What a person put in has a day. DONE as take's.
local function taken(self, done)
  return function(cid, ...)
    if cid and self.content:is_payload(cid) then self.leaving:taken(cid) end
    done(cid, ...)
    if cid then let_go(self) end
  end
end

--- A copy of the file at PATH is held and served from here on. DONE(cid, size), or DONE(nil, text, code).
function fetching:take(path, done) self.content:take(path, taken(self, done)) end

--- The same of a file with these BYTES, as those of a plan; no more than a small file has.
function fetching:take_text(bytes, done)
  if #bytes > SMALL then return done(nil, ("long: at most %d bytes"):format(SMALL), "long") end
  self.content:take_text(bytes, taken(self, done))
end

function fetching:stop()
  self.stopped = true
  for _, undo in ipairs(self.unlisten) do undo() end
  for _, timer in ipairs { self.timer or false, self.leave_timer or false } do
    if timer then timer:cancel() end
  end
end

return fetching
