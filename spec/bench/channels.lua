-- channels.lua - lines through the dispatcher beside mosquitto's, and what an idle channel holds. No pass or fail.
-- needs: bash
dofile "spec/helper.lua"
local envelope = require "routing.envelope"
local figures = require "spec.figures"
local folder = require "spec.folder"
local kubo_stub = require "spec.net.kubo_stub"
local links = require "routing.channels.links"
local ngircd = require "spec.net.ngircd"
local net, random, uv = require "core.net", require "core.random", require "luv"
local pipe = require "spec.routing.pipe"
local process = require "spec.process"
local routing = require "routing"
local servers = require "spec.net.servers"
local tcp = require "routing.channels.tcp"
local till = require "spec.net.till"

local say = figures.say

local LINES <const> = 300000
local EACH <const> = 16 -- idle channels of a kind: no more connections are taken from one machine
local TEXT <const> = "/dswarm/bench/sink - 8 note a line of about a hundred bytes, as many of ours are, number "

local function sh(command) return os.execute(command .. " >/dev/null 2>&1") end

-- Seconds of processor time of this process.
local function used()
  local usage = uv.getrusage()
  local function seconds(t) return t.sec + t.usec / 1e6 end
  return seconds(usage.utime) + seconds(usage.stime)
end

-- == lines: one connection brings them, another one takes them away

-- A dispatcher without a brain, whose component `sink` passes each line on to the connection that came first.
local function dispatcher(loop)
  local log, out, count = till.log(), nil, { came = 0, went = 0 }
  local comms = { outbox = { channels = {} }, beacon = { appear = function() end },
    peers = { source_proved = function() return true end }, next = function() end, due = function() end }
  setmetatable(comms, { __index = function() return function() end end })
  local one = routing.new { loop = loop, log = log, comms = comms, id = "bench", refused = function() end }
  one:component("sink", function(message)
    count.came = count.came + 1
    local onward = envelope.onward(message)
    onward.head = envelope.head(onward)
    if out:send(onward) then count.went = count.went + 1 end
    return true
  end)
  local listener = tcp.listen { loop = loop, net = net, random = random.seeded(1), log = log, host = "127.0.0.1",
    port = 0, links = links.new { loop = loop, net = net, log = log }, on_link = function(link)
      out = out or link
      assert(one:add(link, {}))
    end }
  return listener, count, function() return out end, one
end

local function through_us(file)
  local loop = till.loop()
  local listener, count, first, one = dispatcher(loop)
  local port = listener.port
  os.execute(("bash -c 'exec cat </dev/tcp/127.0.0.1/%d >/dev/null' & "):format(port))
  till.holds(loop, first, 5000)
  local before = used()
  os.execute(("bash -c 'exec cat %s >/dev/tcp/127.0.0.1/%d' &"):format(file, port))
  till.holds(loop, function() return count.came >= LINES end, 120000)
  local seconds = used() - before
  one:stop()
  listener:close()
  loop:close()
  return LINES / seconds, count.went
end

