-- watch.lua - what is in a folder and below it, and what happens there. Opens no file, judges none.
--
-- inotify tells at once; a scan each minute, and after events were lost, tells again: it cannot go deaf.
local soon = require "soon"
local system_folders = require "system_folders"
local words = require "clients.logs.watch_words"

local watch = {}
local Watch = {}
Watch.__index = Watch

local DEPTH, FOLDERS = 8, 1024 -- folders below each other; watched at most: more are found by the scan, or not at all
local FILES = 20000 -- known at most, then counted as "full"
local AT_ONCE = 8 -- files that are met in a turn: where one is known already, the policy is asked
local SCAN_MS = 60000 -- between two scans
local BLIND_MS, BLIND_MOST = 5000, 2000 -- where a folder cannot be watched; with so many names at most
local SOON_MS, READS = 100, 64 -- to a scan that an event asks for; of events in one turn

-- watch.new{ loop =, log =, disk =, folder =, watch = core.watch, safe_open = core.safe_open, ready = fn() → is it
-- one that may be looked at now; read_told = fn(word): the folder itself could not be read, nil: it could; seen = fn(
-- name, info), event = fn(name, event), gone = fn(name), hidden = fn(name): it was there, and now its folder cannot be
-- read; refused = fn(name, word, why, how many names), scanned = fn() } → watch. Names are relative to the folder.
function watch.new(given)
  local self = setmetatable({ inotify = given.watch, known = {}, count = 0, serial = 0, queue = {}, paths = {},
    numbers = {}, folders = 0, unread = {} }, Watch)
  for _, name in ipairs { "loop", "log", "folder", "safe_open", "ready", "read_told", "seen", "event", "gone",
    "hidden", "refused", "scanned" } do
    self[name] = given[name]
  end
  self.coming = soon.new(self.loop, SOON_MS, function() self:scan() end)
  return self
end

local function join(path, name) return path == "" and name or path .. "/" .. name end

local function depth_of(path) return path == "" and 0 or 1 + select(2, path:gsub("/", "")) end

-- == which folders inotify watches

local function unwatch(self, path)
  local number = self.numbers[path]
  if not number then return end
  self.handle:remove(number)
  self.numbers[path], self.paths[number] = nil, nil
  self.folders = self.folders - 1
end

