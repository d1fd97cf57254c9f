-- tap.lua - a TCP proxy that writes down all that goes over it, either way. No checks.
--
-- usage: tap.lua PORT HOST HOSTPORT FILE   until it is killed; at SIGUSR1 it hangs up on who came last
local uv = require "luv"

local file = assert(io.open(arg[4], "a"))
file:setvbuf "no"

local function pump(from, to)
  from:read_start(function(_, bytes)
    if not bytes then
      if not to:is_closing() then to:close() end
      if not from:is_closing() then from:close() end
      return
    end
    file:write(bytes)
    if not to:is_closing() then to:write(bytes) end
  end)
end

local newest = {}

local hang_up = uv.new_signal()
hang_up:start("sigusr1", function()
  for _, end_of in ipairs(newest) do
    if not end_of:is_closing() then end_of:close() end
  end
end)

local listener = uv.new_tcp()
assert(listener:bind("0.0.0.0", tonumber(arg[1])))
assert(listener:listen(8, function()
  local near, far = uv.new_tcp(), uv.new_tcp()
  listener:accept(near)
  newest = { near, far }
  far:connect(arg[2], tonumber(arg[3]), function(fault)
    if fault then return near:close() end
    pump(near, far)
    pump(far, near)
  end)
end))
uv.run()
