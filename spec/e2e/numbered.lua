-- numbered.lua - a program: says numbered records, each in a slot of its own, 1,000 a second over TCP and 30 over UDP.
-- usage: lua5.4 spec/e2e/numbered.lua SWARM TCP-PORT UDP-PORT [MOST], of a daemon on 127.0.0.1. After MOST over TCP it
-- says ten a second: a busy machine has more to do with each that it holds. At SIGTERM says "tcp N udp N",
-- how many it said; "closed" when its stream ends, then it ends, too. Judges nothing.
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local swarm, tcp_port, udp_port = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3]))
local key, net, statement = require "core.key", require "core.net", require "core.statement"
local most = tonumber(arg[4]) or math.huge
local random = require "core.random".system()
local loop = require "loop".new { on_error = error }
local KEYS, AT_ONCE, BEAT_MS, UDP_EVERY = 10, 10, 10, 33 -- beat: 1,000 a second over TCP
local SLOWER = 100 -- beats to one frame, once MOST were said
local LOST = 5 -- beats after a late one that are made up for at once

local keys, number, said = {}, 0, { tcp = 0, udp = 0 }
for i = 1, KEYS do keys[i] = key.generate(random:bytes(32)) end

local function record()
  number = number + 1
  local now = loop:wall()
  local from = now // 16000 * 16
  return statement.sign(keys[number % KEYS + 1], swarm, { verb = "propose", bucket = "share/files", at = now,
    key = ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7%010d"):format(number), valid_from = from,
    valid_until = from + 2500000, data = ('{"class":"lab","names":["%d.bag"],"size":5}'):format(number) }).line
end

local function frame(count)
  local lines = { "* - 8 statements " .. count }
  for i = 2, count + 1 do lines[i] = record() end
  return table.concat(lines, "\n") .. "\n"
end

local stream = assert(net.connect { host = "127.0.0.1", port = tcp_port })
local udp = assert(net.udp { host = "127.0.0.1", port = 0 })
local waiting, open, ending, watch = "", false, false, nil

local function flush()
  while waiting ~= "" do
    local sent = stream:send(waiting)
    if not sent then return watch:set "rw" end
    waiting = waiting:sub(sent + 1)
  end
  watch:set "r"
end

watch = loop:watch(stream:fd(), "rw", function(readable)
  open = true
  local bytes = readable and stream:receive(65536)
  if bytes == "" then
    print "closed"
    return loop:stop()
  end
  flush()
end)

-- Over UDP a frame is one datagram with one record; TCP has all the others.
local began, beats, datagrams = loop:now(), 0, 0
loop:every(BEAT_MS, function()
  if not open or ending then return end -- what was counted is all that is said
  local due = (loop:now() - began) // BEAT_MS
  beats = math.max(beats, due - LOST)
  while beats < due do
    beats = beats + 1
    if said.tcp < most or beats % SLOWER == 0 then
      said.tcp, waiting = said.tcp + AT_ONCE, waiting .. frame(AT_ONCE)
    end
  end
  flush()
  if (loop:now() - began) // UDP_EVERY > datagrams then
    datagrams = (loop:now() - began) // UDP_EVERY
    if udp:send(frame(1), "127.0.0.1", udp_port) then said.udp = said.udp + 1 end
  end
end)

loop:signal("sigterm", function()
  ending = true
  print(("tcp %d udp %d"):format(said.tcp, said.udp))
  io.stdout:flush()
  loop:every(BEAT_MS, function()
    flush() -- to its end: the daemon may be slow to read
    if waiting == "" then loop:stop() end
  end)
end)
io.stdout:flush()
loop:run()
