-- who.lua - who is here, where that are very many: `discover` as a whole process beside `serf members`, `/peers` beside
-- usage: lua5.4 spec/bench/who.lua [NODES] [SERFS]   a door that serves the same bytes. No pass or fail.
dofile "spec/helper.lua"
local control, web = require "clients.control", require "clients.web"
local disk, json, net, page = require "core.disk", require "core.json", require "core.net", require "core.page"
local folder, loops, process = require "spec.folder", require "loop", require "spec.process"
local key, sim, statement, uv = require "core.key", require "sim", require "core.statement", require "luv"

local NODES <const>, SERFS <const> = tonumber(arg[1]) or 1024, tonumber(arg[2]) or 16
local PAGE <const> = 256 -- rows of an answer of the page door
local ROUNDS <const>, KEPT_ROUNDS <const> = 7, 100
local SERF_PORT <const>, SERF_RPC <const> = 18100, 18700

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

-- A simulated node that knows N - 1 others by their words.
local function filled(n)
  local policy = assert(require "policy".load("policies/server.lua", { shipped = "policies" }))
  local w = sim.new { seed = 1, policy = policy }
  local node = w:add "ada"
  w:run(1000)
  local now = node.time:now()
  for i = 1, n - 1 do
    local k = key.generate(("%032d"):format(i))
    local st = assert(statement.sign(k, node.swarm, { verb = "propose", bucket = "peer", key = "-", at = now,
      valid_from = now // 16000 * 16, valid_until = (now // 16000 + 60) * 16, data = json.encode { boot = i,
        clock = "own", name = ("robot-%04d"):format(i), state = "ready", type = "duckiebot", version = "0.1.0" } }))
    assert(node.dcache:take(statement.parse(st.line)))
    node.discovery:hear(statement.parse(st.line))
  end
  function node.discovery.probe(_, done) done() end -- they are here on paper only
  return node
end

-- Runs COMMAND while LOOP serves it → ms, how many lines it printed
local function time_of(loop, command)
  local began, took, lines = uv.hrtime(), nil, 0
  local out = uv.new_pipe()
  uv.spawn("/bin/sh", { args = { "-c", command }, stdio = { nil, out } }, function()
    took = (uv.hrtime() - began) / 1e6
    loop:stop()
  end)
  out:read_start(function(_, bytes) lines = lines + select(2, (bytes or ""):gsub("\n", "")) end)
  loop:run()
  out:close()
  return took, lines
end

-- SERFS agents on this machine, joined → a command that lists them, how many they are, their end | nil
local function start_serfs()
  local pipe = io.popen "spec/net/serf.sh"
  local serf = pipe:read "l"
  pipe:close()
  if not serf or SERFS == 0 then return nil end
  local pids, join = {}, (" -retry-join=127.0.0.1:%d -retry-interval=1s"):format(SERF_PORT + 1)
  for i = 1, SERFS do
    local agent = io.popen(("%s agent -node=n%d -bind=127.0.0.1:%d -rpc-addr=127.0.0.1:%d%s >/dev/null 2>&1 & echo $!")
      :format(serf, i, SERF_PORT + i, SERF_RPC + i, i > 1 and join or ""))
    pids[i] = agent:read "l"
    agent:close()
  end
  local members, n = ("%s members -rpc-addr=127.0.0.1:%d"):format(serf, SERF_RPC + 1), 0
  process.within(5, function()
    local list = io.popen(members .. " 2>/dev/null")
    n = select(2, list:read "a":gsub(" alive ", ""))
    list:close()
    return n == SERFS
  end)
  return members, n, function() os.execute("kill -KILL " .. table.concat(pids, " ")) end
end

-- ms of one GET of PATH at PORT, served by LOOP.
local function get(loop, port, path)
  local began, tcp, size, took = uv.hrtime(), uv.new_tcp(), 0, nil
  tcp:connect("127.0.0.1", port, function()
    tcp:write(("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(path))
    tcp:read_start(function(_, bytes)
      size = size + #(bytes or "")
      if bytes then return end
      took = (uv.hrtime() - began) / 1e6
      tcp:close()
      loop:stop()
    end)
  end)
  loop:run()
  return took, size
end

local function say(what, ms, more) print(("  %-52s %8.2f ms   %s"):format(what, ms, more or "")) end

process.apart(("spec/bench/who.lua %d %d"):format(NODES, SERFS))
local home, loop = folder.new(), loops.new { on_error = error }
local node = filled(NODES)
local log = require "spec.net.till".log()
local function handler(request, reply) node.commands:run(request, reply) end
local server = control.new { loop = loop, net = net, disk = disk.real(), log = log, path = home.path .. "/c.sock",
  uid = require "paths".uid(), answer = handler }
assert(server:listen())
local members, n, stop_serfs = start_serfs()
local ours, theirs, lines = {}, {}, 0
for i = 1, ROUNDS do
  ours[i], lines = time_of(loop, ("./dt-swarm-cli %s discover --all"):format(server.path))
  if members then theirs[i] = time_of(loop, members) end
end
print(("who is here, of %d nodes"):format(NODES))
say("discover, a whole process", median(ours), ("%d lines"):format(lines))
if members then
  say("serf members, a whole process", median(theirs), ("%d members, as many as came together"):format(n))
  stop_serfs()
else
  print "  serf members: not measured, there is no Serf here"
end
server:close()

local small = NODES > PAGE and filled(PAGE) or node
local door = web.new { loop = loop, log = log, make = page.new, wanted = { "127.0.0.1", 0 },
  handler = function(request, reply) small.commands:run(request, reply) end }
local made, kept, size = {}, {}, 0
for i = 1, ROUNDS do
  uv.sleep(1050) -- what was kept is over
  made[i], size = get(loop, door.page:port(), "/peers")
end
for i = 1, KEPT_ROUNDS do kept[i] = get(loop, door.page:port(), "/peers") end
local bare = page.new { host = "127.0.0.1" }
local watch
local function serve()
  for _, uri in ipairs((bare:run())) do
    bare:answer(uri, 200, "application/json", ("x"):rep(size - 400), 60000)
    loop:post(serve)
  end
end
watch = loop:watch(bare:fd(), "r", serve)
local alone = {}
for i = 1, KEPT_ROUNDS do alone[i] = get(loop, bare:port(), "/peers") end
print(("/peers of %d rows, %d bytes"):format(math.min(PAGE, NODES), size))
say("made anew", median(made))
say("asked again within a second", median(kept))
say("a bare door that keeps as many bytes", median(alone))
watch:close()
bare:close()
door:stop()
loop:close()
home.remove()
