-- loopback.lua - TCP ports of the loopback: one that nobody has, and whether somebody listens on one. No checks.
local net = require "core.net"
local uv = require "luv"

local loopback = {}

local given = {} -- one in some thousand pairs of ports by chance would be one port twice

-- A port that nobody has now and that was not given before, below those that the kernel gives to who asks for any: it
-- would soon give it to another.
function loopback.free_port()
  for _ = 1, 100 do
    local port = 16384 + string.unpack("I2", uv.random(2)) // 4
    local listener = not given[port] and net.listen { host = "127.0.0.1", port = port }
    if listener then
      listener:close()
      given[port] = true
      return port
    end
  end
  error "no port is free"
end

-- Who would bind it to see that would be in the way of whoever wants it just then.
function loopback.listens(port)
  local wanted = ("^%%s*%%d+: %%x+:%04X %%x+:0000 0A "):format(port)
  for _, family in ipairs { "tcp", "tcp6" } do
    local file <close> = io.open("/proc/net/" .. family)
    for line in file and file:lines() or function() end do
      if line:find(wanted) then return true end
    end
  end
  return false
end

return loopback
