-- udp.lua - UDP as a channel: one message a datagram, on every interface. Knows no message's meaning.
--
-- IPv4 is spoken by broadcast, IPv6 by multicast on each link. Of the two, the channel of IPv6 is the spare one: where
-- all hear IPv4, the same words twice would halve what the air carries.
local budget = require "routing.channels.budget"
local channel = require "routing.channels.channel"
local frame = require "routing.channels.frame"
local host_address = require "routing.channels.host_address"
local interfaces = require "routing.channels.interfaces"
local sockets = require "routing.channels.udp_sockets"
local source = require "routing.channels.source"

local udp = {}

local DEFAULT_PORT = 3825
local FRAME_MAX = require "core".limits.datagram -- bytes: a datagram that no network cuts to pieces
local LOOK_MS = 5000 -- between looks at the list of interfaces
local RATE = 16 * 1024 -- bytes/s of the medium: an eighth of the air at Wi-Fi's lowest rate, 1 Mbit/s
local ROOM_MS = 10 -- least wait before asking for more

local Channel = {}
Channel.__index = Channel

local refuse = frame.refuse

-- -- up and down -----------------------------------------------------------------------------

local function came_up(self)
  if self.closed then return end
  self.down = nil
  self.owner.on_up(self)
end

local function went_down(self, reason)
  if self.down and not self.closed then return end
  self.down = reason
  self.owner.on_down(self, reason)
end

-- The kernel forgets a group with the interface, so it is joined at each look.
local function join(self)
  for _, one in ipairs(self.spare and self.interfaces.used or {}) do
    local could, why = self.sockets:join(interfaces.GROUP, one.index)
    if not could then one.fault = why end
  end
end

local function check_interfaces(self)
  local came = self.interfaces:check()
  join(self)
  if came and self.sockets:can_send() then came_up(self) end -- each time: who is there now has not heard us yet
  if #self.interfaces.used == 0 then went_down(self, self.nowhere) end
end

-- -- hearing ---------------------------------------------------------------------------------

local function is_own(self, host) return self.interfaces:is_own(host) end

-- Is HOST in a network of an own interface?
function Channel:near(host) return self.interfaces:near(host) end

-- Is there an interface on which nobody could be reached by IPv4?
function Channel:alone() return self.interfaces:alone() end

local function source_of(self, host, port, broadcast, size)
  return source.new { channel = self, principal = host, id = ("udp %s:%d"):format(host, port),
    address = host_address.text(host, "udp", port), received = size,
    broadcast = broadcast, own = is_own(self, host), host = host, port = port }
end