-- Seconds of processor time of another process.
local function ticks(pid)
  local fields = {}
  for field in folder.read(("/proc/%d/stat"):format(pid)):match "^.*%) (.*)$":gmatch "%S+" do
    fields[#fields + 1] = field
  end
  return (fields[12] + fields[13]) / 100
end

-- The folder of its programs, fetched where there is none; nil: none is to be had.
local function mosquitto()
  local found = io.popen "spec/net/mosquitto.sh"
  local tree = found:read "l"
  found:close()
  return tree
end

local function through_mosquitto(tree, file, dir)
  local port = servers.free_port()
  folder.write(dir .. "/mosquitto.conf", ("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    :format(port))
  local with = ("env LD_LIBRARY_PATH=%s/usr/lib/$(uname -m)-linux-gnu %s/usr/"):format(tree, tree)
  os.execute(("%ssbin/mosquitto -c %s/mosquitto.conf >/dev/null 2>&1 & echo $! >%s/pid"):format(with, dir, dir))
  uv.sleep(500)
  local pid = tonumber(folder.read(dir .. "/pid"))
  os.execute(("%sbin/mosquitto_sub -p %d -t x -C %d >/dev/null 2>&1 & echo $! >%s/taker"):format(with, port, LINES,
    dir))
  uv.sleep(300)
  local before = ticks(pid)
  sh(("%sbin/mosquitto_pub -p %d -t x -l <%s"):format(with, port, file))
  sh(("timeout 60 tail --pid=%s -f /dev/null"):format(folder.read(dir .. "/taker"):match "%d+"))
  local rate = LINES / (ticks(pid) - before)
  os.execute("kill " .. pid)
  return rate
end

-- == idle channels

-- KiB that are the process's own.
local function private(pid)
  return tonumber(folder.read(("/proc/%d/smaps_rollup"):format(pid)):match "Private_Dirty:%s+(%d+)")
end

local function run_for(ms)
  local over = false
  local timer = uv.new_timer()
  timer:start(ms, 0, function() over = true end)
  while not over do uv.run "once" end
  timer:close()
end

-- KiB that a daemon with MORE channels, a text of the policy, holds after some seconds, and again after MEANWHILE(port
-- of its listener).
local function held(dir, name, more, meanwhile)
  local home = ("%s/%s"):format(dir, name)
  os.execute(("mkdir -p %s/dt-swarm/channels; chmod -R 700 %s"):format(home, home))
  for i = 1, EACH + 1 do pipe.put(home .. "/dt-swarm", "line" .. i, "#!/bin/sh\nexec cat >/dev/null\n") end
  local port = servers.free_port()
  folder.write(home .. "/my.lua", ('local p = extend "duckiebot"\np.clients.logs.gateway = false\n'
    .. 'p.routing.channels = { "/ip4/127.0.0.1/tcp/%d/dswarm-line", %s }\nreturn p\n'):format(port, more))
  os.execute(("env XDG_CONFIG_HOME=%s ./dt-swarm --name bench --state %s/state --share %s/share --socket %s/sock "
    .. "%s/my.lua >%s/log 2>&1 & echo $! >%s/pid"):format(home, home, home, home, home, home, home))
  run_for(3000)
  local pid = tonumber(folder.read(home .. "/pid"))
  run_for(5000)
  local before = private(pid)
  if meanwhile then
    meanwhile(port)
    run_for(3000)
  end
  local after = private(pid)
  os.execute("kill " .. pid)
  run_for(500)
  return before, after
end

-- What each channel more of the entry FORMAT takes, a first one left out: it brings libraries along.
local function each(dir, name, format)
  local list = {}
  for i = 1, EACH + 1 do list[i] = format:format(i) end
  local one = held(dir, name .. "1", list[1])
  return (held(dir, name, table.concat(list, ", ")) - one) / EACH, one
end

-- KiB of each IRC channel more, by a real server that lets one address in as often as it wants | nil: there is none
local function irc(dir)
  if not ngircd.found() then return nil end
  local server = ngircd.start { extra = "[Limits]\nMaxConnectionsIP = 0\n" }
  local kib = each(dir, "irc", ('"/ip4/127.0.0.1/tcp/%d/irc/#r%%d/dswarm-line"'):format(server.port))
  server.remove()
  return kib
end

local function memory(dir)
  local alone = held(dir, "alone", "")
  local room = {}
  local kubo = kubo_stub.new(room)
  local topics, first = each(dir, "topics", '{ "/ipfs-pubsub/t%d/dswarm-line", api = "' .. kubo.api .. '" }')
  kubo:stop()
  local programs = each(dir, "programs", '"/exec/line%d/dswarm-line"')
  local datagrams, rooms = each(dir, "datagrams", '"/ip4/0.0.0.0/udp/300%02d/dswarm-line"'), irc(dir)
  local open = {}
  local before, after = held(dir, "links", "", function(port)
    for i = 1, EACH do
      open[i] = uv.new_tcp()
      open[i]:connect("127.0.0.1", port, function() end)
    end
  end)
  for _, one in ipairs(open) do one:close() end
  uv.run "nowait"
  say("a daemon with one listener", "%.1f MB private", alone / 1024)
  say("each TCP connection more", "%.1f KiB", (after - before) / EACH)
  say("each pair of UDP sockets more", "%.1f KiB", datagrams)
  say("each program more", "%.1f KiB", programs)
  if rooms then say("each IRC channel more", "%.1f KiB", rooms) end
  say("each topic of IPFS pubsub more", "%.1f KiB; the first, with libcurl, %.1f MB", topics, (first - alone) / 1024)
end

local tree = mosquitto() -- before there is a network without anybody
process.apart "spec/bench/channels.lua"
local dir = folder.new()
print(("channels: %d lines of %d bytes, in by one connection and out by another; idle ones"):format(LINES, #TEXT + 6))
local file = assert(io.open(dir.path .. "/lines", "w"))
for i = 1, LINES do file:write(TEXT, ("%06d\n"):format(i)) end
file:close()
local rate, went = through_us(dir.path .. "/lines")
say("through the dispatcher", "%.0f lines a second and core, %d of %d went on", rate, went, LINES)
if tree then
  local theirs = through_mosquitto(tree, dir.path .. "/lines", dir.path)
  say("through mosquitto, QoS 0", "%.0f lines a second and core", theirs)
end
memory(dir.path)
dir.remove()
