-- hashing.lua - files wait here for a thread, which hashes one at a time, and until that is kept. Judges none.
--
-- Two lanes: a file of hundreds of gigabytes is read for hours. Those from LARGE on wait for each other, on a thread
-- that is there while one of them is; all others have the worker for themselves.
local unixfs = require "core.unixfs"

local hashing = {}
local Hashing = {}
Hashing.__index = Hashing

local LARGE = 4 << 30 -- bytes: about a minute of reading from a card

local function new_lane(start)
  return { start = start, queue = {}, first = 1, last = 0 }
end

-- A file is a table with `name` and `info`; `job` is set in it until it is hashed and kept, `queued` while it waits.
--- given.worker  lua/worker.lua
--- given.start   fn(threads) → another worker, for the large ones | nil; nil: they have no lane of their own
--- given.folder  the share folder (path)
--- given.begun   fn(file): its turn has come
--- given.keep    fn(result, told(true | nil, text, code)): brings the leaves to the disk
--- given.done    fn(file, result as unixfs.hash gives it). Where it was not kept it has no cid, but `unkept`
---               (a text) and `word` (the code)
function hashing.new(given)
  local small = new_lane()
  small.worker = given.worker
  return setmetatable({
    folder = given.folder, begun = given.begun, keep = given.keep, done = given.done,
    small = small, large = given.start and new_lane(given.start) or small,
  }, Hashing)
end

local function is_idle(lane)
  return not lane.running and lane.first > lane.last
end

local function pop(lane)
  local file = lane.queue[lane.first]
  if not file then return nil end
  lane.queue[lane.first] = nil
  lane.first = lane.first + 1
  return file
end

local run

local function ended(self, lane, file, result)
  lane.running = nil
  local wanted = file.job == result.job
  if wanted then file.job = nil end
  run(self, lane)
  if wanted then self.done(file, result) end
end

-- The next one waits for the disk, too: what waits to be kept is bounded.
local function hashed(self, lane, file, result)
  if not result.cid or file.job ~= result.job then return ended(self, lane, file, result) end
  self.keep(result, function(kept, text, code)
    if not kept then result.cid, result.unkept, result.word = nil, text, code end
    ended(self, lane, file, result)
  end)
end

local function begin(self, lane, file)
  local job, text, code
  if not lane.worker then lane.worker, text, code = lane.start(1) end
  if lane.worker then
    job, text, code = lane.worker:run(unixfs.hash, { folder = self.folder, name = file.name },
      function(result) hashed(self, lane, file, result) end)
  end
  lane.running, file.job = job, job
  if job then return self.begun(file) end
  self.done(file, { error = text, word = code })
end

-- Begins with the next one; a thread that was started for a lane ends with the last.
function run(self, lane)
  while not lane.running and not self.stopped do
    local file = pop(lane)
    if not file then break end
    if file.queued then
      file.queued = nil
      begin(self, lane, file)
    end
  end
  if lane.start and lane.worker and is_idle(lane) then lane.worker = lane.worker:close() end
end

function Hashing.has(_, file)
  return file.job ~= nil or file.queued == true
end

function Hashing:add(file)
  if self:has(file) then return end
  local lane = file.info.size >= LARGE and self.large or self.small
  file.queued = true
  lane.last = lane.last + 1
  lane.queue[lane.last] = file
  run(self, lane)
end

-- Its result, if there will be one, is not wanted any more.
function Hashing.cancel(_, file)
  if file.job then file.job:cancel() end
  file.job, file.queued = nil, nil
end

function Hashing:is_idle()
  return is_idle(self.small) and is_idle(self.large)
end

-- The thread that was started here may read a disk that is gone: it is not waited for.
function Hashing:stop()
  self.stopped = true
  for _, lane in ipairs { self.small, self.large } do
    if lane.running then lane.running:cancel() end
  end
  if self.large.start and self.large.worker then self.large.worker = self.large.worker:leave() end
end

return hashing