-- A channel bound to one host hears by that host's interface only; Linux would not hand it broadcasts if
-- the listener itself were bound to the host.
local function hear(self, bytes, host, port, broadcast, index)
  local interface = self.interfaces.by_index[index]
  if self.bound and not interface then return refuse(self, "address", "another interface") end
  if interface then interface.heard = interface.heard + 1 end
  if host:sub(1, 4) ~= "127." and host ~= "::1" then self.bucket:heard(#bytes) end -- loopback is no medium
  local text = bytes:sub(-1) == "\n" and bytes:sub(1, -2) or bytes
  if text == "" or port == 0 or frame.garbled(text) then return refuse(self, "form", "no text") end
  local message = frame.read(text)
  frame.count(self.heard, message, #text)
  return self.owner.on_frame(self, source_of(self, host, port, broadcast, #bytes), message)
end

-- What became of a datagram whose signatures had to be checked first.
function Channel:judged(...) frame.judged(self.datagrams, ...) end

local function take_in(self, bytes, host, port, broadcast, index)
  if port == self.sockets.port and is_own(self, host) then
    self.heard_own = self.heard_own + 1
  else
    self:judged(hear(self, bytes, host, port, broadcast, index))
  end
end

local function fault(self, code, text)
  refuse(self, code, text)
  if code == "long" then self:judged(nil, text, code) end -- it was a datagram, and is told as one
end

-- -- speaking --------------------------------------------------------------------------------

local function ask_later(self, wait)
  if self.room or self.closed then return end
  self.room = self.loop:after(math.max(ROOM_MS, wait), function()
    self.room = nil
    self.owner.on_room(self)
  end)
end

local function broadcast_all(self, text)
  local went, why, code = false, self.nowhere, "ENETDOWN"
  for _, one in ipairs(self.interfaces.used) do
    local sent, why_not, name = self.sockets:send(text, one.broadcast, self.sockets.listens, one.index)
    one.fault = nil
    if sent then
      went, one.sent = true, one.sent + 1
    else
      one.fault, why, code = why_not, why_not, name
    end
  end
  return went, why, code
end

local function busy(self, why)
  ask_later(self, ROOM_MS)
  return refuse(self, "full", why)
end

-- Sends MESSAGE to the flow TO, or to everybody on every interface. The second and third results name the last
-- interface's fault if none took it.
function Channel:send(message, to)
  local text = frame.text(message)
  if #text > FRAME_MAX then return refuse(self, "long", #text .. " bytes in a datagram") end
  if text == "" or frame.garbled(text) then return refuse(self, "form", "no text") end
  if not self.sockets:can_send() then return refuse(self, "closed", self.sockets.reason or "channel") end
  if not self.bucket:spend(#text) then
    ask_later(self, self.bucket:wait(FRAME_MAX))
    return refuse(self, "budget", "of the medium")
  end
  local went, why, code
  if to then
    went, why, code = self.sockets:send(text, to.host, to.port)
  else
    went, why, code = broadcast_all(self, text)
  end
  if not went and (code == "EAGAIN" or code == "ENOBUFS") then return busy(self, why) end
  if not went then return refuse(self, code, why) end
  frame.count(self.sent, message, #text)
  return true
end

-- Bytes that may go now; when it is less than a frame, on_room tells when there is room again.
function Channel:budget()
  if not self.sockets:can_send() or #self.interfaces.used == 0 then return 0 end
  local available = self.bucket:available()
  if available < FRAME_MAX then ask_later(self, self.bucket:wait(FRAME_MAX)) end
  return available
end

function Channel:status()
  local reason = self.down or self.sockets.reason
  return {
    address = self.address, kind = "udp", state = self.closed and "down" or reason and "waiting" or "up",
    reason = reason, port = self.sockets.port, listens = self.sockets.shared and self.sockets.listens,
    budget = self.bucket:available(),
    sent = frame.copy(self.sent), heard = frame.copy(self.heard), heard_own = self.heard_own,
    refused = frame.copy(self.refused), datagrams = self.datagrams, interfaces = self.interfaces:facts(),
    unused = self.interfaces:unused(), drops = self.sockets:drops(),
  }
end

function Channel:close(reason)
  if self.closed then return end
  self.closed = true
  self.sockets:close()
  for _, name in ipairs { "looker", "room" } do if self[name] then self[name]:cancel() end end
  went_down(self, reason or "closed: here")
end

local function traits(near)
  return { stream = false, medium = true, ordered = false, near = near, source_proved = false, line_max = FRAME_MAX,
    frame_max = FRAME_MAX }
end

local function open(self, options, host)
  self.sockets = sockets.new { loop = options.loop, net = options.net, random = options.random, log = options.log,
    host = host, port = options.port or DEFAULT_PORT, retry_ms = options.retry_ms,
    on_datagram = function(...) take_in(self, ...) end,
    on_fault = function(...) fault(self, ...) end,
    on_open = function()
      check_interfaces(self)
      self.address = self.sockets.address
      came_up(self)
    end }
  self.address = self.sockets.address
end

--- A channel, at once, whatever fails: it tries again. The first on_up comes in the next turn.
---   loop, net (core.net), random, log
---   host, port  address to speak from ("0.0.0.0") and port to listen on (3825; 0: the kernel chooses)
---   budget      bytes/s of the medium
---   near        false: what is heard there is not near (the trait)
---   look_ms, retry_ms  between two looks at the interfaces; the first wait before another try (for specs)
function udp.new(options)
  local host, rate = options.host or "0.0.0.0", options.budget or RATE
  local spare = host_address.is_ip6(host)
  local self = setmetatable({
    loop = options.loop, host = host, bound = host ~= "0.0.0.0" and host ~= "::", kind = "udp",
    traits = traits(options.near ~= false), spare = spare, owner = channel.nobody,
    nowhere = spare and "no interface with an IPv6 address" or "no interface with a broadcast address",
    sent = frame.counters(), heard = frame.counters(), heard_own = 0, refused = {}, datagrams = frame.judgements(),
    interfaces = interfaces.new { net = options.net, log = options.log, host = host },
    bucket = budget.new { now = function() return options.loop:now() end, rate = rate,
      burst = math.max(2 * rate, 2 * FRAME_MAX), least = FRAME_MAX },
  }, Channel)
  open(self, options, host)
  check_interfaces(self)
  self.looker = self.loop:every(options.look_ms or LOOK_MS, function() check_interfaces(self) end)
  self.loop:post(function() if self.sockets:can_send() and #self.interfaces.used > 0 then came_up(self) end end)
  return self
end

-- -- the kind --------------------------------------------------------------------------------

udp.form = "/ip4/A/udp/P/dswarm-line"

local FAMILIES = { ip4 = true, ip6 = true }

--- PARTS of a multiaddr → the source that somebody there would be, if this channel reaches it | nil
function Channel:toward(parts)
  local place = udp.read(parts)
  if not place or host_address.is_ip6(place.host) ~= host_address.is_ip6(self.host) then return nil end
  return source_of(self, place.host, place.port, false, 0)
end

--- PARTS of a multiaddr → { host, port }, or nil where it is none of this form
function udp.read(parts)
  local place, port = parts[1], parts[2]
  if #parts ~= 3 or not FAMILIES[place[1]] or port[1] ~= "udp" then return nil end
  return { host = place[2], port = math.tointeger(tonumber(port[2])) }
end

--- UDP for one node: loop, net, random, log, add (init.lua).
function udp.kind(given)
  local kind = {}
  function kind.open(_, options)
    return given.add(udp.new { loop = given.loop, net = given.net, random = given.random, log = given.log,
      host = options.host, port = options.port, budget = options.budget, near = options.near }, {})
  end
  return kind
end

return udp
