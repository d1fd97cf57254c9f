-- loopback.lua - TCP ports of the loopback: one that nobody has, and whether somebody listens on one. No checks.
local net = require "core.net"

local loopback = {}

local given = {} -- one in some thousand pairs of ports by chance would be one port twice

-- A port that nobody has now, and that was not given before.
function loopback.free_port()
  local port
  repeat
    local listener = assert(net.listen { host = "127.0.0.1", port = 0 })
    port = listener:port()
    listener:close()
  until not given[port]
  given[port] = true
  return port
end

function loopback.listens(port)
  local listener = net.listen { host = "127.0.0.1", port = port }
  if listener then listener:close() end
  return listener == nil
end

return loopback
