-- atomic_write.lua - replaces small files as a whole, synced, beside the loop. It knows no content and never retries.
--
-- A card of 10 MB/s can take a second for one sync. One thread, so what is asked for one path goes there in order; all
-- parts of a node share it. When the first of them stops it is closed: from then on each part writes by itself what it
-- still has to.
local disks = require "core.disk"

local atomic_write = {}
atomic_write.__index = atomic_write

-- disk, log; start() → worker (lua/worker.lua) of its own, asked for when first needed; nil: the loop waits.
function atomic_write.new(given)
  return setmetatable({ disk = given.disk, log = given.log, start = given.start }, atomic_write)
end

local function worker_of(self)
  if self.start and not self.worker then
    local why
    self.worker, why = self.start()
    if not self.worker then
      self.start = nil
      self.log:warn("node", "no thread for files: the loop waits for the disk", { why = why })
    end
  end
  return self.worker
end

-- BYTES as the file PATH: the new one whole and synced, or the old one. TOLD(true) or TOLD(nil, text, code), once; at
-- once where there is no thread; never after a close.
function atomic_write:put(path, bytes, mode, told)
  local worker = worker_of(self)
  if not worker then return told(self.disk:replace(path, bytes, mode)) end
  local job, err, code = worker:run(disks.replacing, { disk = self.disk, path = path, bytes = bytes, mode = mode },
    function(result)
      if result.error then told(nil, result.error, result.word) else told(true) end
    end)
  if not job then told(nil, err, code) end
end

-- Waits for what is being written; what was not begun is not. From here on the loop waits for the disk.
function atomic_write:close()
  if self.worker then self.worker:close() end
  self.worker, self.start = nil, nil
end

return atomic_write
