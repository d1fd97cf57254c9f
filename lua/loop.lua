-- loop.lua - the event loop: timers, watched fds, signals, names. The only file that requires luv; no rule.
--
-- An error that escapes a luv callback ends the process, so every function handed in here is called
-- guarded: its error goes to on_error(text), and the loop lives on.
local child_process = require "child_process"
local net = require "core.net"
local uv = require "luv"
local sorted = require "sorted"

local loop = {}

local RESOLVE_MAX = 8 -- names looked up at once: each holds one of libuv's few threads
local RESOLVE_MS = 10000
local ADDRESSES_MAX = 4 -- of one name
local FAULTS_MAX = 64 -- in a row: a fault that its owner does not take off would make the loop spin

local Loop, Timer, Watch = {}, {}, {}
Loop.__index, Timer.__index, Watch.__index = Loop, Timer, Watch

-- loop.new{ on_error = fn(text) } → loop. luv has one loop a Lua state: two of these share it, and each
-- closes only what it made.
function loop.new(options)
  local made = {
    on_error = options.on_error, handles = {}, serial = 0, posts = {}, resolving = 0, watches = {}, awake = 0,
    left = {}, -- pools of threads that nobody can end (lua/worker.lua)
  }
  return setmetatable(made, Loop)
end

local function traceback(fault)
  return debug.traceback(tostring(fault), 2)
end

local function call(self, fn, ...)
  local ok, text = xpcall(fn, traceback, ...)
  if not ok then pcall(self.on_error, text) end
end

local function keep(self, handle)
  self.serial = self.serial + 1
  self.handles[self.serial] = handle
  return self.serial
end

local function drop(self, id)
  local handle = self.handles[id]
  self.handles[id] = nil
  if handle and not uv.is_closing(handle) then uv.close(handle) end
end

-- Monotonic milliseconds since some point of this boot.
function Loop.now()
  return uv.hrtime() // 1000000 | 0
end

-- The same in microseconds, for measuring how long an answer took.
function Loop.micro()
  return uv.hrtime() // 1000 | 0
end

-- Unix milliseconds as the system clock has them, right or wrong.
function Loop.wall()
  local seconds, micro = uv.gettimeofday()
  return seconds * 1000 + micro // 1000
end

local function start(self, ms, again, fn)
  local timer = setmetatable({ loop = self }, Timer)
  local handle = uv.new_timer()
  timer.id = keep(self, handle)
  uv.update_time() -- else a timer made late in a long turn would be early
  uv.timer_start(handle, math.ceil(ms), again and math.max(1, math.ceil(ms)) or 0, function()
    if not again then timer:cancel() end
    call(self, fn)
  end)
  return timer
end

-- Calls fn once after ms; → timer with cancel(), which may be called at any time, twice too.
function Loop:after(ms, fn)
  return start(self, ms, false, fn)
end

function Loop:every(ms, fn)
  return start(self, ms, true, fn)
end

function Timer:cancel()
  drop(self.loop, self.id)
end

local function run_posts(self)
  local posts = self.posts
  self.posts = {}
  uv.idle_stop(self.idle)
  for i = 1, #posts do
    if self.closed then return end
    call(self, posts[i])
  end
end

