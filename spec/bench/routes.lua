-- routes.lua - lines that a daemon passes on by its routing table, beside socat; and what a large table costs a line.
-- No pass or fail.
dofile "spec/helper.lua"
local folder = require "spec.folder"
local hash, key, net = require "core.hash", require "core.key", require "core.net"
local json = require "core.json"
local patience = require "spec.patience"
local process = require "spec.process"
local routes = require "routing.routes"
local servers = require "spec.net.servers"
local shuffled = require "spec.shuffled"
local random = require "core.random"
local uv = require "luv"

local LINES <const> = 20000
local AT_ONCE <const>, PAUSE <const> = 10, 5 -- lines; ms: what waits on a link is bounded
local LOOKUPS <const>, ROUNDS <const> = 20000, 7

local function say(what, format, ...) print(("  %-44s " .. format):format(what, ...)) end

local function id(name) return key.generate(hash.blake2b(name)):id() end

-- == lookups

-- us that a lookup takes among COUNT routes, the one that fits among them: the least of several rounds.
local function lookup(count, of_names)
  local far, list = id "far", {}
  local function node(i) return of_names and "robot" .. i or id("robot " .. i) end
  for i = 1, count - 1 do
    list[i] = { pattern = ("/dswarm/%s/*"):format(node(i)), target = "/ip4/10.0.0.1/udp/1/dswarm-line/$0" }
  end
  list[count] = { pattern = ("/dswarm/%s/*"):format(of_names and "far" or far),
    target = "/ip4/10.0.0.2/udp/1/dswarm-line/$0" }
  local table_ = routes.new { name_of = function(node_) return node_ == far and "far" or nil end,
    bearers = function(name) return name == "far" and { far } or {} end }
  table_:load(shuffled(random.seeded(1), list), function() return "bench.lua:1" end)
  local to, least = ("/dswarm/%s/brain"):format(far), math.huge
  for _ = 1, ROUNDS do
    local began = uv.hrtime()
    for _ = 1, LOOKUPS do assert(table_:match(to)) end
    least = math.min(least, (uv.hrtime() - began) / LOOKUPS / 1000)
  end
  return least
end

local function lookups()
  for _, of_names in ipairs { false, true } do
    local ten, thousand = lookup(10, of_names), lookup(1000, of_names)
    say(of_names and "a route among 1,000 by names, and among 10" or "a route among 1,000, and among 10",
      "%.2f us, %.2f us: %.2f us more a line (bar: 2)", thousand, ten, thousand - ten)
  end
end

-- == lines that are passed on

-- Seconds of processor time of all threads of a process.
local function used(pid)
  local pipe = assert(io.popen(("cat /proc/%d/task/*/schedstat"):format(pid)))
  local all = 0
  for line in pipe:lines() do all = all + tonumber(line:match "%d+") end
  pipe:close()
  return all / 1e9
end

-- One who takes all lines: accepts at a port, counts line feeds.
local function sink()
  local listener, streams, one = assert(net.listen { host = "127.0.0.1", port = 0 }), {}, { count = 0 }
  one.port = listener:port()
  function one.drain()
    local stream = listener:accept()
    if stream then streams[#streams + 1] = stream end
    for _, each in ipairs(streams) do
      local bytes = each:receive(65536)
      while bytes and bytes ~= "" do
        one.count = one.count + select(2, bytes:gsub(" call %d+ numbered\n", ""))
        bytes = each:receive(65536)
      end
    end
  end
  function one.close()
    for _, each in ipairs(streams) do each:close() end
    listener:close()
  end
  return one
end

-- SAY(text) at the pace that is the same for all, until the sink has all.
local function feed(to, line_of, write)
  for i = 1, LINES, AT_ONCE do
    local lines = {}
    for j = 0, AT_ONCE - 1 do lines[#lines + 1] = line_of(i + j) end
    write(table.concat(lines))
    uv.sleep(PAUSE)
    to.drain()
  end
  patience.within(5, function()
    to.drain()
    return to.count >= LINES
  end, 0.01)
end

local function writer(stream)
  local waiting = ""
  return function(text)
    waiting = waiting .. text
    waiting = waiting:sub((stream:send(waiting) or 0) + 1)
  end
end

local POLICY <const> = [[
p.routing.channels = { %s }
p.routing.routes["/dswarm/%s/*"] = "/ip4/127.0.0.1/tcp/%d/dswarm-line/$0"]]

-- A daemon says the lines to another one, which passes them on to the sink. → lines a second and core of the second
local function through_us(w)
  local to, far, port = sink(), id "nobody", servers.free_port()
  local relay = w:start("relay", { policy = w:policy("relay.lua", POLICY:format(
    ('"/ip4/127.0.0.1/tcp/%d/dswarm-line"'):format(port), far, to.port)) })
  local sender = w:start("sender", { policy = w:policy("sender.lua", POLICY:format(
    ('"/ip4/127.0.0.1/tcp/%d/dswarm-line"'):format(servers.free_port()), far, port)) })
  local lines = sender:connect()
  local write = writer(lines.stream)
  lines:send { command = "call", to = far, rest = ("%011d first"):format(0) }
  uv.sleep(4000) -- the sink asks nobody who he is, so the first line waits for that
  to.drain()
  local before = used(relay.pid)
  feed(to, function(i) return json.encode { rest = ("%011d numbered"):format(i) } .. "\n" end, write)
  local seconds = used(relay.pid) - before
  lines:close()
  sender:stop "KILL"
  relay:stop "KILL"
  to.close()
  return to.count / seconds, to.count
end

-- The same lines, as they come to the sink, by socat.
local function through_socat(tree, dir)
  local to, far, port = sink(), id "nobody", servers.free_port()
  os.execute(("env LD_LIBRARY_PATH=%s/usr/lib/$(uname -m)-linux-gnu %s/usr/bin/socat -u TCP-LISTEN:%d,bind=127.0.0.1 "
    .. "TCP:127.0.0.1:%d >/dev/null 2>&1 & echo $! >%s/pid"):format(tree, tree, port, to.port, dir))
  uv.sleep(300)
  local pid = tonumber(folder.read(dir .. "/pid"))
  local stream = assert(net.connect { host = "127.0.0.1", port = port })
  uv.sleep(100)
  local before = used(pid)
  feed(to, function(i)
    return ("/dswarm/%s/control ~%s 7 call %011d numbered\n"):format(far, ("x"):rep(22), i)
  end, writer(stream))
  local seconds = used(pid) - before
  stream:close()
  to.close()
  os.execute(("kill %d 2>/dev/null"):format(pid))
  return to.count / seconds, to.count
end

local found = io.popen "spec/net/servers.sh" -- before there is a network without anybody
local tree = found:read "l"
found:close()
process.apart "spec/bench/routes.lua"
print(("routes: %d lines by a daemon that passes them on, %d a second"):format(LINES, AT_ONCE * 1000 // PAUSE))
local w, dir = process.new(), folder.new()
local rate, came = through_us(w)
say("passed on by a daemon", "%.0f lines a second and core, %d of %d came", rate, came, LINES)
if tree then
  local theirs, all = through_socat(tree, dir.path)
  say("copied by socat, unread", "%.0f lines a second and core, %d of %d came", theirs, all, LINES)
end
w:close()
dir.remove()
lookups()
