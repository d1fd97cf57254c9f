-- init.lua - the logs client: finished files of the share folder become records with a CID. Fetches nothing.
local beneath = require "core.beneath"
local inotify = require "core.watch"
local catalogue = require "clients.logs.catalogue"
local consent = require "clients.logs.consent"
local finished = require "clients.logs.finished"
local hashing = require "clients.logs.hashing"
local judge = require "clients.logs.judge"
local replacing = require "replacing"
local report = require "clients.logs.report"
local shares = require "clients.logs.shares"
local watch = require "clients.logs.watch"
local sorted = require "sorted"

local logs, Logs = {}, {}
Logs.__index = Logs

local CONSENT_MS = 1000 -- between two looks at the permission while nobody asks
local SLICE = 200 -- files asked about again each minute
local STRAYS = 1000 -- names that are no files and are shown; more are only counted
local SETTLE = { least = 2, per = 32 * 1024 * 1024, most = 120 }

-- == one file and what is known of it

local function set(file, state, reason)
  if file.state ~= state or file.reason ~= reason then file.since = file.owner.loop:now() end
  file.state, file.reason = state, reason
end

local function unshare(self, file)
  self.hashing:cancel(file)
  if file.shared then self.shares:remove(file.name, file.shared) end
  file.shared = nil
end

local function refuse(self, file, word, why)
  unshare(self, file)
  local reason = why and word .. ": " .. why or word
  if file.told ~= reason then self.log:info("logs", "not shared", { { "file", file.name }, { "why", reason } }) end
  file.word, file.told = word, reason
  set(file, "refused", reason)
end

local function file_of(self, name)
  local file = self.files_by_name[name]
  if not file then
    file = { owner = self, name = name, since = self.loop:now() }
    self.files_by_name[name] = file
  end
  return file
end

-- The file begins to settle (again): whatever was known of it holds no longer.
local function restart(self, name, event)
  local file = file_of(self, name)
  unshare(self, file)
  file.info, file.cid, file.class, file.word = nil, nil, nil, nil
  set(file, "settling")
  self.finished:touch(name, event)
end

local function gone(self, name)
  local file = self.files_by_name[name]
  if not file then return end
  unshare(self, file)
  self.finished:forget(name)
  self.catalogue:drop(name)
  self.files_by_name[name] = nil
end

-- == publishing
local function share(self, file)
  local ok, why = self.shares:add(file.name, file.cid, file.info.size, file.class, file.info)
  file.shared = file.cid
  if not ok then return set(file, "waiting", why) end
  if file.state ~= "published" then set(file, "waiting", "for the disk") end
  self.shares.when_synced(function() if file.reason == "for the disk" then set(file, "published") end end)
end

local function hashed(self, file, result)
  if result.cid then
    file.cid, file.info = result.cid, result.identity
    self.catalogue:put(file.name, result.cid, result.identity)
    self:consider(file)
  elseif not result.unkept and (result.word == "moved" or result.word == "ENOENT") then
    restart(self, file.name)
  else
    refuse(self, file, result.word, result.unkept)
  end
end

-- A finished file: judged, then hashed unless that was done before, then judged once more and published.
function Logs:consider(file)
  local class, word, why = self.judge:class(file)
  if not class then return refuse(self, file, word, why) end
  file.word = nil
  if class == "wait" then
    unshare(self, file)
    return set(file, "waiting", word or "the policy says wait")
  end
  file.class = class
  if not file.cid then file.cid = self.catalogue:find(file.name, file.info) end
  if file.cid then return share(self, file) end
  set(file, "waiting", "for its turn to be hashed")
  self.hashing:add(file)
end

-- == news

local function take(self, name, info)
  local file = file_of(self, name)
  file.info, file.finished = info, self.loop:now()
  self:consider(file)
end

local function on_seen(self, name, info)
  local file = self.files_by_name[name]
  if not file and self.catalogue:find(name, info) then return take(self, name, info) end
  if not file then return restart(self, name) end
  if file.info and not finished.same(file.info, info) then return restart(self, name) end
  if file.state == "refused" and not file.info then restart(self, name) end
end

local function on_event(self, name, event)
  local file = self.files_by_name[name]
  if not file then return restart(self, name, event) end
  if not file.info then return self.finished:touch(name, event) end
  local info = beneath.stat(self.folder, name)
  if not info or not finished.same(info, file.info) then restart(self, name, event) end
end

-- What is no regular file, or one too many. Bounded: a folder may hold a million of them.
local function on_refused(self, name, word)
  if word == "full" or (not self.files_by_name[name] and self.strays >= STRAYS) then
    self.beyond = self.beyond + 1
    return self.log:once("logs full", "warn", "logs", "too many names in the share folder", { name = name })
  end
  local file = file_of(self, name)
  if file.info or file.state ~= "refused" then self.finished:forget(name) end
  file.info = nil
  if not self.stray[name] then self.stray[name], self.strays = true, self.strays + 1 end
  refuse(self, file, word)
end

-- What is no file and was not met again by a scan is gone.
local function sweep(self)
  for name in pairs(self.stray_before) do -- in any order
    local file = self.files_by_name[name]
    if not self.stray[name] and file and file.state == "refused" and not file.info then
      self.files_by_name[name] = nil
    end
  end
  self.stray_before, self.stray, self.strays, self.over, self.beyond = self.stray, {}, 0, self.beyond, 0
end

