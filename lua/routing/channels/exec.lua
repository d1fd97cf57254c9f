-- exec.lua - a program as a channel: what it reads and prints are our lines. Knows not what it does with them.
--
-- So a serial line, a LoRa modem, ssh or an MQTT client is a channel without code of ours. The program is started again
-- whenever it ends, for ever; the channel stays the same object meanwhile, and waits.
local backoff = require "backoff"
local channel = require "routing.channels.channel"
local exec_errors = require "routing.channels.exec_errors"
local frame = require "routing.channels.frame"
local lone_lines = require "routing.channels.lone_lines"
local source = require "routing.channels.source"
local token_bucket = require "token_bucket"

local exec = { form = "/exec/NAME/dswarm-line" }

local FRAME_MAX, FRAME_LEAST = 32768, require "core".limits.datagram -- bytes of a frame
local FRAME_S = 1 -- second that a frame takes on a slow line, at most: what is urgent waits no longer
local QUEUE_MAX = 64 * 1024 -- bytes that wait for the program to read
local STALL_MS = 60 * 1000 -- that it may leave them there; looked at so many times in it:
local LOOKS = 12
local STEADY_MS = 10 * 1000 -- that it must last before its next end is the first again
local GARBLED_MAX = 16 -- lines in a row that are none of ours
local TURN = 64 -- messages that are handed on in one turn
local USELESS = { rate = 1 << 17, burst = 1 << 17 } -- bytes that bring nothing which are read, a second and at once

local TO_CANCEL = { "timer", "refill", "looks", "rest", "errors" }

local Channel = { outward = true }
Channel.__index = Channel
local start

-- == its end, and its next life

-- What to do about WHY: a fault of the program shows where somebody runs it. Of one that may not be run WHY says it.
local function say(self, why)
  self.reason, self.cure = why, self.path and "Run it by hand and see: " .. self.path or nil
  self.log:once("exec " .. self.address .. why:match "^%S+", "warn", "routing", "a channel's program waits",
    { program = self.program, why = why, cure = self.cure })
end

local function again(self)
  if not self.closed then self.timer = self.loop:after(self.backoff:next(), function() start(self) end) end
end

-- What it ended with, in words; and the last that it said of it.
local function end_of(self, code, signal)
  local how = signal ~= 0 and ("was ended by signal %d"):format(signal) or ("ended with %d"):format(code)
  local ms = self.loop:now() - self.began
  return ("closed: %s %s after %d s%s"):format(self.program, how, ms // 1000,
    self.errors.last and "; it said: " .. self.errors.last or "")
end

local function gone(self, code, signal)
  local why = self.fault or end_of(self, code, signal)
  self.errors:cancel()
  self.child, self.fault, self.above_high_water, self.errors = nil, nil, false, nil
  self.reader = lone_lines.reader()
  if self.loop:now() - self.began >= STEADY_MS then self.backoff:reset() end
  self.ends = self.ends + 1
  say(self, why)
  again(self)
  self.owner.on_down(self, why)
end

-- It does not do what a channel's program does: WHY stands for its end.
local function give_up(self, why)
  if not self.child or self.fault then return end
  self.fault = why
  self.child:kill()
end

-- == what it prints

local function note_bad(self, code)
  self.refused[code] = (self.refused[code] or 0) + 1
  self.bad = self.bad + 1
  if self.bad > GARBLED_MAX then give_up(self, code .. ": what it prints are not our lines") end
end

local function hand_on(self, message, size)
  frame.count(self.heard, message, size)
  local from = source.new { channel = self, principal = "exec " .. self.program, id = "exec " .. self.program,
    address = self.address, received = size + 1, broadcast = false, own = false }
  local ok, _, code = self.owner.on_frame(self, from, message)
  if not ok then self.useless:charge(size) end
  if code == "form" then note_bad(self, code) elseif not code then self.bad = 0 end
end

local go_on

