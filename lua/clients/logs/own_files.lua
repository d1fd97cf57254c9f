-- own_files.lua - the files of the share folder one by one: from the first look to the record. Walks no folder.
local safe_open = require "core.safe_open"
local finished = require "clients.logs.finished"
local sorted = require "sorted"
local words = require "clients.logs.watch_words"

local own_files = {}
own_files.__index = own_files

local SLICE = 8 -- files about which the policy is asked in a turn
local STRAYS = 1000 -- names that are no files and are shown; more are only counted
local BROKEN = { EIO = true, ENXIO = true, ENODEV = true, ESTALE = true, EBADMSG = true, EUCLEAN = true,
  ETIMEDOUT = true } -- the disk fails: the file may come back

local WHY = { EACCES = "this user may not read it", deep = "eight folders deep are looked into",
  size = "it is larger than 1 TiB" }

-- loop, log, folder, kept_back(cid) → why it is not shared | nil, told(file): it has another state; judge, catalogue,
-- hashing, shares, away, finished: as in init.lua, set there.
function own_files.new(given)
  return setmetatable({ loop = given.loop, log = given.log, folder = given.folder, told = given.told,
    kept_back = given.kept_back, by_name = {}, stray = {},
    stray_before = {}, strays = 0, beyond = 0, over = 0, turn = 0 }, own_files)
end

-- == one file and what is known of it

function own_files.set(file, state, reason)
  local is_new = file.state ~= state
  if is_new or file.reason ~= reason then file.since = file.owner.loop:now() end
  file.state, file.reason = state, reason
  if is_new then file.owner.told(file) end
end

local set = own_files.set

-- KEPT: its statement still stands, though it is not served while it is looked at again.
local function unshare(self, file)
  self.hashing:cancel(file)
  if file.shared then self.shares:remove(file.name, file.shared) end
  if file.kept then self.shares:dismiss(file.kept.cid) end
  file.shared, file.kept, file.was = nil, nil, nil
end

-- It is there, but cannot be read now: its statement stands, that of an earlier run, too (away.lua asks by `live`).
local function hide(self, file, code)
  file.unread = true
  local kept = file.shared and self.shares:release(file.name, file.shared) or file.kept
  self.away:hide(kept, "disk", code .. ": it cannot be read")
  file.shared, file.kept = nil, nil
end

local function refuse(self, file, code, why)
  if BROKEN[code] then hide(self, file, code) end
  unshare(self, file)
  why = why or WHY[code]
  local reason = why and code .. ": " .. why or code
  if file.told ~= reason then self.log:info("logs", "not shared", { { "file", file.name }, { "why", reason } }) end
  file.word, file.told = code, reason
  set(file, "refused", reason)
end

local function file_of(self, name)
  local file = self.by_name[name]
  if not file then
    file = { owner = self, name = name, since = self.loop:now(), met = self.loop:now() }
    self.by_name[name] = file
  end
  return file
end

-- After a remount or a restore it has other numbers but the same size and time: its statement stands until it is
-- hashed.
local function looks_the_same(self, file)
  local was, info = file.was or file.shared and file.info, safe_open.stat(self.folder, file.name)
  return was and info and info.kind == "file" and was.size == info.size and was.mtime_ns == info.mtime_ns
end

local function keep(self, file)
  self.hashing:cancel(file)
  file.was = file.was or file.info
  if file.shared then file.kept = self.shares:release(file.name, file.shared) end
  file.shared = nil
end

-- The file begins to settle (again): whatever was known of it holds no longer.
function own_files:restart(name, event)
  local file = file_of(self, name)
  if looks_the_same(self, file) then
    keep(self, file)
  elseif (file.shared or file.kept) and self.away:check() then
    return -- it is in another folder now, and nobody knows that it changed in its own
  else
    unshare(self, file)
  end
  file.info, file.cid, file.barred, file.class, file.word, file.unread = nil, nil, nil, nil, nil, nil
  set(file, "settling")
  self.finished:touch(name, event)
end

-- GONE: it went; else it may be there still.
local function drop(self, file, gone)
  self.hashing:cancel(file)
  self.finished:forget(file.name)
  self.by_name[file.name] = nil
  local kept = file.shared and self.shares:release(file.name, file.shared, gone) or file.kept
  file.shared, file.kept = nil, nil
  return kept
end

-- It is not there any more.
function own_files:gone(name)
  local file = self.by_name[name]
  if not file then return end
  self.catalogue:drop(name)
  self.away:lose(drop(self, file, true))
  set(file, "gone")
end

-- It may be there, but its folder cannot be read.
function own_files:hidden(name, folder)
  local file = self.by_name[name]
  if file then self.away:hide(drop(self, file), "folder", ("its folder %s cannot be read"):format(folder)) end
end