-- Asks again about SLICE files, round and round: facts change, policies too.
local function ask_again(self, most)
  local names, asked = sorted.keys(self.files_by_name), 0
  for i = 1, #names do
    local name = names[(self.turn + i - 1) % #names + 1]
    local file = self.files_by_name[name]
    if file and file.info and not self.hashing:has(file) then
      self:consider(file)
      asked = asked + 1
    end
    if asked >= most then
      self.turn = (self.turn + i) % #names
      return
    end
  end
end

local function each_minute(self)
  sweep(self)
  ask_again(self, SLICE)
  self.shares:renew(#self.finished.entries == 0 and self.hashing:is_idle())
end

-- Asks about every file again: after the policy was reloaded or the permission changed.
function Logs:reconsider()
  ask_again(self, math.maxinteger)
end

local function watch_consent(self)
  local allowed, why = self.consent:logs()
  if allowed == self.allowed then return end
  self.allowed = allowed
  self.log:info("logs", "permission", { { "share", tostring(allowed) }, { "why", why } })
  self:reconsider()
end

-- == from outside

local function settle_of(self)
  return function(size)
    local form = self.policy:get "clients.logs.settle" or SETTLE
    return math.floor(math.min(form.least + size / form.per, form.most) * 1000)
  end
end

local function build(self, given)
  self.finished = finished.new {
    loop = self.loop, settle = settle_of(self),
    stat = function(name) return beneath.stat(self.folder, name) end,
    busy = function(name) return (beneath.busy(self.folder, name)) end,
    done = function(name, info) take(self, name, info) end,
    lost = function(name, word) if word == "link" then on_refused(self, name, word) else gone(self, name) end end,
  }
  self.hashing = hashing.new {
    worker = self.worker, folder = self.folder, begun = function(file) set(file, "hashing") end,
    keep = function(result, told) self.catalogue:keep(result.cid, result.leaves, told) end,
    done = function(file, result) hashed(self, file, result) end,
  }
  self.shares = shares.new {
    loop = self.loop, time = self.time, log = self.log, folder = self.folder, publish = given.publish,
    records = given.records, serve = given.serve, withdraw = given.withdraw, ttl = given.ttl,
    leaves = function(name, identity) return self.catalogue:find(name, identity) end, when_synced = given.when_synced,
  }
  self.watch = watch.new {
    loop = self.loop, log = self.log, disk = self.disk, folder = self.folder, watch = inotify, beneath = beneath,
    seen = function(name, info) on_seen(self, name, info) end,
    event = function(name, event) on_event(self, name, event) end,
    gone = function(name) gone(self, name) end,
    refused = function(name, word) on_refused(self, name, word) end,
    scanned = function() each_minute(self) end,
  }
end

-- logs.new{ loop, log, policy, here = fn() → facts, time, disk, worker (lua/worker.lua), folder, state = folder,
-- publish = fn(verb, bucket, key, data, ttl in s) → true | nil, text, word; records = fn(bucket) → array of { key,
-- data, verb, valid_until = s, mine }; serve = fn(cid, folder, name, identity, leaves) → true | nil, text, word;
-- withdraw = fn(cid), when_synced(fn); permission = path | false (else the policy's), ttl = s (30 days);
-- flusher = fn() → a worker for the disk, or nil (replacing.lua) } → logs.
function logs.new(given)
  local self = setmetatable({
    loop = given.loop, log = given.log, policy = given.policy, here = given.here, time = given.time,
    disk = given.disk, worker = given.worker, folder = given.folder,
    files_by_name = {}, stray = {}, stray_before = {}, strays = 0, beyond = 0, over = 0, turn = 0,
  }, Logs)
  local path = given.permission
  if path == nil then path = self.policy:get "clients.logs.permission" end
  self.consent = consent.new { disk = self.disk, loop = self.loop, path = path }
  self.judge = judge.new { policy = self.policy, here = self.here, loop = self.loop, consent = self.consent }
  self.catalogue = catalogue.open { loop = self.loop, disk = self.disk, log = self.log, folder = given.state,
    replacing = replacing.new { disk = self.disk, log = self.log, start = given.flusher } }
  build(self, given)
  return self
end

function Logs:start()
  self.allowed = self.consent:logs()
  self.watch:start()
  self.timer = self.loop:every(CONSENT_MS, function() watch_consent(self) end)
end

-- The permission now: true, false or nil, and why. For `here` and reports.
function Logs:permission()
  return self.consent:logs()
end

-- What is wrong with the folder, in words, or nil.
function Logs:problem()
  return self.watch.problem
end

-- Every name in the folder, sorted: { name, size, cid, class, state = "growing" | "settling" | "waiting" | "hashing" |
-- "published" | "refused", reason, word (of a refusal), rate = bytes/s, progress = bytes hashed, since = loop's ms }.
function Logs:files()
  return report.files(self.files_by_name, self.finished)
end

-- How many names are refused now, by word; `full` counts those that nobody looked at.
function Logs:refused()
  return report.refused(self.files_by_name, self.over)
end

-- The time is another one now; own words came back (lua/node.lua).
function Logs:say_again() self.shares:say_again() end
function Logs:serve_again() self.shares:serve_again() end
function Logs:put_right() self.shares:put_right() end

-- Nothing is dismissed: a node that is off still has its files.
function Logs:stop()
  self.watch:stop()
  self.finished:stop()
  if self.timer then self.timer:cancel() end
  self.hashing:stop()
  local ok, why = self.catalogue:stop()
  if not ok then self.log:warn("logs", "catalogue not written", { why = why }) end
end

return logs
