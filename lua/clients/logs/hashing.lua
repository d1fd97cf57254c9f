-- hashing.lua - files wait here for the worker, which hashes one at a time, and until that is kept. Judges none.
local unixfs = require "core.unixfs"

local hashing = {}
local Hashing = {}
Hashing.__index = Hashing

-- A file is a table with `name`; `job` is set in it until it is hashed and kept, `queued` while it waits.
--- given.worker  lua/worker.lua
--- given.folder  the share folder (path)
--- given.begun   fn(file): its turn has come
--- given.keep    fn(result, told(true | nil, text, code)): brings the leaves to the disk
--- given.done    fn(file, result as unixfs.hash gives it). Where it was not kept it has no cid, but `unkept`
---               (a text) and `word` (the code)
function hashing.new(given)
  return setmetatable({
    worker = given.worker, folder = given.folder, begun = given.begun, keep = given.keep, done = given.done,
    queue = {}, first = 1, last = 0,
  }, Hashing)
end

local function pop(self)
  local file = self.queue[self.first]
  if not file then return nil end
  self.queue[self.first] = nil
  self.first = self.first + 1
  return file
end

local function ended(self, file, result)
  self.running = nil
  local wanted = file.job == result.job
  if wanted then file.job = nil end
  self:next()
  if wanted then self.done(file, result) end
end

-- The next one waits for the disk, too: what waits to be kept is bounded.
local function hashed(self, file, result)
  if not result.cid or file.job ~= result.job then return ended(self, file, result) end
  self.keep(result, function(kept, text, code)
    if not kept then result.cid, result.unkept, result.word = nil, text, code end
    ended(self, file, result)
  end)
end

local function begin(self, file)
  local job, text, code = self.worker:run(unixfs.hash, { folder = self.folder, name = file.name },
    function(result) hashed(self, file, result) end)
  self.running, file.job = job, job
  if job then return self.begun(file) end
  self.done(file, { error = text, word = code })
end

function Hashing:next()
  while not self.running and not self.stopped do
    local file = pop(self)
    if not file then return end
    if file.queued then
      file.queued = nil
      begin(self, file)
    end
  end
end

function Hashing.has(_, file)
  return file.job ~= nil or file.queued == true
end

function Hashing:add(file)
  if self:has(file) then return end
  file.queued = true
  self.last = self.last + 1
  self.queue[self.last] = file
  self:next()
end

-- Its result, if there will be one, is not wanted any more.
function Hashing.cancel(_, file)
  if file.job then file.job:cancel() end
  file.job, file.queued = nil, nil
end

function Hashing:is_idle()
  return not self.running and self.first > self.last
end

function Hashing:stop()
  self.stopped = true
  if self.running then self.running:cancel() end
end

return hashing
