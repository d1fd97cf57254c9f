-- links.lua - the simulator's channels: a broadcast medium and streams, seeded, with delay and loss. No sockets.
local links = {}

local channel = {}
channel.__index = channel

function channel:budget() return self.closed and 0 or self.frame_max end

function channel:status()
  return { address = self.address, kind = self.kind, state = self.closed and "down" or "up", sent = self.sent,
    heard = self.heard, refused = {} }
end

local function new_channel(fields)
  fields.sent, fields.heard = { frames = 0, bytes = 0 }, { frames = 0, bytes = 0 }
  return setmetatable(fields, channel)
end

local function deliver(world, from, to, source, frame)
  if to.closed then return end
  local delay = world.delay(from, to)
  if not delay then return end -- lost
  world.loop:after(delay, function()
    if to.closed then return end
    to.heard.frames, to.heard.bytes = to.heard.frames + 1, to.heard.bytes + #frame
    world.trace("%s > %s %s", from.host, to.host, frame)
    to.on_frame(to, source, frame)
  end)
end

local function source_of(to, from, frame, broadcast)
  return { channel = to, id = from.kind .. " " .. from.host, host = from.host, port = from.port,
    broadcast = broadcast,
    address = ("/ip4/%s/udp/%d/dswarm-line"):format(from.host, from.port), own = from.host == to.host,
    received = #frame }
end

-- A medium on which all hear each other. world: loop, trace(format, …), delay(from, to) → ms or nil = lost.
function links.medium(world) return { world = world, channels = {} } end

local function medium_send(self, frame, source)
  local world = self.medium_of.world
  self.sent.frames, self.sent.bytes = self.sent.frames + 1, self.sent.bytes + #frame
  for _, other in ipairs(self.medium_of.channels) do
    if other ~= self and (not source or other.host == source.host) then
      deliver(world, self, other, source_of(other, self, frame, source == nil), frame)
    end
  end
  return true
end

function links.join(medium, host)
  local joined = new_channel { kind = "udp", host = host, port = 3825, frame_max = 1200, medium_of = medium,
    address = "/ip4/0.0.0.0/udp/3825/dswarm-line", send = medium_send }
  function joined.near() return true end
  function joined:close()
    self.closed = true
    for i, other in ipairs(medium.channels) do
      if other == self then table.remove(medium.channels, i) end
    end
  end
  table.insert(medium.channels, joined)
  return joined
end

local function stream_send(self, frame)
  if self.closed then return nil, "closed: the link has gone", "closed" end
  self.sent.frames, self.sent.bytes = self.sent.frames + 1, self.sent.bytes + #frame
  deliver(self.world, self, self.other, source_of(self.other, self, frame, false), frame)
  return true
end

local function stream_close(self)
  if self.closed then return end
  self.closed = true
  if self.on_down then self.on_down(self, "closed") end
  self.world.loop:after(1, function() self.other:close() end)
end

-- Two ends of a stream between two hosts.
function links.stream(world, host_a, host_b)
  local function side(host)
    return new_channel { kind = "tcp", host = host, port = 3825, frame_max = 8192, world = world, send = stream_send,
      close = stream_close, address = ("/ip4/%s/tcp/3825/dswarm-line"):format(host) }
  end
  local a, b = side(host_a), side(host_b)
  a.other, b.other = b, a
  return a, b
end

return links
