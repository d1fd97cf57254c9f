-- udp.lua - UDP broadcast as a channel: one frame a datagram, on every interface. Knows no frame's meaning.
--
-- Two sockets: a listener on the swarm's port, shared by all daemons of a machine, hears broadcasts; from a
-- unicast socket of our own everything leaves, so that an answer to what we said finds this daemon alone.
local backoff = require "backoff"
local budget = require "routing.channels.budget"
local channel = require "routing.channels.channel"
local frame = require "routing.channels.frame"
local interfaces = require "routing.channels.interfaces"
local source = require "routing.channels.source"

local udp = {}

local DEFAULT_PORT = 3825
local FRAME_MAX = 1200 -- bytes: a datagram that no network cuts to pieces
local DRAIN = 64 -- datagrams a turn and socket: a flood must not starve the timers
local LOOK_MS = 5000 -- between looks at the list of interfaces
local RATE = 16 * 1024 -- bytes/s of the medium: an eighth of the air at Wi-Fi's lowest rate, 1 Mbit/s
local ROOM_MS = 10 -- least wait before asking for more

local Channel = {}
Channel.__index = Channel

local function refuse(self, code, text)
  self.refused[code] = (self.refused[code] or 0) + 1
  return nil, code .. ": " .. text, code
end

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

local function check_interfaces(self)
  local came = self.interfaces:check()
  if came and self.unicast then came_up(self) end -- each time: who is there now has not heard us yet
  if #self.interfaces.used == 0 then went_down(self, "no interface with a broadcast address") end
end

-- -- hearing ---------------------------------------------------------------------------------

local function is_own(self, host) return self.interfaces:is_own(host) end

-- Is HOST in a network of an own interface?
function Channel:near(host) return self.interfaces:near(host) end

local function source_of(self, host, port, broadcast, size)
  return source.new { channel = self, principal = host, id = ("udp %s:%d"):format(host, port),
    address = ("/ip4/%s/udp/%d/dswarm-line"):format(host, port), received = size,
    broadcast = broadcast, own = is_own(self, host), host = host, port = port }
end