-- It is read no further for MS (0: in this turn), since others have their turn, too.
local function rest(self, ms)
  self.rest = self.loop:after(math.max(1, ms), function()
    self.rest = nil
    go_on(self)
  end)
  self.child:pause()
end

local function deliver(self)
  local n = 0
  while self.child and not (self.closed or self.paused or self.fault or self.rest) do
    local message, size = self.reader:next()
    if message == nil then return end
    if message then hand_on(self, message, size) else note_bad(self, size) end
    n = n + 1
    local wait = self.useless:left() < 0 and self.useless:wait(0) or 0
    if self.child and (wait > 0 or n == TURN) then rest(self, wait) end
  end
end

-- What waits here comes before what waits in the pipe.
function go_on(self)
  deliver(self)
  if self.child and not (self.paused or self.rest) then self.child:resume() end
end

-- == what it reads

local function room_again(self)
  if self.closed or not self.above_high_water or not self.child then return end
  if self:budget() < self.traits.frame_max then return end
  self.above_high_water = false
  self.owner.on_room(self)
end

-- On a line with a rate nothing else tells that there is room again.
local function await_rate(self)
  if not self.bucket or self.refill then return end
  self.refill = self.loop:after(math.max(1, self.bucket:wait(self.traits.frame_max)), function()
    self.refill = nil
    room_again(self)
    if self.above_high_water then await_rate(self) end
  end)
end

local function look(self)
  if not self.child or self.child:waiting() == 0 then return end
  if self.loop:now() - self.moved_at > self.stall_ms then give_up(self, "slow: it reads nothing") end
end