-- All files are forgotten, none is unsaid. → statements that stood though their files were looked at again
function own_files:vanish()
  local kept = {}
  for _, name in ipairs(sorted.keys(self.by_name)) do
    local file = self.by_name[name]
    self.hashing:cancel(file)
    self.finished:forget(name)
    kept[#kept + 1] = file.kept
  end
  self.by_name, self.stray, self.stray_before, self.strays, self.beyond, self.over = {}, {}, {}, 0, 0, 0
  return kept
end

-- Is there a file of that name: "pending": nobody knows yet what it is; "unread": it cannot be read; "judged"; or nil.
function own_files:live(name)
  local file = self.by_name[name]
  if not file then return nil end
  if file.unread then return "unread" end
  local pending = file.state ~= "refused" and not file.info or self.hashing:has(file)
  return pending and "pending" or "judged"
end

-- Does any file settle or wait for its hash? BEFORE (loop's ms): of those that were met before then.
function own_files:unfinished(before)
  if not before then return #self.finished.entries > 0 or not self.hashing:is_idle() end
  for name, file in pairs(self.by_name) do -- in any order
    if file.met < before and self:live(name) == "pending" then return true end
  end
  return false
end

-- == publishing

local function share(self, file)
  local kept_back = self.kept_back(file.cid)
  file.barred = kept_back and file.cid or nil
  if kept_back then return refuse(self, file, "permission", kept_back) end
  local kept = file.kept and file.kept.cid == file.cid and file.kept or self.away:take(file.cid)
  if file.kept and file.kept ~= kept then self.shares:dismiss(file.kept.cid) end
  file.kept, file.was = nil, nil
  local ok, why = self.shares:add(file.name, file.cid, file.info.size, file.class, file.info, kept)
  file.shared = file.cid
  if not ok then return set(file, "waiting", why) end
  if file.state ~= "published" then set(file, "waiting", "for the disk") end
  self.shares.when_synced(function() if file.reason == "for the disk" then set(file, "published") end end)
end

function own_files:hashed(file, result)
  if result.cid then
    file.cid, file.info = result.cid, result.identity
    self.catalogue:put(file.name, result.cid, result.identity)
    self:consider(file)
  elseif not result.unkept and (result.word == "moved" or result.word == "ENOENT") then
    self:restart(file.name)
  else
    refuse(self, file, result.word, result.unkept)
  end
end

-- A finished file: judged, then hashed unless that was done before, then judged once more and published.
function own_files:consider(file)
  local class, code, why = self.judge:class(file)
  if not class then return refuse(self, file, code, why) end
  file.word = nil
  if class == "wait" then
    unshare(self, file)
    return set(file, "waiting", code or "the policy says wait")
  end
  file.class = class
  if not file.cid then file.cid = self.catalogue:find(file.name, file.info) end
  if file.cid then return share(self, file) end
  set(file, "waiting", "for its turn to be hashed")
  self.hashing:add(file)
end

-- == news

function own_files:take(name, info)
  local file = file_of(self, name)
  file.info, file.finished_at = info, self.loop:now()
  self:consider(file)
end

function own_files:seen(name, info)
  local file = self.by_name[name]
  if not file and self.catalogue:find(name, info) then return self:take(name, info) end
  if not file then return self:restart(name) end
  if file.info and not finished.same(file.info, info) then return self:restart(name) end
  if file.state == "refused" and not file.info then self:restart(name) end
end

function own_files:event(name, event)
  local file = self.by_name[name]
  if not file then return self:restart(name, event) end
  if not file.info then return self.finished:touch(name, event) end
  local info = safe_open.stat(self.folder, name)
  if not info or not finished.same(info, file.info) then self:restart(name, event) end
end

-- A file that was settling is gone, cannot be looked at (CODE), or something else stands there (INFO).
function own_files:lost(name, code, info)
  if info then return self:refused(name, words.word_of(info)) end
  if code == "ENOENT" or code == "link" then return self:gone(name) end
  self:refused(name, code)
end

-- What is no regular file, or N too many. Bounded: a folder may hold a million of them.
function own_files:refused(name, code, why, n)
  if code == "full" or (not self.by_name[name] and self.strays >= STRAYS) then
    self.beyond = self.beyond + (n or 1)
    return self.log:once("logs full", "warn", "logs", "too many names in the share folder", { name = name })
  end
  local file = file_of(self, name)
  if file.info or file.state ~= "refused" then self.finished:forget(name) end
  file.info, file.unread = nil, nil
  if code:find "^E" then hide(self, file, code) end
  if not self.stray[name] then self.stray[name], self.strays = true, self.strays + 1 end
  refuse(self, file, code, why)
end

-- How many names in the folder nobody looked at, as far as is known.
function own_files:unseen() return math.max(self.over, self.beyond) end

-- What is no file and was not met again by a scan is gone.
function own_files:sweep()
  for name in pairs(self.stray_before) do -- in any order
    local file = self.by_name[name]
    if not self.stray[name] and file and file.state == "refused" and not file.info then self.by_name[name] = nil end
  end
  self.stray_before, self.stray, self.strays, self.over, self.beyond = self.stray, {}, 0, self.beyond, 0
end

-- Asks about the file NAME again → true, where it is one that can be judged now.
local function ask(self, name)
  local file = self.by_name[name]
  if not file or not file.info or self.hashing:has(file) then return false end
  self:consider(file)
  return true
end

-- Asks again about the files with these bytes.
function own_files:ask_of(cid)
  for _, name in ipairs(sorted.keys(self.by_name)) do
    if self.by_name[name].cid == cid then ask(self, name) end
  end
end

-- Asks about the files NAMES, some a turn. Who calls this again meanwhile has it begin anew.
local function ask_each(self, names)
  local at = 0
  self.asking = names
  local function slice()
    if self.asking ~= names then return end
    for i = at + 1, math.min(at + SLICE, #names) do ask(self, names[i]) end
    at = at + SLICE
    if at < #names then return self.loop:post(slice) end
    self.asking = nil
  end
  slice()
end

-- Asks again about at most MOST files, round and round: facts change, policies too.
function own_files:ask_again(most)
  if self.asking then return end
  local names, some = sorted.keys(self.by_name), {}
  for i = 1, math.min(most, #names) do some[i] = names[(self.turn + i - 1) % #names + 1] end
  self.turn = #names > 0 and (self.turn + #some) % #names or 0
  ask_each(self, some)
end

-- Asks about all of them.
function own_files:ask_all() ask_each(self, sorted.keys(self.by_name)) end

return own_files
