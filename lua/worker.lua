-- worker.lua - hands jobs to the core's threads and each result to the one who asked. Knows no job by name.
local pools = require "core.worker"

local worker = {}
local Worker = {}
Worker.__index = Worker

local function deliver(self)
  self.posted = false
  if self.closed then return end
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

-- Cancels what runs and waits for the threads to end; what was not delivered is dropped.
function Worker:close()
  if self.closed then return end
  self.closed = true
  if self.watch then self.watch:close() end
  self.pool:close()
end

return worker