--- Writes MESSAGE to the program, whole or not at all. There is one flow, so no source is looked at.
function Channel:send(message)
  if self.closed or not self.child or self.fault then return frame.refuse(self, "closed", self.reason or "it waits") end
  local size = frame.size(message)
  local bytes, code = lone_lines.encode(message)
  if not bytes then return frame.refuse(self, code, ("a message of %d bytes"):format(size)) end
  if self.child:waiting() + #bytes > QUEUE_MAX then
    self.above_high_water = true
    return frame.refuse(self, "full", "the program reads too slowly")
  end
  if self.bucket and self.bucket:left() <= 0 then
    self.above_high_water = true
    await_rate(self)
    return frame.refuse(self, "budget", "of the line")
  end
  if self.bucket then self.bucket:charge(#bytes) end -- a long line is paid for by the wait behind it
  if self.child:waiting() == 0 then self.moved_at = self.loop:now() end
  frame.count(self.sent, message, size)
  self.child:write(bytes)
  return true
end

function Channel:budget()
  if self.closed or not self.child or self.fault then return 0 end
  local room = QUEUE_MAX - self.child:waiting()
  if self.bucket then room = math.max(0, math.min(room, self.bucket:left())) end
  if room < self.traits.frame_max then
    self.above_high_water = true
    await_rate(self)
  end
  return room
end

--- Reads no more until resume(): then the program has to wait, as soon as the pipe is full.
function Channel:pause()
  self.paused = true
  if self.child then self.child:pause() end
end

function Channel:resume()
  if not self.paused then return end
  self.paused = false
  self.loop:post(function() go_on(self) end)
end

function Channel:status()
  local up = self.child ~= nil and not self.fault
  return { address = self.address, kind = "exec", state = self.closed and "down" or up and "up" or "waiting",
    reason = not up and (self.fault or self.reason) or nil, cure = not up and self.cure or nil, ends = self.ends,
    queued = self.child and self.child:waiting() or 0,
    sent = frame.copy(self.sent), heard = frame.copy(self.heard), refused = frame.copy(self.refused) }
end

--- Ends it and its program, for ever.
function Channel:close(reason)
  if self.closed then return end
  self.closed, self.reason = true, reason or "closed: here"
  for _, name in ipairs(TO_CANCEL) do if self[name] then self[name]:cancel() end end
  if self.child then self.child:close() end
  self.child = nil
  self.owner.on_down(self, self.reason)
end

-- == its start

local function spawn(self)
  local path, text, code = self.find(self.program)
  self.path = path
  if not path then return nil, text, code end
  self.began, self.moved_at, self.bad = self.loop:now(), self.loop:now(), 0
  self.errors = exec_errors.new { loop = self.loop, log = self.log, program = self.program, refused = self.refused,
    rest = function(is_rest) self.child[is_rest and "pause" or "resume"](self.child, "errors") end }
  return self.loop:spawn { path = path, args = {},
    environment = { "DT_SWARM_CHANNEL=" .. self.program },
    on_output = function(bytes)
      if self.fault then return end
      self.reader:feed(bytes)
      deliver(self)
    end,
    on_error_output = function(bytes) self.errors:take(bytes) end,
    on_deaf = function() give_up(self, "closed: it closed its standard input") end,
    on_sent = function()
      self.moved_at = self.loop:now()
      room_again(self)
    end,
    on_exit = function(status, signal) gone(self, status, signal) end }
end

function start(self)
  if self.closed then return end
  local text
  self.child, text = spawn(self)
  if not self.child then
    say(self, text)
    return again(self)
  end
  self.log:debug("routing", "a channel's program runs", { program = self.program, pid = self.child.pid })
  if self.paused then self.child:pause() end
  self.reason = nil
  self.owner.on_up(self)
  self.owner.on_room(self)
end

-- Bytes of the largest frame on a line that carries RATE bytes a second; nil: as many as it can.
local function frame_max(rate)
  return rate and math.max(FRAME_LEAST, math.min(FRAME_MAX, rate * FRAME_S)) or FRAME_MAX
end

--- A program as a channel, which does not run yet.
---   loop, random, log
---   program     its name; find(name) → path | nil, text, code: programs.lua
---   rate        bytes a second that the line behind it carries, or nil
---   near        is whoever is at the other end near? nil: no
---   retry_ms, stall_ms  the first wait before it is started again; the time that it may read nothing (for specs)
function exec.new(given)
  local most = frame_max(given.rate)
  local self = setmetatable({ kind = "exec", address = ("/exec/%s/dswarm-line"):format(given.program),
    traits = { stream = true, medium = false, ordered = true, near = given.near or false, source_proved = true,
      line_max = lone_lines.LINE_MAX, frame_max = most },
    rate = given.rate, owner = channel.nobody, loop = given.loop, log = given.log, program = given.program,
    find = given.find,
    backoff = backoff.quick(given.random, given.retry_ms), stall_ms = given.stall_ms or STALL_MS,
    bucket = given.rate and token_bucket.new { now = function() return given.loop:now() end, rate = given.rate,
      burst = most },
    useless = token_bucket.new { now = function() return given.loop:now() end, rate = USELESS.rate,
      burst = USELESS.burst },
    reader = lone_lines.reader(), sent = frame.counters(), heard = frame.counters(), refused = {}, ends = 0,
    reason = "its program is being started" }, Channel)
  self.looks = self.loop:every(self.stall_ms // LOOKS, function() look(self) end)
  return self
end

--- Starts the program: the channel has its owner by then.
function exec.start(self) start(self) end

-- == as the policy names it

function exec.read(parts)
  if #parts == 2 and parts[1][1] == "exec" then return { program = parts[1][2] } end
end

--- given.programs: programs.lua's, or nil where none may run.
function exec.kind(given)
  local kind = {}
  function kind.open(_, options)
    if not given.programs then return nil, "kind: no programs run here", "kind" end
    local path, text, code = given.programs:find(options.program)
    if not path then return nil, text, code end
    local one = exec.new { loop = given.loop, random = given.random, log = given.log, program = options.program,
      rate = options.budget, near = options.near, find = function(name) return given.programs:find(name) end }
    local added
    added, text, code = given.add(one, { quiet = false })
    if not added then return nil, text, code end
    given.loop:post(function() start(one) end)
    return one
  end
  return kind
end

return exec
