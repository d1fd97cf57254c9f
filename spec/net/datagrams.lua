-- datagrams.lua - sends numbered datagrams, or tells which came and how late. For specs of the wire. No checks.
--
-- usage: datagrams.lua send HOST PORT COUNT EVERY_US
--        datagrams.lua receive PORT QUIET_MS   first `ready`; a SIGTERM says that all were sent: then after QUIET_MS
--        without one, twice in a row, a line each: NUMBER MICROSECONDS-UNDER-WAY
local uv = require "luv"

local SIZE = 200 -- bytes of payload
local LATE_US = 10000 -- who is later than that stood still: what was due meanwhile is not sent all at once

local function send(host, port, count, every_us)
  local socket, sent, began = uv.new_udp(), 0, uv.hrtime()
  local beat = uv.new_timer()
  beat:start(0, 1, function()
    began = math.max(began, uv.hrtime() - (sent * every_us + LATE_US) * 1000)
    while sent < count and uv.hrtime() - began >= sent * every_us * 1000 do
      local head = ("%d %d "):format(sent + 1, uv.hrtime())
      local _, _, code = socket:try_send(head .. ("x"):rep(SIZE - #head), host, port)
      if code == "EAGAIN" then break end -- no room: it is sent a beat later
      sent = sent + 1
    end
    if sent == count then uv.stop() end
  end)
end

local function receive(port, quiet_ms)
  local socket, heard, timer, signal, all_sent = uv.new_udp(), {}, uv.new_timer(), uv.new_signal(), false
  -- Where the machine stood still, the time is over before what came meanwhile is read: so it is waited for twice.
  local function wait(again)
    timer:start(quiet_ms, 0, function()
      if again then return uv.stop() end
      wait(true)
    end)
  end
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
