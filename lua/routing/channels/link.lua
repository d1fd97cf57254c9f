-- link.lua - one TCP connection as a channel: frames both ways, bounded. Neither dials nor listens.
local alive = require "routing.channels.alive"
local channel = require "routing.channels.channel"
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local host_address = require "routing.channels.host_address"
local lines = require "routing.channels.lines"
local source = require "routing.channels.source"

local link = {}

local FRAME_MAX = 32768 -- bytes of a frame that we make; longer ones are taken
local QUEUE_MAX = 256 * 1024 -- bytes that wait for a reader
local FIRST_MAX = 512 -- more, that go before these
local CHUNK = 16384 -- beside it waits an unfinished line at most, or the statements of a frame
local READS = 4 -- chunks a turn
local RESTS_MAX = 8 -- times that it is read no further for a while, with nothing good between them
local GARBLED_MAX = 16 -- lines without form, then it is no speaker of ours

local Link = {}
Link.__index = Link

local refuse = frame.refuse

-- The end, for whatever reason, once: the watch goes before its fd, on_down comes last.
local function close(self, reason)
  if self.closed then return end
  self.closed, self.reason = true, reason
  if self.watch then self.watch:close() end
  if self.rest then self.rest:cancel() end
  self.stream:close()
  self.queue, self.queued = {}, 0
  self.reader:close()
  self.gone(self, reason)
  self.owner.on_down(self, reason)
end

local function update_events(self)
  if self.closed then return end
  local read = not (self.paused or self.ending or self.rest)
  self.watch:set((read and "r" or "") .. (self.queued > 0 and "w" or ""))
end

-- -- reading ---------------------------------------------------------------------------------

-- Since when a line, and a frame, has been left half: a slow or dead speaker holds memory.
local function note_half(self)
  local now, reader = self.loop:now(), self.reader
  if not reader:half() then
    self.half_since, self.frame_since = nil, nil
    return
  end
  if not self.half_since or reader.read ~= self.half_read then
    self.half_since, self.half_read = now, reader.read
  end
  self.frame_since = reader.need and (self.frame_since or now) or nil
end

local function source_of(self, size)
  local host = not self.through and self.host or nil
  return source.new { channel = self, principal = host or self.id, id = self.id, address = self.address,
    received = size, broadcast = false, own = self.own, host = host, port = host and self.port }
end

local go_on

-- SIZE bytes brought nothing. Whoever says too much of that is read no further until what he may say has come back: so
-- he waits, and nobody else does. Whoever says nothing else, again and again, is sent away.
local function charge(self, size)
  if not self.useless then return end
  self.useless:charge(size)
  if self.useless:left() >= 0 or self.rest then return end
  refuse(self, "quota", "too much that brings nothing")
  self.rests = self.rests + 1
  if self.rests > RESTS_MAX then return close(self, "quota: it says nothing but noise") end
  self.rest = self.loop:after(self.useless:wait(0), function()
    self.rest = nil
    go_on(self)
  end)
  update_events(self)
end

-- Hands on the messages that are whole. → false when the link is to be read no further now.
local function deliver(self)
  while not (self.closed or self.paused or self.rest) do
    local message, size, lost = self.reader:next() -- or false, code, lost
    if message then
      self.heard_at, self.frame_since = self.loop:now(), nil
      frame.count(self.heard, message, size)
      local is_ours = self.alive:heard(message)
      if self.alive.known then self.alive_at = self.heard_at end
      -- A question whether we live brings nothing either: nobody needs so many that it matters.
      local ok = not is_ours and self.owner.on_frame(self, source_of(self, size + 1), message)
      if not ok then charge(self, size) elseif ok ~= "later" then self.rests = 0 end
    elseif message == nil then
      note_half(self)
      return true
    else
      refuse(self, size, "line")
      if lost or self.refused[size] > GARBLED_MAX then close(self, size .. ": not our lines") end
    end
  end
  return false
end

-- What waits in memory comes before what waits in the socket.
function go_on(self)
  if self.closed then return end
  deliver(self)
  update_events(self)
end

-- The other side says no more: what waits for it still goes.
local function ended(self)
  self.ending = true
  if self.queued == 0 then return close(self, "closed: by the other side") end
  update_events(self)
end

local function read(self)
  for _ = 1, READS do
    local size, text, code = self.reader:receive(self.stream, CHUNK)
    if not size then
      if code ~= "EAGAIN" then close(self, text) end
      return
    end
    if size == 0 then return ended(self) end
    if not deliver(self) then break end
  end
  update_events(self)
end

-- -- writing ---------------------------------------------------------------------------------

local function room_again(self)
  if not self.above_high_water or self.queued > QUEUE_MAX // 4 then return end
  self.above_high_water = false
  self.owner.on_room(self)
end

-- → true, or nil, text when the connection is broken.
local function flush(self)
  while self.queued > 0 do
    local bytes = self.queue[self.first]
    local n, text, code = self.stream:send(bytes, self.offset)
    if not n then
      if code == "EAGAIN" then return true end
      return nil, text
    end
    self.moved_at, self.queued, self.offset = self.loop:now(), self.queued - n, self.offset + n
    if self.offset > #bytes then
      self.queue[self.first], self.first, self.offset = nil, self.first + 1, 1
    end
  end
  return true
end

local function write(self)
  local could, text = flush(self)
  if not could then return close(self, text) end
  if self.queued == 0 and self.ending then return close(self, "closed: by the other side") end
  update_events(self)
  room_again(self)
end

