-- partial.lua - a file that is being put together from its blocks. Fetches nothing; believes no byte unhashed.
--
-- Leaves come roughly in order, so the file's own length is what says how far it came: after a restart each leaf
-- below it is hashed again, and nothing else has to be kept, synced or believed.
local unixfs = require "core.unixfs"

local partial = {}
partial.__index = partial

local SYNC_EVERY = 4 << 20 -- bytes: a sync holds up the loop, 0.4 s of it on a card of 10 MB/s

local function folder_of(path) return path:match "^(.*)/[^/]+$" or "." end

-- disk, path, size (bytes, of the whole file). → partial | nil, text, word
function partial.open(disk, path, size)
  local ok, err, word = disk:mkdir(folder_of(path))
  if not ok then return nil, err, word end
  local file
  file, err, word = disk:open(path, "create", 420) -- 0644
  if not file then return nil, err, word end
  local facts = disk:stat(path)
  local before = facts and facts.size or 0
  if before > size then
    ok, err, word = file:truncate(size)
    if not ok then
      file:close()
      return nil, err, word
    end
  end
  return setmetatable({ disk = disk, path = path, file = file, size = size, before = math.min(before, size),
    unsynced = 0 }, partial)
end

-- Was this leaf there before, whole? Then it need not be fetched.
function partial:has(leaf)
  if leaf.size == 0 or leaf.offset + leaf.size > self.before then return false end
  local bytes = self.file:pread(leaf.size, leaf.offset)
  return bytes ~= nil and unixfs.decode(leaf.cid, bytes, leaf.size, 0) ~= nil
end

-- What a failed sync was to bring to the disk is gone from there, and the next sync would not say so.
local function sync(self)
  local ok, err, word = self.file:sync()
  if not ok then self.lost = true end
  return ok, err, word
end

-- BYTES were checked against the leaf's CID. → true | nil, text, word
function partial:write(leaf, bytes)
  local ok, err, word = self.file:pwrite(bytes, leaf.offset)
  if not ok then return nil, err, word end
  self.unsynced = self.unsynced + #bytes
  if self.unsynced < SYNC_EVERY then return true end
  self.unsynced = 0
  return sync(self)
end

local function rename(self, path)
  local disk = self.disk
  local facts, err, word = disk:stat(self.path)
  if not facts then return nil, err, word end
  if facts.size ~= self.size then return nil, "length: the file has another size than its record", "length" end
  local ok
  ok, err, word = disk:mkdir(folder_of(path))
  if not ok then return nil, err, word end
  return disk:rename(self.path, path)
end

-- All leaves are in: synced, renamed into place, and the name synced. → true | nil, text, word; may be tried again
-- unless `lost` says that the bytes must come anew.
function partial:finish(path)
  local ok, err, word = sync(self)
  if not ok then return nil, err, word end
  if not self.placed then
    ok, err, word = rename(self, path)
    if not ok then return nil, err, word end
    self.placed = true
  end
  ok, err, word = self.disk:sync_directory(folder_of(path))
  if not ok then return nil, err, word end
  self:close()
  return true
end

function partial:close() self.file:close() end

-- Nothing of it is believed any more.
function partial:discard()
  self:close()
  return self.disk:unlink(self.path)
end

return partial
