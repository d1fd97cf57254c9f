-- links.lua - the simulator's channels: a broadcast medium and streams, seeded, with delay and loss. No sockets.
--
-- A medium may have a rate: then its frames go one after another, each for the time that its bytes take, and every
-- node speaks by the same budget as on UDP. Without a rate it carries any number of frames at once.
local alive = require "routing.channels.alive"
local budget = require "routing.channels.budget"
local channel = require "routing.channels.channel"
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local source = require "routing.channels.source"

local links = {}

local FRAME_MAX = require "core".limits.datagram -- bytes
local ASKS_MAX = 2 -- frames of one node on their way when it may ask for more
local WAITING_MAX = 8 -- frames of one node that wait for the medium; what it says beyond these is refused
local LOOK_MS = 5000 -- between two looks whether the other end of a stream still answers
local ROOM_MS = 10 -- least wait before asking for more

local methods = {}
methods.__index = methods

function methods:status()
  return { address = self.address, kind = self.kind, state = self.closed and "down" or "up", sent = self.sent,
    heard = self.heard, refused = self.refused }
end

local function new_channel(fields)
  fields.sent, fields.heard, fields.refused = frame.counters(), frame.counters(), {}
  fields.owner = channel.nobody
  return setmetatable(fields, methods)
end

local refuse = frame.refuse

-- TEXT of MESSAGE | nil, text, code where this channel cannot carry it
local function text_of(self, message)
  local text = frame.text(message)
  if self.closed then return refuse(self, "closed", "the link has gone") end
  if #text > self.traits.frame_max then return refuse(self, "long", #text .. " bytes") end
  if text == "" or frame.garbled(text) then return refuse(self, "form", "no text") end
  return text
end

