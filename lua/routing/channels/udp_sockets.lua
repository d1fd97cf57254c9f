-- udp_sockets.lua - the two sockets of a UDP channel: opened, tried again, read in turns. Knows no message.
--
-- A listener on the swarm's port, shared by all daemons of a machine, hears broadcasts; from a unicast socket of our
-- own everything leaves, so that an answer to what we said finds this daemon alone.
local backoff = require "backoff"
local host_address = require "routing.channels.host_address"

local sockets = {}
sockets.__index = sockets

local DRAIN = 64 -- datagrams a turn and socket: a flood must not starve the timers

local function drain(self, socket)
  for _ = 1, DRAIN do
    if self.closed then return end
    local bytes, host, port, broadcast, index = socket:receive()
    if bytes then
      self.on_datagram(bytes, host, port, broadcast, index)
    elseif port == "EAGAIN" then -- nil, text, code
      return
    else
      self.on_fault(port, host)
    end
  end
end

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
  self.shared, text, code = listen(self, { host = self.everywhere, port = self.listens, broadcast = true,
    shared = true })
  if not self.shared then return nil, text, code end
  self.listens = self.shared:port()
  self.address = host_address.text(self.host, "udp", self.listens)
  return true
end

local function try(self)
  if self.closed then return end
  local could, text, code = open(self)
  if could then
    local waited = self.reason
    self.reason, self.code = nil, nil
    self.backoff:reset()
    if not waited then return end
    self.log:info("routing", "channel up", { address = self.address })
    return self.on_open()
  end
  local wait = self.backoff:next()
  if code ~= self.code then
    self.log:warn("routing", code == "EADDRINUSE" and "port in use" or "channel waits",
      { address = self.address, error = text, retry_s = math.max(1, wait // 1000) })
  end
  self.reason, self.code = text, code
  self.retry = self.loop:after(wait, function() try(self) end)
end

--- Can anything be sent yet?
function sockets:can_send() return self.unicast ~= nil and not self.closed end

--- Sends BYTES to HOST and PORT, by the interface INDEX where it is given. → true | nil, text, code
function sockets:send(bytes, host, port, index) return self.unicast:send(bytes, host, port, index) end

--- Hears what is said to the multicast address GROUP on the interface INDEX from here on. → true | nil, text, code
function sockets:join(group, index)
  if not self.shared then return nil, "closed: the listener is not open", "closed" end
  return self.shared:join(group, index)
end

--- Datagrams that the kernel threw away since nobody read them in time.
function sockets:drops()
  return (self.unicast and self.unicast:drops() or 0) + (self.shared and self.shared:drops() or 0)
end

function sockets:close()
  if self.closed then return end
  self.closed = true
  for _, watch in ipairs(self.watches) do watch:close() end
  for _, name in ipairs { "unicast", "shared" } do if self[name] then self[name]:close() end end
  if self.retry then self.retry:cancel() end
end

--- Opens both at once; what fails is tried again.
---   loop, net (core.net), random, log
---   host, port   address to speak from, and port to listen on (0: the kernel chooses)
---   retry_ms     the first wait before another try (for specs)
---   on_datagram(bytes, host, port, broadcast, index)  the last: number of the interface by which it came
---   on_fault(code, text)  one datagram could not be read
---   on_open()    both are open, but were not at once
--- Fields: address, listens (port of the listener), shared (nil: not open), port (of the unicast socket), reason (why
--- something is not open).
function sockets.new(given)
  local self = setmetatable({ watches = {}, listens = given.port,
    everywhere = host_address.is_ip6(given.host) and "::" or "0.0.0.0",
    backoff = backoff.quick(given.random, given.retry_ms) }, sockets)
  for _, name in ipairs { "loop", "net", "log", "host", "on_datagram", "on_fault", "on_open" } do
    self[name] = given[name]
  end
  self.address = host_address.text(self.host, "udp", self.listens)
  try(self)
  return self
end

return sockets