-- Calls fn in the next turn, after what was posted before it. Not by a timer of no time: luv calls one that is set by
-- another in the same turn, and would look at no socket for as long as they follow each other.
function Loop:post(fn)
  if self.closed then return end
  local posts = self.posts
  posts[#posts + 1] = fn
  if #posts > 1 then return end
  if not self.idle then
    self.idle = uv.new_idle()
    keep(self, self.idle)
  end
  uv.idle_start(self.idle, function() run_posts(self) end)
end

local function on_ready(self, id, bits)
  local watch = self.watches[id]
  if not watch then return end -- closed by a callback of this turn
  watch.faults = bits & 4 ~= 0 and watch.faults + 1 or 0
  if watch.faults > FAULTS_MAX then
    watch:set ""
    return pcall(self.on_error, "a watched fd has a fault that nobody reads: at rest")
  end
  call(self, watch.fn, bits & 1 ~= 0, bits & 2 ~= 0)
end

local function on_poll(self)
  local ready = self.poller:ready()
  for i = 1, ready and #ready or 0, 2 do
    if self.closed then return end
    on_ready(self, ready[i], ready[i + 1])
  end
end

-- One epoll set for all watches, and one handle of luv for the set, at rest when nothing is watched.
local function count_awake(self, change)
  self.awake = self.awake + change
  if not self.poll then
    self.poll = uv.new_poll(self.poller:fd())
    keep(self, self.poll)
  end
  if change == 1 and self.awake == 1 then
    uv.poll_start(self.poll, "r", function() on_poll(self) end)
  elseif change == -1 and self.awake == 0 and not uv.is_closing(self.poll) then
    uv.poll_stop(self.poll)
  end
end

-- Watches an fd: fn(readable, writable); a fault of the fd counts as both, and reading or writing tells
-- which. events: "r", "w", "rw" or "" (rest). → watch with set(events), close() | nil, msg, errno. Close
-- the watch before its fd.
function Loop:watch(fd, events, fn)
  if not self.poller then
    local poller, text, code = net.poller()
    if not poller then return nil, text, code end
    self.poller = poller
  end
  self.serial = self.serial + 1
  local watch = setmetatable({ loop = self, fd = fd, id = self.serial, events = "", fn = fn, faults = 0 }, Watch)
  local could, text, code = watch:set(events)
  if not could then return nil, text, code end
  self.watches[watch.id] = watch
  return watch
end

-- → true | nil, msg, errno.
function Watch:set(events)
  if self.closed or self.events == events then return true end
  local could, text, code = self.loop.poller:set(self.fd, events, self.id)
  if not could then return nil, text, code end
  if self.events == "" then count_awake(self.loop, 1) elseif events == "" then count_awake(self.loop, -1) end
  self.events = events
  return true
end

function Watch:close()
  if self.closed then return end
  self:set ""
  self.closed = true
  self.loop.watches[self.id] = nil
end

-- Calls fn at each signal NAME ("sigterm"); → handle with cancel().
function Loop:signal(name, fn)
  local handle = uv.new_signal()
  local signal = setmetatable({ loop = self, id = keep(self, handle) }, Timer)
  uv.signal_start(handle, name, function() call(self, fn) end)
  return signal
end

local function addresses_of(found)
  local list = {}
  for i = 1, math.min(#found, ADDRESSES_MAX) do list[i] = found[i].addr end
  return list
end

-- Looks a name up: fn(nil, host, all) with its first address of FAMILY (4 or 6) and a list of at most 4, or
-- fn("code: text"), once.
function Loop:resolve(name, family, fn)
  local timer
  local function done(err, host, all)
    if not fn or self.closed then return end
    local answer = fn
    fn = nil
    timer:cancel()
    call(self, answer, err, host, all)
  end
  timer = self:after(self.resolving < RESOLVE_MAX and RESOLVE_MS or 0, function()
    done(self.resolving < RESOLVE_MAX and "slow: " .. name or "full: too many names at once")
  end)
  if self.resolving >= RESOLVE_MAX then return end
  local hint = { family = family == 6 and "inet6" or "inet", socktype = "dgram" }
  local request, text = uv.getaddrinfo(name, nil, hint, function(err, found)
    self.resolving = self.resolving - 1
    if err or not found or not found[1] then return done(("%s: %s"):format(err or "EAI_NONAME", name)) end
    done(nil, found[1].addr, addresses_of(found))
  end)
  if not request then return self:post(function() done(text) end) end
  self.resolving = self.resolving + 1
end

-- Starts a program as a child of this process, without a shell. OPTIONS and what comes back: child_process.lua.
function Loop:spawn(options)
  local hold = { keep = function(handle) return keep(self, handle) end, drop = function(id) drop(self, id) end,
    call = function(...) if not self.closed then call(self, ...) end end,
    after = function(...) return self:after(...) end }
  return child_process.spawn(uv, hold, options)
end

--- Runs LINE by the shell in our place at the terminal, as os.execute does, but the loop goes on. What a person's keys
-- ask (Ctrl-C) is for that program. ENDED(code): as shells have it. → true | nil, text
function Loop:run_in_place(line, ended)
  local keys, id = {}, nil
  for i, name in ipairs { "sigint", "sigquit" } do keys[i] = self:signal(name, function() end) end
  local function over(code)
    for _, key in ipairs(keys) do key:cancel() end
    ended(code)
  end
  local process, text = uv.spawn("/bin/sh", { args = { "-c", line }, stdio = { 0, 1, 2 } }, function(code, number)
    drop(self, id)
    if not self.closed then call(self, over, number > 0 and 128 + number or code) end
  end)
  if process then
    id = keep(self, process)
    return true
  end
  for _, key in ipairs(keys) do key:cancel() end
  return nil, text
end

-- Runs until stop(), or until nothing is left to wait for.
function Loop:run()
  self.running = true
  uv.run "default"
  self.running = false
end

function Loop.stop()
  uv.stop()
end

-- Closes all that this loop made, in the order in which it was made; nothing is called any more.
function Loop:close()
  self.closed = true
  for _, id in ipairs(sorted.keys(self.watches)) do self.watches[id]:close() end
  for _, id in ipairs(sorted.keys(self.handles)) do drop(self, id) end
  if self.poller then self.poller:close() end
  if self.running then return end
  uv.run "nowait"
  uv.run "nowait" -- a stop() while nothing ran ends the next run before it has seen a handle off
end

return loop
