-- loopback.lua - TCP ports of the loopback: one that nobody has, and whether somebody listens on one. No checks.
local net = require "core.net"

local loopback = {}

-- A port that nobody has now.
function loopback.free_port()
  local listener = assert(net.listen { host = "127.0.0.1", port = 0 })
  local port = listener:port()
  listener:close()
  return port
end

function loopback.listens(port)
  local listener = net.listen { host = "127.0.0.1", port = port }
  if listener then listener:close() end
  return listener == nil
end

return loopback
