-- listener.lua - has the gateway open at the policy's address, or tries again; tells it who may ask. Serves no file.
local listeners = require "listeners"

local listener = {}
listener.__index = listener

local NETWORKS_EVERY = 5000 -- ms
local NETWORKS_MAX = 64

listener.DEFAULT_PORT = 3826 -- where it is taken the kernel chooses, and beacons say which

--- Only on-link sources may ask for files, and none that the policy shuts out; the list follows the interfaces.
function listener:tell_networks()
  if not self.gateway then return end
  local list = self.shut_out and self.shut_out() or {}
  local most = #list + NETWORKS_MAX
  for _, one in ipairs(self.net.interfaces() or {}) do
    if one.up and not one.loopback and #list < most then
      list[#list + 1] = { (one.host:gsub("%%.*", "")), one.prefix }
    end
  end
  self.gateway:networks(list)
end

local function opened(self, gateway)
  self.gateway = gateway
  self:tell_networks()
  if gateway:port() ~= self.port then
    self.log:info("content", "port chosen", { wanted = self.port, port = gateway:port() })
  end
  if self.reason then self.log:info("content", "gateway up", { host = self.host, port = self.port }) end
  self.reason = nil
  self.opened:call(gateway)
end

-- → gateway | nil, text, code
local function make(self, port)
  local gateway, err, code = self.make { host = self.host, port = port, congestion = "bbr" }
  if gateway or code ~= "EAFNOSUPPORT" or self.host ~= "::" then return gateway, err, code end
  return self.make { host = "0.0.0.0", port = port, congestion = "bbr" } -- a kernel without IPv6
end

local function try(self)
  local gateway, err, code = make(self, self.port)
  if not gateway and code == "EADDRINUSE" and self.port == listener.DEFAULT_PORT then
    self.taken = err
    gateway, err = make(self, 0)
  end
  if gateway then return opened(self, gateway) end
  local wait = self.backoff:next()
  if err ~= self.reason then
    self.log:warn("content", code == "EADDRINUSE" and "port in use" or "gateway waits",
      { host = self.host, port = self.port, error = err, retry_s = math.max(1, wait // 1000) })
  end
  self.reason = err
  self.retry = self.loop:after(wait, function() try(self) end)
end

-- loop, log, net (core.net), make (core.gateway's new), backoff, host, port (the policy's); shut_out() → array of
-- { host, bits, true } that get no answer, at most 256, or nil. Fields: gateway, or reason; taken: why
-- not at the policy's port, where another program has it.
function listener.new(given)
  local self = setmetatable({ opened = listeners.new() }, listener)
  for _, name in ipairs { "loop", "log", "net", "make", "backoff", "host", "port",
    "shut_out" } do self[name] = given[name] end
  try(self)
  self.timer = self.loop:every(NETWORKS_EVERY, function() self:tell_networks() end)
  return self
end

-- fn(gateway) where it opens later than at the start. → a function that ends it.
function listener:on_open(fn) return self.opened:add(fn) end

-- The gateway itself is closed by whoever serves by it.
function listener:stop()
  self.timer:cancel()
  if self.retry then self.retry:cancel() end
end

return listener