-- What all receivers of one message see alike; who hears it adds the channel by which it came to him.
local function origin_of(from, text, broadcast)
  local origin = { principal = from.host, id = from.kind .. " " .. from.host, host = from.host, port = from.port,
    broadcast = broadcast, address = ("/ip4/%s/udp/%d/dswarm-line"):format(from.host, from.port), own = false,
    received = #text }
  origin.__index = origin
  return origin
end

local function source_of(to, origin)
  local heard = source.new(setmetatable({ channel = to }, origin))
  if origin.host == to.host then heard.own = true end
  return heard
end

local function arrive(world, origin, to, text)
  if to.closed then return end
  if to.paused then return table.insert(to.held, function() arrive(world, origin, to, text) end) end
  local message = frame.read(text)
  frame.count(to.heard, message, #text)
  if to.bucket then to.bucket:heard(#text) end
  world.trace("%s > %s %s", origin.host, to.host, text)
  if to.alive then
    local is_ours = to.alive:heard(message)
    if to.alive.known then to.alive_at = world.loop:now() end
    if is_ours then return end
  end
  to.owner.on_frame(to, source_of(to, origin), message)
end

-- -- the medium ------------------------------------------------------------------------------

-- A medium on which all hear each other. world: loop, trace(format, …), delay(from, to) → ms or nil = lost;
-- RATE: bytes a second that all of them share; nil: any number.
function links.medium(world, rate)
  return { world = world, rate = rate, channels = {}, free_us = 0, lone = {} }
end

-- Milliseconds until a frame of SIZE bytes has gone out, behind all that wait for the medium.
local function air_time(medium, size)
  if not medium.rate then return 0 end
  local now_us = medium.world.loop:now() * 1000
  medium.free_us = math.max(now_us, medium.free_us) + size * 1000000 // medium.rate
  return (medium.free_us - now_us + 999) // 1000
end

-- The channels on MEDIUM that may hear a frame to HOST (nil: all). Of hundreds one is looked for once, as long as it is
-- the only one of its host.
local function hearers(medium, host)
  if not host then return medium.channels end
  local known = medium.lone[host]
  if known and known[1].host == host and not known[1].closed then return known end
  local there = {}
  for _, other in ipairs(medium.channels) do
    if other.host == host then there[#there + 1] = other end
  end
  medium.lone[host] = #there == 1 and there or nil
  return there
end

-- Those who hear a frame at the same time share one timer: a frame to a thousand nodes makes a few, not a thousand.
local function spread(self, text, host, wait)
  local world, groups, origin = self.medium_of.world, {}, origin_of(self, text, host == nil)
  for _, other in ipairs(hearers(self.medium_of, host)) do
    local delay = other ~= self and world.delay(self, other)
    local group = delay and groups[delay]
    if group then
      group[#group + 1] = other
    elseif delay then -- else it is lost
      group = { other }
      groups[delay] = group
      world.loop:after(wait + delay, function()
        for _, to in ipairs(group) do arrive(world, origin, to, text) end
      end)
    end
  end
end

local function ask_later(self, wait)
  if self.asks or self.closed then return end
  self.asks = self.medium_of.world.loop:after(math.max(ROOM_MS, wait), function()
    self.asks = nil
    if not self.closed then self.owner.on_room(self) end
  end)
end

-- A frame has left this node's queue.
local function sent(self)
  self.waiting = self.waiting - 1
  if self.asked and self.waiting < ASKS_MAX then
    self.asked = nil
    if not self.closed then self.owner.on_room(self) end
  end
end

local function medium_send(self, message, to)
  local medium = self.medium_of
  local text, err, code = text_of(self, message)
  if not text then return nil, err, code end
  if self.waiting >= WAITING_MAX then return refuse(self, "full", "frames wait for the medium") end
  if self.bucket and not self.bucket:spend(#text) then
    ask_later(self, self.bucket:wait(FRAME_MAX))
    return refuse(self, "budget", "of the medium")
  end
  frame.count(self.sent, message, #text)
  local wait = air_time(medium, #text)
  spread(self, text, to and to.host, wait)
  if wait > 0 then
    self.waiting = self.waiting + 1
    medium.world.loop:after(wait, function() sent(self) end)
  end
  return true
end

local function medium_budget(self)
  if self.closed then return 0 end
  if self.waiting >= ASKS_MAX then
    self.asked = true
    return 0
  end
  if not self.bucket then return math.maxinteger end
  local available = self.bucket:available()
  if available < FRAME_MAX then ask_later(self, self.bucket:wait(FRAME_MAX)) end
  return available
end

local function leave_medium(self, reason)
  if self.closed then return end
  self.closed = true
  if self.asks then self.asks:cancel() end
  for i, other in ipairs(self.medium_of.channels) do
    if other == self then table.remove(self.medium_of.channels, i) end
  end
  self.owner.on_down(self, reason or "closed: here")
end

local MEDIUM = { stream = false, medium = true, ordered = false, near = true, source_proved = false,
  line_max = FRAME_MAX, frame_max = FRAME_MAX }

function links.join(medium, host)
  local joined = new_channel { kind = "udp", host = host, port = 3825, traits = MEDIUM, medium_of = medium,
    address = "/ip4/0.0.0.0/udp/3825/dswarm-line", send = medium_send, budget = medium_budget, close = leave_medium,
    waiting = 0 }
  if medium.rate then
    joined.bucket = budget.new { now = function() return medium.world.loop:now() end, rate = medium.rate,
      burst = 2 * medium.rate, least = FRAME_MAX }
  end
  function joined.near() return true end -- wan.lua knows more
  table.insert(medium.channels, joined)
  medium.lone[host] = nil
  return joined
end

-- -- streams ---------------------------------------------------------------------------------

local STREAM = { stream = true, medium = false, ordered = true, near = true, source_proved = true,
  line_max = require "core".limits.line, frame_max = require "core".limits.line }

-- What is said later arrives no earlier, however long each takes.
local function stream_send(self, message)
  local text, err, code = text_of(self, message)
  if not text then return nil, err, code end
  frame.count(self.sent, message, #text)
  local world, to = self.world, self.other
  local delay = not to.closed and world.delay(self, to)
  if not delay then return true end -- lost
  local origin = origin_of(self, text, false)
  self.last = math.max(self.last, world.loop:now() + delay)
  world.loop:after(self.last - world.loop:now(), function() arrive(world, origin, to, text) end)
  return true
end

local function stream_budget(self) return self.closed and 0 or math.maxinteger end

local function stream_pause(self) self.paused = true end

local function stream_resume(self)
  local held = self.held
  self.paused, self.held = false, {}
  for _, fn in ipairs(held) do fn() end
end

local function stream_close(self, reason)
  if self.closed then return end
  self.closed = true
  self.looks:cancel()
  self.owner.on_down(self, reason or "closed: here")
  self.owner = channel.nobody -- who remembers the other end holds no machine that is gone
  self.world.loop:after(1, function() self.other:close "closed: by the other side" end)
end

-- As on TCP: who dialled asks whether the other end answers.
local function ask_each_other(world, a, b)
  for _, one in ipairs { a, b } do
    one.alive = alive.new { now = function() return world.loop:now() end, asks = one == a,
      say = function(message)
        message.head = envelope.head(message)
        if not one.closed then one:send(message) end
      end }
    one.looks = world.loop:every(LOOK_MS, function()
      local why = one.alive:look()
      if why then one:close(why) end
    end)
  end
end

-- Two ends of a stream between two hosts, of whom the first has dialled. TRAITS: nil, between neighbours.
function links.stream(world, host_a, host_b, traits)
  local function side(host, there)
    return new_channel { kind = "tcp", host = host, port = 3825, traits = traits or STREAM, world = world,
      send = stream_send, budget = stream_budget, close = stream_close, pause = stream_pause, resume = stream_resume,
      held = {}, last = 0,
      address = ("/ip4/%s/tcp/3825/dswarm-line"):format(there) }
  end
  local a, b = side(host_a, host_b), side(host_b, host_a)
  a.other, b.other = b, a
  ask_each_other(world, a, b)
  return a, b
end

links.traits = STREAM

return links
