-- slices.lua - long work done a piece a turn, so that the loop goes on meanwhile. Knows no work.
--
-- Work is a plain function. Where it may be long it calls slices.step for each thing that it has done; when a piece is
-- full, step lets the loop go on and comes back in a later turn. Outside of such work step does nothing, so that the
-- same function can be called at once, too. What it looks at may have changed when step comes back.
local slices = {}
slices.__index = slices

local PIECE <const> = 50 -- units of work in a turn: about 10 µs each, a line read from the disk is 2; few, since
-- the collector works in the same turn for all that the turn allocates
local SORTED_AT_ONCE <const> = 512 -- things that are sorted without a break

local current -- the job whose piece runs now

function slices.new(loop) return setmetatable({ loop = loop, jobs = {} }, slices) end

--- Does the caller run as a job, so that step may let the loop go on?
function slices.running() return current ~= nil and current.thread == coroutine.running() end

--- UNITS (1) of work are done.
function slices.step(units)
  if not slices.running() then return end
  current.left = current.left - (units or 1)
  if current.left <= 0 then coroutine.yield() end
end

--- Only in such work: BEGIN(wake) is called, and the work goes on in a turn after wake() was called, which may be at
-- once. What was given up meanwhile does not go on.
function slices.wait(begin)
  local job = current
  job.waits = true
  begin(function()
    if not job.waits then return end
    job.waits = nil
    if job ~= current and not job.stopped then job.again() end
  end)
  coroutine.yield()
end

--- Only in such work: BEGIN(told) is called, and the work goes on in a turn after told(…) was. → what told was given
function slices.await(begin)
  local answer
  slices.wait(function(wake)
    begin(function(...)
      answer = table.pack(...)
      wake()
    end)
  end)
  return table.unpack(answer, 1, answer.n)
end

local turn

-- One piece of one job in a turn, whoever else waits.
local function soon(self)
  if self.waiting or not self.jobs[1] then return end
  self.waiting = true
  self.loop:post(function() turn(self) end)
end

function turn(self)
  self.waiting = nil
  local job = table.remove(self.jobs, 1)
  if not job then return end
  if job.stopped then return soon(self) end
  if job.whole then
    soon(self) -- before what may throw
    return job.whole()
  end
  job.left, current = PIECE, job
  local ok, fault = coroutine.resume(job.thread)
  current = nil
  local over = coroutine.status(job.thread) == "dead"
  if not over and not job.stopped and not job.waits then table.insert(self.jobs, job) end
  soon(self) -- before what may throw: the others go on
  if over then job.done(ok, not ok and debug.traceback(job.thread, fault) or nil) end
end

--- Calls FN() from the next turn on, a piece at a time, beside other work in turns; then done(true), or done(false,
-- fault) where it threw. → a function that gives it up: DONE is not called any more.
function slices:start(fn, done)
  local job = { thread = coroutine.create(fn), done = done }
  function job.again()
    table.insert(self.jobs, job)
    soon(self)
  end
  job.again()
  return function() job.stopped = true end
end

--- Calls FN() whole, in a turn that it has for itself beside such work. → a function that gives it up
function slices:call(fn)
  local job = { whole = fn }
  table.insert(self.jobs, job)
  soon(self)
  return function() job.stopped = true end
end

local function merge(from, to, left, middle, right, less)
  local a, b = left, middle
  for i = left, right - 1 do
    if a < middle and (b >= right or not less(from[b], from[a])) then
      to[i], a = from[a], a + 1
    else
      to[i], b = from[b], b + 1
    end
    slices.step(0.05)
  end
end

local function sort_runs(list, less)
  for left = 1, #list, SORTED_AT_ONCE do
    local run = table.move(list, left, math.min(left + SORTED_AT_ONCE - 1, #list), 1, {})
    table.sort(run, less)
    table.move(run, 1, #run, left, list)
    slices.step(#run / 4)
  end
end

local function before(a, b) return a < b end

--- Sorts LIST in place by LESS (`<`), in slices where the caller is a job: table.sort cannot be left half-way.
function slices.sort(list, less)
  less = less or before
  if not slices.running() or #list <= SORTED_AT_ONCE then return table.sort(list, less) end
  sort_runs(list, less)
  local from, to, width, n = list, {}, SORTED_AT_ONCE, #list
  while width < n do
    for left = 1, n, 2 * width do
      merge(from, to, left, math.min(left + width, n + 1), math.min(left + 2 * width, n + 1), less)
    end
    from, to, width = to, from, width * 2
  end
  if from ~= list then table.move(from, 1, n, 1, list) end
end

--- The keys of MAP, sorted. It is gone through at once, since it may change between two slices; the sorting may take
-- several.
function slices.keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end -- any order: sorted below
  slices.sort(keys)
  return keys
end

return slices
