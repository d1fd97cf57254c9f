-- init.lua - the logs client: finished files of the share folder become records with a CID. Fetches nothing.
local lazily = require "lazily"
local safe_open = require "core.safe_open"
local inotify = require "core.watch"
local mount = require "core.mount"
local away = require "clients.logs.away"
local catalogue = require "clients.logs.catalogue"
local changes = require "policy.changes"
local consent = require "clients.logs.consent"
local finished = require "clients.logs.finished"
local events = require "clients.logs.events"
local hashing = require "clients.logs.hashing"
local judge = require "clients.logs.judge"
local own_files = require "clients.logs.own_files"
local atomic_write = require "atomic_write"
local report = require "clients.logs.report"
local requests = require "clients.logs.requests"
local slices = require "slices"
local shares = require "clients.logs.shares"
local watch = require "clients.logs.watch"
local reasons_why = lazily "clients.logs.why"
local why_file = lazily "clients.logs.why_file"

local logs, Logs = { name = "logs", needs = { "content", "worker", "share" } }, {}
Logs.__index = Logs

local LOOK_MS = 1000 -- between two looks at the permission and at the place of the folder while nobody asks
local SLICE = 200 -- files asked about again each minute
local SETTLE = { least = 2, per = 32 * 1024 * 1024, most = 120 }

local function scanned(self)
  self.looked = true
  self.own_files:sweep()
  self.own_files:ask_again(SLICE)
  self.away:scanned()
  local quiet = not self.own_files:unfinished()
  self.shares:renew(quiet)
  if quiet and not self.away:problem() then self.catalogue:keep_only(self.own_files.by_name) end
end

-- Asks again about the files with these bytes: they may be shared no more, or again.
function Logs:ask_again(cid) self.own_files:ask_of(cid) end

-- Asks about every file again: after the policy or the permission changed.
function Logs:reconsider()
  self.own_files:ask_all()
end

-- Who withdraws his permission takes back the statements about files that are away, too.
-- → were all files asked about again?
local function watch_consent(self)
  local allowed, why = self.consent:logs()
  if allowed == false then self.away:dismiss() end
  if allowed == self.allowed then return end
  self.allowed = allowed
  self.log:info("logs", "permission", { { "share", tostring(allowed) }, { "why", why } })
  self:reconsider()
  return true
end

local function settle_of(self)
  return function(size)
    local form = self.policy:get "clients.logs.settle" or SETTLE
    return math.floor(math.min(form.least + size / form.per, form.most) * 1000)
  end
end

local function permission_file(self)
  if self.permission_file ~= nil then return self.permission_file end
  return self.policy:get "clients.logs.permission"
end

-- == the parts, and what news each hands to which

local function new_finished(self, files)
  return finished.new {
    loop = self.loop, settle = settle_of(self),
    stat = function(name) return safe_open.stat(self.folder, name) end,
    busy = function(name) return (safe_open.busy(self.folder, name)) end,
    done = function(name, info) files:take(name, info) end,
    lost = function(name, code, info) files:lost(name, code, info) end,
  }
end

local function new_hashing(self, given, files)
  return hashing.new {
    worker = self.worker, start = given.start, folder = self.folder,
    begun = function(file) own_files.set(file, "hashing") end,
    keep = function(result, told) self.catalogue:keep(result.cid, result.leaves, told) end,
    done = function(file, result) files:hashed(file, result) end,
  }
end

local function new_shares(self, given)
  return shares.new {
    loop = self.loop, time = self.time, log = self.log, folder = self.folder, publish = given.publish,
    statements = given.statements, serve = given.serve, withdraw = given.withdraw, ttl = given.ttl,
    leaves = function(name, identity) return self.catalogue:find(name, identity) end, when_synced = given.when_synced,
    copies = function() return self.policy:get "clients.logs.copies" end,
    stray = function(cid, data) return self.away:stray(cid, data) end, kept_back = given.kept_back,
  }
end

