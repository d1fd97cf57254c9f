-- worker.lua - hands jobs to the core's threads and each result to the one who asked. Knows no job by name.
local pools = require "core.worker"

local worker = {}
local Worker = {}
Worker.__index = Worker

local function deliver(self)
  self.posted = false
  if self.closed then return end
  self.moved = self.loop:now()
  for _, result in ipairs(self.pool:collect()) do
    self.loop:post(function()
      if not self.closed then result.done(result) end
    end)
  end
end

--- given.loop     the event loop
--- given.threads  how many (1)
--- given.queue    jobs that may wait (256)
--- given.nice     of the threads (0)
--- given.inline   true (the simulator): jobs run in a later turn of the loop, one after the other, without threads
--- → worker | nil, text, code
function worker.new(given)
  local pool, text, code = pools.new {
    threads = given.threads, queue = given.queue, nice = given.nice, inline = given.inline,
  }
  if not pool then return nil, text, code end
  local self = setmetatable({ loop = given.loop, pool = pool }, Worker)
  if pool:fd() then
    self.watch, text, code = given.loop:watch(pool:fd(), "r", function() deliver(self) end)
    if not self.watch then return nil, text, code end
  end
  return self
end

-- Submits a job made by MAKE, one of the core's functions such as unixfs.hash; done(result) is called once,
-- unless the worker is closed before. → job with cancel() and progress() | nil, text, code.
function Worker:run(make, what, done)
  if self.pool:count() == 0 then self.moved = self.loop:now() end
  local job, text, code = make(self.pool, what, done)
  if job and not self.watch and not self.posted then
    self.posted = true
    self.loop:post(function() deliver(self) end)
  end
  return job, text, code
end

-- Jobs not yet finished or delivered, jobs ever taken.
function Worker:count()
  return self.pool:count()
end

-- ms in which none of its jobs ended, though there are some; 0 where there are none. An error is an end, too.
function Worker:still_ms()
  return self.pool:count() > 0 and self.loop:now() - self.moved or 0
end

-- Cancels what runs and waits for the threads to end; what was not delivered is dropped.
function Worker:close()
  if self.closed then return end
  self.closed = true
  if self.watch then self.watch:close() end
  self.pool:close()
end

--- The same without a wait. A job that runs now may never end, such as one that reads a file of a disk that is gone:
--- its threads are left to themselves, and nobody ends them but the end of the process (loop.left).
function Worker:leave()
  if self.closed then return end
  if not self.watch or self.pool:count() == 0 then return self:close() end
  self.closed = true
  self.watch:close()
  table.insert(self.loop.left, self.pool) -- collected, it would wait for them
end

local WhenNeeded = {}
WhenNeeded.__index = WhenNeeded

--- A worker that is made when it is first asked for. Where none can be made, that is said once, and its owner works
-- without from then on.
--- given.start  fn() → worker | nil, text; nil: there is none
--- given.log, layer, what  of the line that says so
function worker.when_needed(given)
  return setmetatable({ start = given.start, log = given.log, layer = given.layer, what = given.what }, WhenNeeded)
end

-- → the worker | nil: work without one
function WhenNeeded:get()
  if self.start and not self.made then
    local why
    self.made, why = self.start()
    if not self.made then
      self.start = nil
      self.log:warn(self.layer, self.what, { why = why })
    end
  end
  return self.made
end

-- As above.
function WhenNeeded:still_ms() return self.made and self.made:still_ms() or 0 end

-- Waits for its jobs; there is none from here on.
function WhenNeeded:close()
  if self.made then self.made:close() end
  self.made, self.start = nil, nil
end

return worker