-- A channel bound to one host hears by that host's interface only; Linux would not hand it broadcasts if
-- the listener itself were bound to the host.
local function hear(self, bytes, host, port, broadcast, index)
  local interface = self.interfaces.by_index[index]
  if self.host ~= "0.0.0.0" and not interface then return refuse(self, "address", "another interface") end
  if interface then interface.heard = interface.heard + 1 end
  if host:sub(1, 4) ~= "127." then self.bucket:heard(#bytes) end -- loopback is no medium
  local text = bytes:sub(-1) == "\n" and bytes:sub(1, -2) or bytes
  if text == "" or port == 0 or frame.garbled(text) then return refuse(self, "form", "no text") end
  local message = frame.read(text)
  frame.count(self.heard, message, #text)
  return self.owner.on_frame(self, source_of(self, host, port, broadcast, #bytes), message)
end

-- What became of a datagram whose signatures had to be checked first.
function Channel:judged(...) frame.judged(self.datagrams, ...) end

local function drain(self, socket)
  for _ = 1, DRAIN do
    if self.closed then return end
    local bytes, host, port, broadcast, index = socket:receive()
    if bytes and port == self.port and is_own(self, host) then
      self.heard_own = self.heard_own + 1
    elseif bytes then
      self:judged(hear(self, bytes, host, port, broadcast, index))
    elseif port == "EAGAIN" then -- nil, message, code
      return
    elseif port == "long" then
      self:judged(refuse(self, port, host))
    else
      refuse(self, port, host)
    end
  end
end

-- -- opening ---------------------------------------------------------------------------------

local function listen(self, options)
  local socket, text, code = self.net.udp(options)
  if not socket then return nil, text, code end
  local watch
  watch, text, code = self.loop:watch(socket:fd(), "r", function() drain(self, socket) end)
  if watch then
    self.watches[#self.watches + 1] = watch
    return socket
  end
  socket:close()
  return nil, text, code
end

local function open(self)
  local text, code
  if not self.unicast then
    self.unicast, text, code = listen(self, { host = self.host, broadcast = true })
    if not self.unicast then return nil, text, code end
    self.port = self.unicast:port()
  end
  if self.shared then return true end
  self.shared, text, code = listen(self, { port = self.listens, broadcast = true, shared = true })
  if not self.shared then return nil, text, code end
  self.listens = self.shared:port()
  self.address = ("/ip4/%s/udp/%d/dswarm-line"):format(self.host, self.listens)
  return true
end

local function try(self)
  if self.closed then return end
  local could, text, code = open(self)
  if could then
    local waited = self.reason
    self.reason, self.reason_code = nil, nil
    self.backoff:reset()
    check_interfaces(self)
    if not waited then return end
    self.log:info("routing", "channel up", { address = self.address })
    return came_up(self)
  end
  local wait = self.backoff:next()
  if code ~= self.reason_code then
    self.log:warn("routing", code == "EADDRINUSE" and "port in use" or "channel waits",
      { address = self.address, error = text, retry_s = math.max(1, wait // 1000) })
  end
  self.reason, self.reason_code = text, code
  self.retry = self.loop:after(wait, function() try(self) end)
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
  local went, why, code = false, "no interface with a broadcast address", "ENETDOWN"
  for _, one in ipairs(self.interfaces.used) do
    local sent, fault, name = self.unicast:send(text, one.broadcast, self.listens, one.index)
    one.fault = nil
    if sent then
      went, one.sent = true, one.sent + 1
    else
      one.fault, why, code = fault, fault, name
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
  if self.closed or not self.unicast then return refuse(self, "closed", self.reason or "channel") end
  if not self.bucket:spend(#text) then
    ask_later(self, self.bucket:wait(FRAME_MAX))
    return refuse(self, "budget", "of the medium")
  end
  local went, why, code
  if to then
    went, why, code = self.unicast:send(text, to.host, to.port)
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
  if self.closed or not self.unicast or #self.interfaces.used == 0 then return 0 end
  local available = self.bucket:available()
  if available < FRAME_MAX then ask_later(self, self.bucket:wait(FRAME_MAX)) end
  return available
end

function Channel:status()
  local reason = self.down or self.reason
  return {
    address = self.address, kind = "udp", state = self.closed and "down" or reason and "waiting" or "up",
    reason = reason, port = self.port, listens = self.shared and self.listens,
    budget = self.bucket:available(),
    sent = frame.copy(self.sent), heard = frame.copy(self.heard), heard_own = self.heard_own,
    refused = frame.copy(self.refused), datagrams = self.datagrams, interfaces = self.interfaces:facts(),
    unused = self.interfaces:unused(),
    drops = (self.unicast and self.unicast:drops() or 0) + (self.shared and self.shared:drops() or 0),
  }
end

function Channel:close(reason)
  if self.closed then return end
  self.closed = true
  for _, watch in ipairs(self.watches) do watch:close() end
  for _, name in ipairs { "unicast", "shared" } do if self[name] then self[name]:close() end end
  for _, name in ipairs { "looker", "retry", "room" } do if self[name] then self[name]:cancel() end end
  went_down(self, reason or "closed: here")
end

local TRAITS = { stream = false, medium = true, ordered = false, source_proved = false, line_max = FRAME_MAX,
  frame_max = FRAME_MAX }

--- A channel, at once, whatever fails: it tries again. The first on_up comes in the next turn.
---   loop, net (core.net), random, log
---   host, port  address to speak from ("0.0.0.0") and port to listen on (3825; 0: the kernel chooses)
---   budget      bytes/s of the medium
---   look_ms, retry_ms  between two looks at the interfaces; the first wait before another try (for specs)
function udp.new(options)
  local host, port = options.host or "0.0.0.0", options.port or DEFAULT_PORT
  local rate = options.budget or RATE
  local self = setmetatable({
    loop = options.loop, net = options.net, log = options.log, host = host, listens = port,
    address = ("/ip4/%s/udp/%d/dswarm-line"):format(host, port),
    kind = "udp", traits = TRAITS, owner = channel.nobody,
    sent = frame.counters(), heard = frame.counters(), heard_own = 0, refused = {}, datagrams = frame.judgements(),
    interfaces = interfaces.new { net = options.net, log = options.log, host = host }, watches = {},
    backoff = backoff.quick(options.random, options.retry_ms),
    bucket = budget.new { now = function() return options.loop:now() end, rate = rate,
      burst = math.max(2 * rate, 2 * FRAME_MAX), least = FRAME_MAX },
  }, Channel)
  try(self)
  check_interfaces(self)
  self.looker = self.loop:every(options.look_ms or LOOK_MS, function() check_interfaces(self) end)
  self.loop:post(function() if self.unicast and #self.interfaces.used > 0 then came_up(self) end end)
  return self
end

-- -- the kind --------------------------------------------------------------------------------

udp.form = "/ip4/A/udp/P/dswarm-line"

--- PARTS of a multiaddr → { host, port }, or nil where it is none of this form
function udp.read(parts)
  local place, port = parts[1], parts[2]
  if #parts ~= 3 or place[1] ~= "ip4" or port[1] ~= "udp" then return nil end
  return { host = place[2], port = math.tointeger(tonumber(port[2])) }
end

--- UDP for one node: loop, net, random, log, add (init.lua).
function udp.kind(given)
  local kind = {}
  function kind.open(_, options)
    return given.add(udp.new { loop = given.loop, net = given.net, random = given.random, log = given.log,
      host = options.host, port = options.port, budget = options.budget }, {})
  end
  return kind
end

return udp