local function unwatch_beneath(self, path)
  local gone = {}
  for number, each in pairs(self.paths) do -- in any order
    if path == "" or each == path or each:sub(1, #path + 1) == path .. "/" then gone[#gone + 1] = number end
  end
  table.sort(gone)
  for _, number in ipairs(gone) do unwatch(self, self.paths[number]) end
end

-- A folder that cannot be watched is found by scans, which come more often then.
local function listen(self, path)
  if not self.handle or self.numbers[path] then return end
  if self.folders >= FOLDERS then
    self.unwatched = self.unwatched + 1
    return
  end
  local number, _, code = self.handle:add(path == "" and self.folder or self.folder .. "/" .. path, path == "")
  if not number then
    if code == "ENOSPC" or code == "ENOMEM" then self.unwatched, self.deaf = self.unwatched + 1, code end
    return
  end
  if self.paths[number] then unwatch(self, self.paths[number]) end -- the same folder under a newer name
  self.numbers[path], self.paths[number] = number, path
  self.folders = self.folders + 1
end

-- == scanning

local function forget(self, name)
  if not self.known[name] then return end
  self.known[name] = nil
  self.count = self.count - 1
  self.gone(name)
end

local function note(self, name, info)
  if not self.known[name] then
    if self.count >= FILES then return self.refused(name, "full") end
    self.count = self.count + 1
  end
  self.known[name] = self.serial
  self.seen(name, info)
end

-- Where a file was is none now, or one that nobody may look at: that is said of it, not that it is gone.
local function unknow(self, name)
  if self.known[name] then self.known[name], self.count = nil, self.count - 1 end
end

local function meet(self, path, info)
  local name = join(path, info.name)
  if info.kind == "file" then return note(self, name, info) end
  unknow(self, name)
  if info.kind ~= "directory" then return self.refused(name, words.word_of(info)) end
  if system_folders.has(name) then return end -- of the root only: the folder may be a whole disk
  if depth_of(name) > DEPTH then return self.refused(name .. "/", "deep") end
  self.queue[#self.queue + 1] = name
end

-- A folder that is gone, or became a link, holds nothing; one that cannot be read may.
local function cannot_read(self, path, code)
  if path == "" then return self.read_told(code) end
  if code == "ENOENT" or code == "link" then return end
  self.unread[#self.unread + 1] = path .. "/"
  self.refused(path .. "/", code)
end

local function scan_folder(self, path, serial)
  listen(self, path)
  local entries, beyond, code = self.safe_open.list(self.folder, path, FILES)
  if not entries then
    cannot_read(self, path, code)
    return false
  end
  local names, by_name = {}, {}
  for i, info in ipairs(entries) do names[i], by_name[info.name] = info.name, info end
  table.sort(names) -- without a function of ours: there may be thousands
  if path == "" then self.read_told(nil) end
  if self.serial ~= serial then return true end
  self.found = { path = path, names = names, by_name = by_name, at = 0 }
  if beyond > 0 then self.refused(join(path, ""), "full", nil, beyond) end
  return true
end

-- What was found in a folder, some in a turn.
local function meet_some(self, serial)
  local found = self.found
  for at = found.at + 1, math.min(found.at + AT_ONCE, #found.names) do
    meet(self, found.path, found.by_name[found.names[at]])
    if self.serial ~= serial then return end -- it was reset
  end
  found.at = found.at + AT_ONCE
  if found.at >= #found.names then self.found = nil end
end

-- Is it in a folder that the last scan could not read? → that folder | nil
function Watch:unread_above(name)
  for _, path in ipairs(self.unread) do
    if name:sub(1, #path) == path then return path end
  end
end

local function end_scan(self)
  local gone = {}
  for name, serial in pairs(self.known) do -- in any order
    if serial < self.serial then gone[#gone + 1] = name end
  end
  table.sort(gone)
  self.scanning = nil
  for _, name in ipairs(gone) do
    if self:unread_above(name) then
      unknow(self, name)
      self.hidden(name)
    else
      forget(self, name)
    end
  end
  self.scanned()
  if self.again then self:scan() end
end

-- The next folder is read. → false where that was the root, and cannot be
local function next_folder(self, path, serial)
  local read = scan_folder(self, path, serial)
  if self.serial ~= serial or path ~= "" or read then return true end
  self.scanning = nil -- unreadable is not empty: nothing is taken for gone
  return false
end

-- Some files of one folder a turn, so that the loop goes on meanwhile. SERIAL: of this scan; after a reset it is
-- another's turn.
local function step(self, serial)
  if self.stopped or self.serial ~= serial then return end
  local path = not self.found and table.remove(self.queue, 1)
  if not path and not self.found then
    if self.ready() and self.serial == serial then end_scan(self) end
    return
  end
  if path and not next_folder(self, path, serial) or self.serial ~= serial then return end
  if self.found then meet_some(self, serial) end
  self.loop:post(function() step(self, serial) end)
end

-- Looks at everything. While one scan runs, another is remembered.
function Watch:scan()
  if self.stopped or not self.ready() then return end
  self.again = self.scanning
  if self.scanning then return end
  self.scanning, self.serial, self.queue, self.unread, self.found = true, self.serial + 1, { "" }, {}, nil
  self.unwatched, self.deaf = 0, nil
  step(self, self.serial)
end

-- Another folder stands in its place, or none: what is known of the old one is forgotten without a word.
function Watch:reset()
  unwatch_beneath(self, "")
  self.known, self.count, self.queue, self.unread, self.unwatched = {}, 0, {}, {}, 0
  self.scanning, self.again, self.found, self.serial = nil, nil, nil, self.serial + 1
end

-- == events

local function on_folder(self, name, event)
  if event.moved_from or event.delete then unwatch_beneath(self, name) end
  self.coming:ask()
end

local function on_file(self, name, event)
  if event.delete or event.moved_from then return forget(self, name) end
  if not self.known[name] then
    local info = self.safe_open.stat(self.folder, name)
    if not info then return end
    if info.kind ~= "file" then return self.refused(name, words.word_of(info)) end
    if self.count >= FILES then return self.refused(name, "full") end
    self.count = self.count + 1
    self.known[name] = self.serial
  end
  self.event(name, event)
end

local function on_event(self, event)
  local path = self.paths[event.wd]
  if event.overflow then return self:scan() end
  if not path then return end
  if event.ignored then
    unwatch(self, path)
    if path == "" then self.coming:ask() end
  elseif event.self or event.attributes and not event.name then
    if event.self and path == "" then unwatch_beneath(self, path) end
    self.coming:ask()
  elseif event.name and event.isdir then
    on_folder(self, join(path, event.name), event)
  elseif event.name then
    on_file(self, join(path, event.name), event)
  end
end

local function read(self)
  for _ = 1, READS do
    local events, _, code = self.handle:read()
    if not events then return self.log:once("inotify " .. code, "warn", "logs", "inotify fails", { why = code }) end
    if #events == 0 then return end
    for _, event in ipairs(events) do on_event(self, event) end
  end
end

-- Where inotify, or a watch, is not to be had, what is new is found by scans only.
local function scan_in_time(self)
  local often = (not self.handle or self.unwatched > 0) and self.count <= BLIND_MOST
  if often or self.loop:now() - self.last_scan >= SCAN_MS then
    self.last_scan = self.loop:now()
    self:scan()
  end
end

-- Begins with a first scan. Without inotify (too many instances) it scans more often.
function Watch:start()
  local handle, _, code = self.inotify.new()
  self.unwatched, self.last_scan = 0, self.loop:now()
  if handle then
    self.handle = handle
    self.poll = self.loop:watch(handle:fd(), "r", function() read(self) end)
  else
    self.no_inotify = code
  end
  self.timer = self.loop:every(BLIND_MS, function() scan_in_time(self) end)
  self:scan()
end

-- What hears no events: a row (watch_words.lua) | nil.
function Watch:trouble()
  return words.trouble { no_inotify = self.no_inotify, unwatched = self.unwatched or 0, code = self.deaf,
    seconds = (self.count <= BLIND_MOST and BLIND_MS or SCAN_MS) // 1000 }
end

function Watch:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
  self.coming:stop()
  if self.poll then self.poll:close() end
  if self.handle then self.handle:close() end
  self.poll, self.handle = nil, nil
end

return watch
