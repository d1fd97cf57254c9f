-- reload.lua - how long a changed policy takes to be in force, beside a process that only reads it. No pass or fail.
dofile "spec/helper.lua"
local loopback, process, uv = require "spec.loopback", require "spec.process", require "luv"

local ROUNDS <const>, CHECKS <const> = 200, 20
local BODY <const> = [[
p.name = "n%d"
p.comms.beacon = { %d, 60 }
p.clients.logs.gateway = false
p.routing.channels = { "/ip4/127.0.0.1/tcp/%d/dswarm-line" }
function p.clients.logs.share(file) return file.size > %d and "lab" or false, "round %d" end]]
local PORTS <const> = { loopback.free_port(), loopback.free_port() }

local function say(what, list)
  table.sort(list)
  print(("  %-44s %8.2f ms   %.2f to %.2f"):format(what, list[(#list + 1) // 2], list[1], list[#list]))
end

local w = process.new()
local function write(n) return w:policy("ada.lua", BODY:format(n, 2 + n % 7, PORTS[n % 2 + 1], n, n)) end
local ada = w:start("ada", { policy = write(0), bare = true, share = w.dir .. "/share" })
local connection = ada:connect(0)
local function ask(request) return connection:ask(request) end

local asked, saved, inside, status = {}, {}, {}, {}
for n = 1, ROUNDS do
  write(n)
  local began = uv.hrtime()
  local answer = ask { command = "reload" }
  asked[n], inside[n] = (uv.hrtime() - began) / 1e6, answer.ms
  assert(answer.changes, "it was taken")
  began = uv.hrtime()
  ask { command = "status" }
  status[n] = (uv.hrtime() - began) / 1e6
end
for n = 1, ROUNDS // 10 do
  uv.sleep(300)
  local began = uv.hrtime()
  write(n)
  repeat uv.sleep(1) until ask { command = "status" }.node.name == "n" .. n
  saved[n] = (uv.hrtime() - began) / 1e6
end
local checked = {}
for n = 1, CHECKS do
  local began = uv.hrtime()
  os.execute(("./dt-swarm --check %s/ada.lua >/dev/null"):format(w.dir))
  checked[n] = (uv.hrtime() - began) / 1e6
end
w:close()

print(("reload of a policy with other settings, channels and a hook, %d times (aim: 10 ms)"):format(ROUNDS))
say("asked for on the socket, until answered", asked)
say("  of that in the daemon, whole ms", inside)
say("`status` on the same socket", status)
say("saved, until it shows (100 ms of calm in it)", saved)
say("dt-swarm --check, the whole process", checked)
