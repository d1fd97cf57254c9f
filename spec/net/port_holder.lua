-- port_holder.lua - a program that has a port and says nothing there, as any other program of a machine may. No checks.
--
-- usage: port_holder.lua udp|tcp PORT   of IPv4 and IPv6, until it is killed
local uv = require "luv"

local kind, port = arg[1], tonumber(arg[2])
for _, host in ipairs { "0.0.0.0", "::" } do
  local one = kind == "udp" and uv.new_udp() or uv.new_tcp()
  assert(one:bind(host, port, { ipv6only = host == "::" }))
  if kind == "tcp" then assert(one:listen(8, function() end)) end
end
print "holds"
io.stdout:flush()
uv.new_timer():start(3600 * 1000, 0, function() end)
uv.run()