local function new_away(self, given, files)
  return away.new {
    loop = self.loop, log = self.log, disk = self.disk, folder = self.folder,
    mount = given.mount or mount, host = given.host, shares = self.shares, dir = given.state, date = given.date,
    atomic_write = self.atomic_write,
    live = function(name) return files:live(name) end,
    unfinished = function(before) return files:unfinished(before) end,
    unread = function(name) return self.watch:unread_above(name) end,
    vanish = function()
      self.watch:reset()
      self.looked = nil
      return files:vanish()
    end,
    back = function() self.watch:scan() end,
  }
end

local function new_watch(self, given, files)
  return watch.new {
    loop = self.loop, log = self.log, folder = self.folder, watch = given.inotify or inotify, safe_open = safe_open,
    ready = function() return self.away:ready() end,
    read_told = function(code) self.away:read_told(code) end,
    seen = function(name, info) files:seen(name, info) end,
    event = function(name, event) files:event(name, event) end,
    gone = function(name) files:gone(name) end,
    hidden = function(name) files:hidden(name, self.watch:unread_above(name)) end,
    refused = function(...) files:refused(...) end,
    scanned = function() scanned(self) end,
  }
end

local function build(self, given)
  local files = own_files.new { loop = self.loop, log = self.log, folder = self.folder,
    kept_back = given.kept_back or function() return nil end, told = given.told or function() end }
  self.own_files = files
  self.finished, self.hashing = new_finished(self, files), new_hashing(self, given, files)
  self.shares = new_shares(self, given)
  self.away = new_away(self, given, files)
  self.watch = new_watch(self, given, files)
  for _, name in ipairs { "judge", "catalogue", "hashing", "shares", "away", "finished" } do
    files[name] = self[name]
  end
end

--- given.loop          the event loop
--- given.log           lua/log.lua
--- given.policy        lua/policy
--- given.here          fn() → facts of this node
--- given.time          lua/time.lua
--- given.disk          core.disk
--- given.worker        lua/worker.lua, which hashes; start(threads) → another, for large files; nil: this one does both
--- given.folder        the share folder (path)
--- given.state         the state folder (path)
--- given.publish       fn(verb, bucket, key, data, ttl in s) → true | nil, text, code
--- given.statements    fn(bucket) → array of { key, data, verb, valid_until = s, mine }
--- given.serve         fn(cid, folder, name, identity, leaves) → true | nil, text, code
--- given.withdraw      fn(cid)
--- given.when_synced   fn(fn): calls it once what was said is on the disk
--- Optional:
--- given.permission    path of the permission file, or false: the policy's setting
--- given.ttl           s that a record holds (30 days)
--- given.atomic_write  lua/atomic_write.lua's object; nil: the loop waits for the disk
--- given.rows, leaves  dcache.content's; nil: its own in the state folder, written by such a worker
--- given.told          fn(file): it has another `state`, see own_files.lua
--- given.kept_back     fn(cid) → why the file is not shared though the policy allows it | nil
--- given.mount, given.inotify  the core's, or what a spec puts in their place
--- given.host          what the command line calls this daemon by
--- given.date          fn() → text, see lua/kept.lua
function logs.new(given)
  local self = setmetatable({
    loop = given.loop, log = given.log, policy = given.policy, here = given.here, time = given.time,
    disk = given.disk, worker = given.worker, folder = given.folder,
  }, Logs)
  self.atomic_write = given.atomic_write or atomic_write.new { disk = given.disk, log = given.log }
  self.permission_file = given.permission
  self.consent = consent.new { disk = self.disk, loop = self.loop, path = permission_file(self) }
  self.judge = judge.new { policy = self.policy, here = self.here, loop = self.loop, consent = self.consent }
  self.catalogue = catalogue.open { loop = self.loop, disk = self.disk, log = self.log, state = given.state,
    date = given.date, atomic_write = self.atomic_write, start = given.start, rows = given.rows, leaves = given.leaves }
  build(self, given)
  return self
end

