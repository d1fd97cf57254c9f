-- partial.lua - a file that is being put together from its blocks. Fetches nothing; believes no byte unhashed.
--
-- Leaves come roughly in order, so the file's own length is what says how far it came: after a restart each leaf
-- below it is hashed again, and nothing else has to be kept, synced or believed. Bytes are hashed, written and synced
-- beside the loop: a card of 10 MB/s takes 0.4 s for one sync.
local unixfs = require "core.unixfs"

local partial = {}
partial.__index = partial

local SYNC_EVERY = 4 << 20 -- bytes: what one sync has to bring to the disk at most

local function folder_of(path) return path:match "^(.*)/[^/]+$" or "." end

-- Bytes that still have to come of a file of SIZE bytes of which a half may lie at PATH.
function partial.rest(disk, path, size)
  local facts = disk:stat(path)
  return math.max(0, size - (facts and facts.size or 0))
end

local function open(self)
  if self.file then return true end
  local err, code
  self.file, err, code = self.disk:open(self.path, "create", 420) -- 0644
  return self.file and true, err, code
end

-- What lies there already, no longer than the whole; what is too long is cut off once a leaf is there, since nobody
-- knows before whether it has that size.
local function take_up(self, found)
  local ok, err, code = open(self)
  self.before, self.too_long = math.min(found, self.size), found > self.size
  self.reach, self.long = self.before, self.before -- where leaves were begun; how long the file surely is
  if ok then return true end
  self:close()
  return nil, err, code
end

-- disk, path, size (bytes, of the whole file), worker (lua/worker.lua's; inline for a disk in memory). A file that is
-- not there is made with its first byte, so that nothing empty is left behind. → partial | nil, text, code
function partial.open(disk, path, size, worker)
  local ok, err, code = true, nil, nil
  if not disk:stat(folder_of(path)) then ok, err, code = disk:mkdir(folder_of(path)) end
  if not ok then return nil, err, code end
  local self = setmetatable({ disk = disk, path = path, size = size, worker = worker, storing = 0, before = 0,
    unsynced = 0, reach = 0, long = 0 }, partial)
  local facts = disk:stat(path)
  if facts then ok, err, code = take_up(self, facts.size) end
  if ok then return self end
  return nil, err, code
end

-- Runs a job on the file; TOLD(result) unless the file was closed meanwhile.
local function run(self, make, what, told)
  local ok, why, kind = open(self)
  if ok and self.too_long then ok, why, kind = self.file:truncate(self.size) end
  if not ok then return told { error = why, word = kind } end
  what.file, self.too_long = self.file, nil
  local job, err, code = self.worker:run(make, what, function(result)
    if not self.closed then told(result) end
  end)
  if not job then told { error = err, word = code } end
end

-- DONE(true | false): was this leaf there before, whole? Then it need not be fetched.
function partial:check(leaf, done)
  run(self, unixfs.check, { cid = leaf.cid, offset = leaf.offset, size = leaf.size },
    function(result) done(result.kept == true) end)
end

-- What a failed sync was to bring to the disk is gone from there, and the next sync would not say so.
local function store(self, what, done)
  run(self, unixfs.store, what, function(result)
    if result.lost then self.lost = true end
    if result.error then done(nil, result.error, result.word) else done(true, result.zeros) end
  end)
end

-- The leaf that ends at LAST is there. Zeros are left out as a hole: the file is made as long as all that was begun,
-- so that this cuts nothing off and its length goes on to say how far it came.
local function reached(self, last, zeros)
  if zeros and last > self.long then
    local ok, err, code = self.file:truncate(self.reach)
    if not ok then return nil, err, code end
    last = self.reach
  end
  self.long = math.max(self.long, last)
  return true
end

-- SIZE bytes of that leaf, which are in WHAT (unixfs.store's), are on their way. DONE as write's.
local function put(self, leaf, size, what, done)
  self.unsynced = self.unsynced + size
  what.cid, what.offset, what.sync = leaf.cid, leaf.offset, self.unsynced >= SYNC_EVERY
  what.sparse = leaf.offset >= self.before
  if what.sync then self.unsynced = 0 end
  self.storing, self.reach = self.storing + 1, math.max(self.reach, leaf.offset + size)
  store(self, what, function(ok, ...)
    self.storing = self.storing - 1
    if not ok then return done(nil, ...) end
    done(reached(self, leaf.offset + size, ...))
  end)
end

-- DONE(true) when BYTES, which came for that leaf, are its, and written; or DONE(nil, text, code): "block", they are
-- not; else the disk refused. `storing` counts those under way.
function partial:write(leaf, bytes, done) put(self, leaf, #bytes, { bytes = bytes }, done) end

-- The same with the bytes that lie there in SOURCE, a file of core.disk.
function partial:copy(leaf, source, done) put(self, leaf, leaf.size, { source = source, size = leaf.size }, done) end

local function rename(self, path)
  local facts, err, code = self.disk:stat(self.path)
  if not facts then return nil, err, code end
  if facts.size ~= self.size then return nil, "length: the file has another size than its record", "length" end
  return self.disk:rename(self.path, path)
end

-- The file is synced: it gets its name, and the name is synced.
local function place(self, path, done)
  if not self.placed then
    local ok, err, code = rename(self, path)
    if not ok then return done(nil, err, code) end
    self.placed = true
  end
  store(self, { directory = folder_of(path) }, function(ok, err, code)
    if not ok then return done(nil, err, code) end
    self:close()
    done(true)
  end)
end

-- All leaves are in: synced, renamed into place, and the name synced. DONE(true) or DONE(nil, text, code); may be
-- tried again unless `lost` says that the bytes must come anew.
function partial:finish(path, done)
  store(self, { sync = true, make = folder_of(path) }, function(ok, err, code)
    if not ok then return done(nil, err, code) end
    place(self, path, done)
  end)
end

-- Nothing is told any more.
function partial:close()
  self.closed = true
  if self.file then self.file:close() end
end

-- Ends. KEPT: some of it is worth going on with another time; an empty file is not left behind.
function partial:leave(kept)
  self:close()
  if self.file and not kept and self.before == 0 and not self.placed then self.disk:unlink(self.path) end
end

-- Nothing of it is believed any more.
function partial:discard()
  self:close()
  return self.disk:unlink(self.path)
end

return partial
