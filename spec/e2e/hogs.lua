-- hogs.lua - clients of a page door that ask a byte a second, or take a byte a second of the answer. No checks.
-- usage: lua5.4 spec/e2e/hogs.lua PORT ASKING READING   so many of each, until it is killed
local uv = require "luv"

local port, asking, reading = table.unpack(arg)
local REQUEST <const> = "GET /report HTTP/1.1\r\nHost: localhost\r\n\r\n"

local function begin(take)
  local tcp = uv.new_tcp()
  if take then tcp:recv_buffer_size(4096) end
  tcp:connect("127.0.0.1", tonumber(port), function(err)
    if err then return end
    tcp:write(take and REQUEST or "G")
    local timer, n = uv.new_timer(), 1
    timer:start(1000, 1000, function()
      n = n + 1
      if take then return tcp:read_start(function() tcp:read_stop() end) end
      tcp:write(REQUEST:sub(n, n), function(fault) if fault then timer:stop() end end)
    end)
  end)
end

for _ = 1, tonumber(asking) do begin(false) end
for _ = 1, tonumber(reading) do begin(true) end
io.stdout:write "ready\n"
io.stdout:flush()
uv.run()