--- The client, as lua/clients/init.lua has it.
function logs.open(handle)
  local node = handle.node
  local self = logs.new { loop = handle.loop, log = node.log, policy = node.policy, here = node.here,
    time = node.time, disk = node.disk, worker = node.worker, atomic_write = node.atomic_write, folder = node.share,
    state = node.state, host = node.host, date = node.date, rows = node.content.rows, leaves = node.content.leaves,
    publish = function(...) return node:publish(...) end,
    statements = function(bucket) return node.dcache:statements(bucket, node.id) end,
    serve = function(...) return node.content:serve(...) end, start = node.flusher,
    withdraw = function(cid) return node.content:withdraw(cid) end,
    when_synced = function(fn) node.dcache:when_synced(fn) end, told = events.own(node),
    kept_back = function(cid) return node.withdraw and node.withdraw:kept_back(cid) end }
  events.listen(handle, self)
  handle:on_open(function() self.shares:serve_again() end)
  requests(handle)
  handle:why(function(thing)
    if type(thing.file) ~= "string" then return nil end
    if thing.own then return reasons_why.shared(self:files(), thing.file) end
    return why_file.rows(node, self, thing.file)
  end)
  return self
end

function Logs:start()
  self.allowed = self.consent:logs()
  self.away:start()
  self.watch:start()
  self.timer = self.loop:every(LOOK_MS, function()
    watch_consent(self)
    self.away:check()
  end)
end

-- What an own file's judgement rests on. A hook may ask for the facts of the first three.
local RESTS_ON <const> = { "name", "type", "tags", "clients.logs.share", "clients.logs.private", "clients.logs.settle",
  "clients.logs.permission", "clients.logs.copies" }

-- The policy is another one: its hook and its settings judge each file anew, where any of them changed.
function Logs:apply(_, changed)
  self.consent:set_path(permission_file(self))
  if not watch_consent(self) and changes.concern(changed, RESTS_ON) then self:reconsider() end
end

-- The permission now: true, false or nil, and why. For `here` and reports.
function Logs:permission() return self.consent:logs() end

-- What is wrong with the folder, in words, or nil.
function Logs:problem() return self.away:problem() end

-- Why nobody knows now what is in the folder, or what of it may be shared | nil: it was looked through.
function Logs:unknown()
  if not self.away.place.id or self.away.blocked then return self:problem() end
  if not self.looked then return "the share folder was not looked through yet" end
  local over, allowed, why = self.own_files:unseen(), self.consent:logs()
  if over > 0 then return ("%d more names in the folder are not looked at"):format(over) end
  return allowed == nil and why or nil
end

-- Every name in the folder, and files that are away, sorted: { name, size, cid, class, state = "growing" | "settling"
-- | "waiting" | "hashing" | "published" | "refused" | "not there", reason, word and cure (of a refusal, or of what is
-- away), rate = bytes/s, progress = bytes hashed, since = loop's ms }.
function Logs:files()
  return report.files(self.own_files.by_name, self.finished, self.away:rows())
end

-- The same, one after the other, for whoever looks at each only once. → a function that gives the next one | nil
function Logs:each_file()
  return report.each(self.own_files.by_name, self.finished, self.away:rows())
end

-- The CIDs that our own records speak of whose files are not there now.
function Logs:away_cids() return slices.keys(self.away.by_cid) end

-- What concerns the folder as a whole: { word =, text =, cure = }, in a fixed order.
function Logs:notes()
  return report.notes(self.watch:trouble(), self.own_files.over)
end

-- How many names are refused now, by word; `full` counts those that nobody looked at.
function Logs:refused()
  return report.refused(self.own_files.by_name, self.own_files.over)
end

-- Does our own record speak of a file that is not there now?
function Logs:is_away(cid) return self.away.by_cid[cid] ~= nil end

-- Files that are away will not come back: their records are unsaid. → how many
function Logs:dismiss() return self.away:dismiss() end

-- The time is another one now; own statements came back (lua/republish.lua).
function Logs:say_again()
  self.shares:say_again()
  self.away:say_again()
end

function Logs:put_right() self.shares:put_right() end

-- Asks now whether and how the own file NAME may be shared → as judge.lua's class | nothing: it is not known yet.
function Logs:judged(name)
  local file = self.own_files.by_name[name]
  if file and file.info then return self.judge:class(file) end
end

-- Nothing is dismissed: a node that is off still has its files.
function Logs:stop()
  self.watch:stop()
  self.finished:stop()
  if self.timer then self.timer:cancel() end
  self.hashing:stop()
  self.away:stop()
  self.catalogue:stop()
end

return logs
