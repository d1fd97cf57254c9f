-- atomic_write.lua - replaces small files as a whole, synced, beside the loop. It knows no content and never retries.
--
-- A card of 10 MB/s can take a second for one sync. One thread, so what is asked for one path goes there in order; all
-- parts of a node share it. When the first of them stops it is closed: from then on each part writes by itself what it
-- still has to.
local disks = require "core.disk"
local worker = require "worker"

local atomic_write = {}
atomic_write.__index = atomic_write

-- disk, log; start() → worker (lua/worker.lua) of its own, asked for when first needed; nil: the loop waits.
function atomic_write.new(given)
  local beside = worker.when_needed { start = given.start, log = given.log, layer = "node",
    what = "no thread for files: the loop waits for the disk" }
  return setmetatable({ disk = given.disk, beside = beside }, atomic_write)
end

-- BYTES as the file PATH: the new one whole and synced, or the old one. TOLD(true) or TOLD(nil, text, code), once; at
-- once where there is no thread; never after a close.
function atomic_write:put(path, bytes, mode, told)
  local one = self.beside:get()
  if not one then return told(self.disk:replace(path, bytes, mode)) end
  local job, err, code = one:run(disks.replacing, { disk = self.disk, path = path, bytes = bytes, mode = mode },
    function(result)
      if result.error then told(nil, result.error, result.word) else told(true) end
    end)
  if not job then told(nil, err, code) end
end

-- ms for which the disk has not answered a write that runs; 0 where none runs.
function atomic_write:still_ms() return self.beside:still_ms() end

-- Waits for what is being written; what was not begun is not. From here on the loop waits for the disk.
function atomic_write:close()
  self.beside:close()
end

return atomic_write
