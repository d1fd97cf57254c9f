-- integrity.lua - is a stored file still what it was? Its place, its identity and, where that changed, its bytes. Ends
-- nothing.
--
-- A disk that is mounted anew, or a restored one, changes identities and no bytes: such files are hashed again, one at
-- a time beside the loop, and are served and claimed meanwhile. A disk that is not there has lost nothing.
local cid = require "core.cid"
local stored = require "dcache.content.stored"
local home_filesystem = require "dcache.content.home_filesystem"
local unixfs = require "core.unixfs"
local worker = require "worker"

local integrity = {}
integrity.__index = integrity

--- given.loop, disk, log, atomic_write
--- given.dir      the state folder (path)
--- given.folder   where stored files lie (path)
--- given.flusher  fn(threads) → worker, as fetch.lua has it; nil: in the loop
--- given.mount    core.mount, for home_filesystem.lua
--- given.date     fn() → text, see lua/kept.lua
--- given.path_of  fn(file) → path
--- given.leaves_of  fn(file) → digests | nil: they are lost
--- given.told     fn(file, identity | nil, why): it was hashed; it is whole if there is an identity
function integrity.new(given)
  local self = setmetatable({ queue = {} }, integrity)
  for _, name in ipairs { "loop", "disk", "atomic_write", "folder", "path_of", "leaves_of", "told" } do
    self[name] = given[name]
  end
  self.home_filesystem = home_filesystem.new { disk = given.disk, log = given.log,
    atomic_write = given.atomic_write, mount = given.mount,
    folder = given.folder, dir = given.dir, date = given.date }
  self.start = given.flusher or function() return worker.new { loop = given.loop, inline = true } end
  return self
end

-- All files are looked at anew from here on.
function integrity:begin() self.away, self.found = nil, nil end

-- All were looked at: where nothing is missing the files moved, if they are at another place than before.
function integrity:finish()
  if self.found and not self.away and not self.queue[1] then self.home_filesystem:settle() end
end

-- Is the disk gone that FILE was on? Earlier versions did not write down the place; then the device's number tells.
local function is_away(self, file)
  local here, why = self.home_filesystem:check()
  if here == nil then
    local folder = self.disk:stat(self.folder)
    here, why = folder ~= nil and folder.dev == file.identity.dev, "another file system lies in its place"
  end
  if not here then self.away = why end
  return not here
end

-- Other bytes on another file system say nothing of ours.
local function is_elsewhere(self)
  local here, why = self.home_filesystem:check()
  if here == false then self.away = why end
  return here == false
end

-- Before anything is put there, when there are held files: is the folder of the file system on which they were seen
-- last? Sets `away` where it is not.
function integrity:is_there()
  local here, why = self.home_filesystem:check()
  if here or here == nil and not self.away then return true end
  self.away = self.away or why
  return false
end

-- "same"; "missing"; "damaged" and why; "checked": it is hashed; "unknown" and why: it cannot be looked at.
function integrity:check(file)
  local facts, err, code = self.disk:stat(self.path_of(file))
  if not facts then
    if code ~= "ENOENT" and code ~= "ENOTDIR" then
      self.away = err
      return "unknown", err
    end
    return is_away(self, file) and "unknown" or "missing", self.away
  end
  if stored.same(file.identity, stored.identity(facts)) and not file.suspect then
    self.found = true
    if not self.home_filesystem.id then self.home_filesystem:settle() end
    return "same"
  end
  if facts.kind ~= "file" or facts.size ~= file.identity.size then
    if is_elsewhere(self) then return "unknown", self.away end
    return "damaged", "it has another size"
  end
  local why = file.unread
  file.unread = nil
  self:rehash(file)
  why = file.unread or why
  return why and "unknown" or "checked", why
end

local function close(self, file)
  if self.opened then self.opened:close() end
  self.opened, file.checking = nil, nil
end

local begin

local function ended(self, file, identity, why)
  close(self, file)
  table.remove(self.queue, 1)
  if identity or not is_elsewhere(self) then self.told(file, identity, why) end
  begin(self)
end

-- Codes that tell nothing of the file: this process lacks something, or may not read it, or the file went while it was
-- hashed. Nothing is set aside for it: of what is there, the oldest goes for good.
local TELLS_NOTHING = { EMFILE = true, ENFILE = true, ENOMEM = true, EAGAIN = true, full = true, closed = true,
  ENOENT = true, EACCES = true, EPERM = true }

-- It could not be hashed now, as WHY says; the next look at it asks again.
local function put_off(self, file, why)
  close(self, file)
  file.unread = why
  table.remove(self.queue, 1)
  return begin(self)
end

-- It cannot be read. Where the disk still takes a byte it is the file that is damaged; else it is the disk.
local function unreadable(self, file, err, code)
  if TELLS_NOTHING[code] then return put_off(self, file, err) end
  self.atomic_write:put(self.folder .. "/.alive", "", 384, function(ok, why)
    if ok then
      self.disk:unlink(self.folder .. "/.alive")
      return ended(self, file, nil, err)
    end
    self.away = why
    put_off(self, file, err)
  end)
end

local function finish(self, file)
  local facts, err, code = self.disk:stat(self.path_of(file))
  if not facts then return unreadable(self, file, err, code) end
  ended(self, file, stored.identity(facts))
end

local function check_leaf(self, file, leaves, number)
  local digest, offset = leaves:sub(number * 32 - 31, number * 32), (number - 1) * unixfs.chunk
  if #digest == 0 then return finish(self, file) end
  local what = { file = self.opened, cid = cid.make("raw", digest), offset = offset,
    size = math.min(unixfs.chunk, file.identity.size - offset) }
  local job, err, code = self.worker:run(unixfs.check, what, function(result)
    if self.stopped then return end
    if result.kept then return check_leaf(self, file, leaves, number + 1) end
    if result.word then return unreadable(self, file, result.error, result.word) end
    ended(self, file, nil, "its bytes are not those that were checked when it came")
  end)
  if not job then unreadable(self, file, err, code) end
end

-- Its leaves are lost: it is hashed as a whole, and they are known again.
local function hash(self, file)
  local folder, name = self.path_of(file):match "^(.*)/([^/]+)$"
  local job, err, code = self.worker:run(unixfs.hash, { folder = folder, name = name }, function(result)
    if self.stopped then return end
    if not result.cid then return unreadable(self, file, result.error, result.word) end
    if result.cid ~= file.cid then return ended(self, file, nil, "its bytes are those of another file") end
    file.leaves = result.leaves
    ended(self, file, result.identity)
  end)
  if not job then unreadable(self, file, err, code) end
end

function begin(self)
  local file, err, code = self.queue[1], nil, nil
  if not file or self.opened or self.stopped then return end
  if not self.worker then self.worker, err, code = self.start(1) end
  if self.worker then self.opened, err, code = self.disk:open(self.path_of(file), "read") end
  if not self.opened then return unreadable(self, file, err, code) end
  local leaves = self.leaves_of(file)
  if leaves then check_leaf(self, file, leaves, 1) else hash(self, file) end
end

-- Hashes FILE, though it may look the same.
function integrity:rehash(file)
  if file.checking then return end
  file.checking = true
  self.queue[#self.queue + 1] = file
  begin(self)
end

function integrity:stop()
  self.stopped = true
  if self.opened then self.opened:close() end
  self.opened = nil
  if self.worker then self.worker:close() end
end

return integrity
