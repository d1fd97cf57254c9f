-- swallower.lua - a TCP proxy of a spec's own loop that can swallow one way: it acknowledges all and hands nothing on.
local swallower = {}
swallower.__index = swallower

local CHUNK <const> = 65536

-- What comes from FROM goes to TO, unless WAY is swallowed.
local function pump(self, from, to, way)
  local bytes = from.stream:receive(CHUNK)
  if bytes == "" then return to.stream:close() end
  if not bytes then return end
  if self.swallows[way] then
    self.swallowed = self.swallowed + #bytes
    return
  end
  to.stream:send(bytes, 1) -- little goes over it: there is room
end

local function join(self, accepted)
  local near = { stream = accepted }
  local far = { stream = assert(self.net.connect { host = "127.0.0.1", port = self.to }) }
  self.loop:watch(near.stream:fd(), "r", function() pump(self, near, far, "there") end)
  self.loop:watch(far.stream:fd(), "r", function() pump(self, far, near, "back") end)
  self.joined, self.swallows = self.joined + 1, {} -- another connection goes by another way
end

--- Listens on the loopback interface, and hands on to port TO. Fields: port; swallows.there, swallows.back: bool;
--- swallowed: bytes; joined: how many connections came.
function swallower.new(loop, net, to)
  local self = setmetatable({ loop = loop, net = net, to = to, swallows = {}, swallowed = 0, joined = 0 }, swallower)
  self.listener = assert(net.listen { host = "127.0.0.1", port = 0 })
  self.port = self.listener:port()
  loop:watch(self.listener:fd(), "r", function()
    local stream = self.listener:accept()
    if stream then join(self, stream) end
  end)
  return self
end

return swallower
