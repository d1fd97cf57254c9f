-- datagrams.lua - sends numbered datagrams, or tells which came and how late. For specs of the wire. No checks.
--
-- usage: datagrams.lua send HOST PORT COUNT EVERY_US
--        datagrams.lua receive PORT QUIET_MS   first `ready`; a SIGTERM says that all were sent: then after QUIET_MS
--        without one a line each: NUMBER MICROSECONDS-UNDER-WAY
local uv = require "luv"

local SIZE = 200 -- bytes of payload

local function send(host, port, count, every_us)
  local socket, sent, began = uv.new_udp(), 0, uv.hrtime()
  local beat = uv.new_timer()
  beat:start(0, 1, function()
    while sent < count and uv.hrtime() - began >= sent * every_us * 1000 do
      sent = sent + 1
      local head = ("%d %d "):format(sent, uv.hrtime())
      socket:try_send(head .. ("x"):rep(SIZE - #head), host, port)
    end
    if sent == count then uv.stop() end
  end)
end

local function receive(port, quiet_ms)
  local socket, heard, timer, signal, all_sent = uv.new_udp(), {}, uv.new_timer(), uv.new_signal(), false
  local function wait() timer:start(quiet_ms, 0, function() uv.stop() end) end
  assert(socket:bind("0.0.0.0", port))
  socket:recv_buffer_size(1 << 18)
  socket:recv_start(function(_, bytes)
    if not bytes then return end
    local number, at = bytes:match "^(%d+) (%d+) "
    heard[#heard + 1] = ("%s %d"):format(number, (uv.hrtime() - math.tointeger(tonumber(at))) // 1000)
    if all_sent then wait() end
  end)
  signal:start("sigterm", function()
    all_sent = true
    wait()
  end)
  print "ready"
  io.stdout:flush()
  return heard
end

local heard = {}
if arg[1] == "send" then
  send(arg[2], tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5]))
else
  heard = receive(tonumber(arg[2]), tonumber(arg[3]))
end
uv.run()
for _, line in ipairs(heard) do print(line) end