-- Sends MESSAGE: it waits its turn in a queue of at most 256 KiB. A link has one flow, so no source is looked at.
function Link:send(message)
  if self.closed then return refuse(self, "closed", self.reason) end
  local bytes, code = lines.encode(message)
  if not bytes then return refuse(self, code, "a message of " .. frame.size(message) .. " bytes") end
  if self.queued + #bytes > QUEUE_MAX then
    self.above_high_water = true
    return refuse(self, "full", "the other side reads too slowly")
  end
  if self.queued == 0 then self.moved_at = self.loop:now() end
  self.last, self.queued = self.last + 1, self.queued + #bytes
  self.queue[self.last] = bytes
  frame.count(self.sent, message, frame.size(message))
  local could, why = flush(self)
  if not could then self.loop:post(function() close(self, why) end) end -- not in the speaker's own turn
  update_events(self)
  return true
end

-- Sends MESSAGE before all that waits, but for what is on its way already.
local function say_first(self, message)
  message.head = envelope.head(message)
  local bytes = lines.encode(message)
  if self.closed or self.ending then return end
  if self.queued > QUEUE_MAX + FIRST_MAX then return refuse(self, "full", "the other side reads too slowly") end
  if self.queued == 0 then self.moved_at = self.loop:now() end
  self.first = self.first - 1
  self.queue[self.first], self.queued = bytes, self.queued + #bytes
  if self.offset > 1 then
    self.queue[self.first], self.queue[self.first + 1] = self.queue[self.first + 1], bytes
  end
  frame.count(self.sent, message, #message.head)
  update_events(self)
end

-- Bytes that the queue would take now; when it is less than a frame, on_room tells when there is room.
function Link:budget()
  if self.closed then return 0 end
  local room = QUEUE_MAX - self.queued
  if room < FRAME_MAX then self.above_high_water = true end
  return room
end

-- What became of statements whose signatures had to be checked first.
function Link:judged(ok)
  if ok then self.rests = 0 end
end

-- Reads no more until resume(), so that the other side has to wait. Only for work that goes on without
-- this link's answers: two ends that wait for each other to read would wait for ever.
function Link:pause()
  self.paused = true
  update_events(self)
end

function Link:resume()
  if not self.paused then return end
  self.paused = false
  self.loop:post(function() go_on(self) end)
end

-- Why the link should end at time NOW, or nil. Asked once a second.
function Link:timed_out(now)
  local limit = self.limit
  local waits = self.paused or self.rest
  local function older(since, ms) return since and not waits and now - since > ms end
  if older(self.half_since, limit.line_ms) then return "slow: half a line" end
  if older(self.frame_since, limit.frame_ms) then return "slow: half a frame" end
  if self.queued > 0 and now - self.moved_at > limit.stall_ms then return "slow: reads nothing" end
  if older(self.heard_at, limit.idle_ms) then return "slow: says nothing" end
  return not waits and self.alive:look() or nil
end

function Link:status()
  local now = self.loop:now()
  return {
    address = self.address, kind = "tcp", state = self.closed and "down" or "up", reason = self.reason,
    dialled = self.dialled, queued = self.queued, age_ms = now - self.began, silent_ms = now - self.heard_at,
    sent = frame.copy(self.sent), heard = frame.copy(self.heard), refused = frame.copy(self.refused),
  }
end

-- Ends it for REASON ("closed: here"); what waits in the queue is lost.
function Link:close(reason)
  close(self, reason or "closed: here")
end

require "routing.channels.taken_over"(Link)

local function traits(near)
  return { stream = true, medium = false, ordered = true, near = near, source_proved = true, line_max = lines.LINE_MAX,
    frame_max = FRAME_MAX }
end
local NEAR, FAR = traits(true), traits(false)

-- A connected stream as a channel; it is the link's from here on.
--   loop, limit   the loop; how long what may take (tcp.lua)
--   stream        core.net's
--   host, port    text and integer: the other side
--   through       text: the address that TLS or a proxy leads to, nil where nothing is between: then nobody dials HOST
--                 for a repair, nor is it an address of the speaker's
--   own, near     bool: is that this machine; is it near (the trait)?
--   dialled       bool: did we dial?
--   useless       token_bucket.lua: bytes that may bring nothing, of all links with that host; nil: any number
--   gone(link, reason)  is called once, when it has ended
-- → link | nil, text, code
function link.new(options)
  local now = options.loop:now()
  local self = setmetatable({
    loop = options.loop, stream = options.stream, host = options.host, port = options.port,
    address = options.through or host_address.text(options.host, "tcp", options.port),
    through = options.through,
    id = ("tcp %s:%d"):format(options.host, options.port),
    via = not options.dialled and host_address.of(options.host, "tcp") or nil,
    kind = "tcp", traits = options.near and NEAR or FAR, owner = channel.nobody,
    limit = options.limit, useless = options.useless, own = options.own, dialled = options.dialled, gone = options.gone,
    sent = frame.counters(), heard = frame.counters(), refused = {},
    reader = lines.reader(), queue = {}, first = 1, last = 0, offset = 1, queued = 0,
    began = now, heard_at = now, moved_at = now, rests = 0,
  }, Link)
  self.alive = alive.new { now = function() return self.loop:now() end, asks = options.dialled,
    say = function(message) say_first(self, message) end }
  local watch, text, code = self.loop:watch(self.stream:fd(), "r", function(readable, writable)
    if writable and self.queued > 0 then write(self) end
    if readable and not (self.closed or self.paused or self.rest) then read(self) end
  end)
  if not watch then
    self.stream:close()
    return nil, text, code
  end
  self.watch = watch
  return self
end

return link
