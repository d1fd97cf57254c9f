-- daemon.lua - memory and processor of a real daemon beside a bare Lua and a Kubo in the same minute. No pass or fail.
-- DT_SWARM_BENCH_SECONDS: how long the processor is measured (60).
dofile "spec/helper.lua"
local figures = require "spec.figures"
local folder = require "spec.folder"
local uv = require "luv"

local say = figures.say

local SECONDS = tonumber(os.getenv "DT_SWARM_BENCH_SECONDS") or 60

require("spec.process").apart "spec/bench/daemon.lua"

local home = folder.new()
local GATHER = 'local p = extend "server"\nfunction p.clients.logs.fetch() return 5, "everything" end\nreturn p\n'
local BARE = 'require "cjson" local uv = require "luv" uv.new_timer():start(1000, 1000, function() end) uv.run()'
local running = {}

local function seconds() return uv.hrtime() / 1e9 end

local function wait(what, holds, most)
  local stop = seconds() + (most or 20)
  repeat
    if holds() then return end
    uv.run "nowait"
    uv.sleep(2)
  until seconds() > stop
  error("waited in vain for " .. what)
end

-- → { pid =, out = text so far }
local function start(program, arguments, variables)
  local out, process = uv.new_pipe(), { out = "" }
  local list = { "PATH=" .. os.getenv "PATH", "HOME=" .. home.path, table.unpack(variables or {}) }
  process.handle, process.pid = uv.spawn(program, { args = arguments, env = list, stdio = { nil, out, nil } },
    function() process.gone = true end)
  assert(process.handle, process.pid)
  out:read_start(function(_, bytes) process.out = process.out .. (bytes or "") end)
  running[#running + 1] = process
  return process
end

local function daemon(name, policy)
  local p = home.path .. "/" .. name
  local begun = seconds()
  local process = start("./dt-swarm", { "--name", name, "--state", p, "--share", p .. "/logs", "--socket",
    p .. ".sock", policy })
  wait("the banner of " .. name, function() return process.out:find "Ctrl%-C" end)
  process.took, process.share = seconds() - begun, p .. "/logs"
  return process
end

-- Private dirty and resident kilobytes.
local function memory(process)
  local text = folder.read(("/proc/%d/smaps_rollup"):format(process.pid))
  return tonumber(text:match "Private_Dirty:%s+(%d+)"), tonumber(text:match "Rss:%s+(%d+)")
end

-- Nanoseconds of processor of all its threads, as the scheduler counts them.
local function spent(process)
  local sum, tasks = 0, ("/proc/%d/task"):format(process.pid)
  for name in uv.fs_scandir_next, uv.fs_scandir(tasks) do
    sum = sum + tonumber(folder.read(tasks .. "/" .. name .. "/schedstat"):match "%d+")
  end
  return sum
end

local function kubo()
  local pipe = io.popen "spec/net/kubo.sh 2>/dev/null"
  local program = os.getenv "DT_SWARM_KUBO" or pipe:read "l"
  pipe:close()
  if not program then return end
  local path = "IPFS_PATH=" .. home.path .. "/ipfs "
  for _, words in ipairs { "init --profile=test", "config profile apply announce-off",
    "config profile apply autoconf-off", "config --json AutoTLS '{\"Enabled\":false}'" } do
    os.execute(path .. program .. " " .. words .. " >/dev/null 2>&1")
  end
  local process = start(program, { "daemon" }, { "IPFS_PATH=" .. home.path .. "/ipfs" })
  wait("Kubo", function() return process.out:find "Daemon is ready" end, 60)
  return process
end

local function say_memory(what, process, beside)
  local own, resident = memory(process)
  local ratio = beside and (": %.1f of the bare one's"):format(own / (memory(beside))) or ""
  say(what, "%6d kB private dirty, %6d kB RSS%s", own, resident, ratio)
end

local function fetched()
  local pipe = io.popen(("find %s/server/files -name bench.bag 2>/dev/null"):format(home.path))
  local found = pipe:read "l"
  pipe:close()
  return found
end

local function measure()
  print "daemon, memory and processor"
  folder.write(home.path .. "/replicate.lua", GATHER)
  local server = daemon("server", home.path .. "/replicate.lua")
  local bare = start(os.getenv "LUA" or "lua5.4", { "-e", BARE })
  local peer = kubo()
  uv.sleep(3000)
  say("from start to listening", "%.0f ms", server.took * 1000)
  say_memory("lua5.4 with luv and cjson, nothing else", bare)
  say_memory("idle, no HTTP request yet", server, bare)
  if peer then say_memory("ipfs daemon, idle, offline", peer, bare) else say("ipfs daemon", "no Kubo here") end

  local robot = daemon("robot", "policies/duckiebot.lua")
  folder.write(robot.share .. "/bench.bag", folder.bytes(3 << 20))
  wait("the first file fetched over HTTP", fetched, 60)
  uv.sleep(3000)
  say_memory("after the first file fetched over HTTP", server, bare)
  say_memory("  the robot that served it", robot, bare)

  local before = { spent(server), spent(robot), peer and spent(peer) or 0 }
  uv.sleep(math.floor(SECONDS * 1000))
  local function share(i, process) return (spent(process) - before[i]) / SECONDS / 1e7 end
  local own = share(1, server)
  say(("idle processor over %d s, one neighbour"):format(SECONDS), "%.3f %% of a core (the robot %.3f %%)", own,
    share(2, robot))
  if not peer then return end
  local theirs = share(3, peer)
  say("  ipfs daemon, no neighbour", "%.3f %%: we take %.2f of it", theirs, own / theirs)
end

local ok, text = pcall(measure)
for _, process in ipairs(running) do
  uv.kill(process.pid, "sigterm")
  pcall(wait, "its end", function() return process.gone end, 10)
  if not process.gone then uv.kill(process.pid, "sigkill") end
end
home.remove()
assert(ok, text)
