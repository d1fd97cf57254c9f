-- loop.lua - the loop under a virtual clock: same interface as lua/loop.lua, nothing waits. Watches no fd.
local loop = {}
loop.__index = loop

local START = 1700000000000 -- ms Unix at virtual second 0

function loop.new() return setmetatable({ time = 0, serial = 0, heap = {}, posted = {}, first = 1, last = 0 }, loop) end

-- The heap's order: by time, then by age. Written out where a virtual day spends its time.
local function sift_up(heap, i)
  local timer = heap[i]
  local at, serial = timer.at, timer.serial
  while i > 1 do
    local above = heap[i // 2]
    if above.at < at or above.at == at and above.serial < serial then break end
    heap[i] = above
    i = i // 2
  end
  heap[i] = timer
end

local function sift_down(heap, i, n)
  local timer = heap[i]
  local at, serial = timer.at, timer.serial
  local child = 2 * i
  while child <= n do
    local below, other = heap[child], heap[child + 1]
    local due = below.at
    if other then
      local its = other.at
      if its < due or its == due and other.serial < below.serial then child, below, due = child + 1, other, its end
    end
    if at < due or at == due and serial < below.serial then break end
    heap[i] = below
    i, child = child, 2 * child
  end
  heap[i] = timer
end

local function push(self, timer)
  self.serial = self.serial + 1
  timer.serial = self.serial
  self.heap[#self.heap + 1] = timer
  sift_up(self.heap, #self.heap)
end

local function pop(self)
  local heap = self.heap
  local n, top = #heap, heap[1]
  heap[1] = heap[n]
  heap[n] = nil -- the same one when it is the last
  if n > 1 then sift_down(heap, 1, n - 1) end
  return top
end

-- The top of the heap falls due again: it goes down to its new place, which costs less than out and in.
local function put_again(self, timer)
  self.serial = self.serial + 1
  timer.at, timer.serial = timer.at + timer.every, self.serial
  sift_down(self.heap, 1, #self.heap)
end

local timer_methods = {}
timer_methods.__index = timer_methods
function timer_methods:cancel() self.fn = nil end

function loop:now() return self.time end
function loop:micro() return self.time * 1000 end
function loop:wall() return START + self.time end

function loop:after(ms, fn)
  local timer = setmetatable({ at = self.time + math.max(0, math.floor(ms)), fn = fn }, timer_methods)
  push(self, timer)
  return timer
end

function loop:every(ms, fn)
  local timer = self:after(ms, fn)
  timer.every = ms
  return timer
end

function loop:post(fn)
  self.last = self.last + 1
  self.posted[self.last] = fn
end

-- A program would see the real clock, and do each time something else.
function loop.spawn() return nil, "kind: the simulator runs no programs", "kind" end

--- What the loop OWN (power.lua) set never comes: else its machine would be held until then, which may be a day.
function loop:forget(own)
  for _, timer in ipairs(self.heap) do
    if timer.own == own then timer.fn = nil end
  end
end

local function run_posted(self)
  while self.first <= self.last do
    local fn = self.posted[self.first]
    self.posted[self.first], self.first = nil, self.first + 1
    fn()
  end
end

-- Runs all that falls due until virtual time UNTIL (ms).
function loop:run_until(till)
  run_posted(self)
  local heap = self.heap
  local timer = heap[1]
  while timer and timer.at <= till do
    local at, fn = timer.at, timer.fn
    if fn and timer.every then put_again(self, timer) else pop(self) end
    if fn then
      self.time = at
      fn()
      if self.first <= self.last then run_posted(self) end
    end
    timer = heap[1]
  end
  self.time = till
end

return loop
