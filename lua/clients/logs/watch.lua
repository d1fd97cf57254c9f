-- watch.lua - what is in a folder and below it, and what happens there. Opens no file, judges none.
--
-- inotify tells at once; a scan each minute, and after events were lost, tells again: it cannot go deaf.
local watch = {}
local Watch = {}
Watch.__index = Watch

local DEPTH = 8 -- folders below the folder
local FOLDERS = 1024 -- watched at most; deeper or more are found by the scan, or not at all
local FILES = 20000 -- known at most, then counted as "full"
local SCAN_MS, BLIND_MS = 60000, 5000 -- between two scans; without inotify
local SOON_MS = 100 -- to a scan that an event asks for
local READS = 64 -- of events in one turn

-- watch.new{ loop =, log =, disk =, folder =, watch = core.watch, beneath = core.beneath, seen = fn(name, info),
-- event = fn(name, event), gone = fn(name), refused = fn(name, word), scanned = fn() } → watch. Names are
-- relative to the folder.
function watch.new(given)
  return setmetatable({
    loop = given.loop, log = given.log, disk = given.disk, folder = given.folder, inotify = given.watch,
    beneath = given.beneath, seen = given.seen, event = given.event, gone = given.gone,
    refused = given.refused, scanned = given.scanned,
    known = {}, count = 0, serial = 0, queue = {}, paths = {}, numbers = {}, folders = 0,
  }, Watch)
end

local function join(path, name)
  return path == "" and name or path .. "/" .. name
end

local function depth_of(path)
  if path == "" then return 0 end
  return 1 + select(2, path:gsub("/", ""))
end

local TROUBLES = { ENOENT = "missing, and it could not be made", link = "not a folder", ENOTDIR = "not a folder",
  EACCES = "this user may not read it" }

-- Said once for each new trouble, and once when it is over.
local function trouble(self, word)
  if word == self.trouble then return end
  self.trouble = word
  local text = word and (TROUBLES[word] or "it cannot be read: " .. word)
  self.problem = text
  if text then self.log:warn("logs", "share folder cannot be watched", { folder = self.folder, why = text }) end
  if not text then self.log:info("logs", "share folder is watched again", { folder = self.folder }) end
end

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
    if each == path or each:sub(1, #path + 1) == path .. "/" then gone[#gone + 1] = number end
  end
  table.sort(gone)
  for _, number in ipairs(gone) do unwatch(self, self.paths[number]) end
end

local function listen(self, path)
  if not self.handle or self.numbers[path] or self.folders >= FOLDERS then return end
  local number = self.handle:add(path == "" and self.folder or self.folder .. "/" .. path, path == "")
  if not number then return end
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

local function meet(self, path, info)
  local name = join(path, info.name)
  if info.kind == "file" then return note(self, name, info) end
  if info.kind ~= "directory" then return self.refused(name, "link") end
  if depth_of(name) > DEPTH then return self.refused(name, "long") end
  self.queue[#self.queue + 1] = name
end

local function scan_folder(self, path)
  listen(self, path)
  local entries, beyond, word = self.beneath.list(self.folder, path, FILES)
  if not entries then
    if path == "" then trouble(self, word) end
    return false
  end
  if path == "" then trouble(self, nil) end
  table.sort(entries, function(a, b) return a.name < b.name end)
  for _, info in ipairs(entries) do meet(self, path, info) end
  if beyond > 0 then self.refused(path, "full") end
  return true
end

local function end_scan(self)
  local gone = {}
  for name, serial in pairs(self.known) do -- in any order
    if serial < self.serial then gone[#gone + 1] = name end
  end
  table.sort(gone)
  for _, name in ipairs(gone) do forget(self, name) end
  self.scanning = nil
  self.scanned()
  if self.again then self:scan() end
end

-- One folder a turn, so that the loop goes on meanwhile.
local function step(self)
  if self.stopped then return end
  local path = table.remove(self.queue, 1)
  if not path then return end_scan(self) end
  local read = scan_folder(self, path)
  if path == "" and not read and self.trouble ~= "ENOENT" then
    self.scanning = nil -- unreadable is not empty: nothing is taken for gone
    return
  end
  self.loop:post(function() step(self) end)
end

-- Looks at everything. While one scan runs, another is remembered.
function Watch:scan()
  self.again = self.scanning
  if self.scanning or self.stopped then return end
  if not self.beneath.stat(self.folder, "") then self.disk:mkdir(self.folder, 493) end -- 0755
  self.scanning, self.serial, self.queue = true, self.serial + 1, { "" }
  step(self)
end

local function soon(self)
  if self.soon then return end
  self.soon = self.loop:after(SOON_MS, function()
    self.soon = nil
    self:scan()
  end)
end

-- == events

local function on_folder(self, name, event)
  if event.moved_from or event.delete then unwatch_beneath(self, name) end
  soon(self)
end

local function on_file(self, name, event)
  if event.delete or event.moved_from then return forget(self, name) end
  if not self.known[name] then
    local info = self.beneath.stat(self.folder, name)
    if not info then return end
    if info.kind ~= "file" then return self.refused(name, "link") end
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
  elseif event.self then
    if path == "" then unwatch_beneath(self, path) end
    soon(self)
  elseif event.name and event.isdir then
    on_folder(self, join(path, event.name), event)
  elseif event.name then
    on_file(self, join(path, event.name), event)
  end
end

local function read(self)
  for _ = 1, READS do
    local events, _, word = self.handle:read()
    if not events then return trouble(self, word) end
    if #events == 0 then return end
    for _, event in ipairs(events) do on_event(self, event) end
  end
end

-- Begins with a first scan. Without inotify (too many instances) it scans more often, and says so.
function Watch:start()
  local handle, text = self.inotify.new()
  if handle then
    self.handle = handle
    self.poll = self.loop:watch(handle:fd(), "r", function() read(self) end)
  else
    self.log:warn("logs", "no inotify: looks every 5 s instead", { why = text })
  end
  self.timer = self.loop:every(handle and SCAN_MS or BLIND_MS, function() self:scan() end)
  self:scan()
end

function Watch:stop()
  self.stopped = true
  for _, timer in ipairs { self.timer or false, self.soon or false } do
    if timer then timer:cancel() end
  end
  if self.poll then self.poll:close() end
  if self.handle then self.handle:close() end
  self.poll, self.handle = nil, nil
end

return watch
