-- ingest.lua - signed words through a real daemon's stream, in no lab and in one, beside libsodium's bare rate.
-- needs: cc pkg-config
dofile "spec/helper.lua"
local statement, json, labs = require "core.statement", require "core.json", require "spec.labs"
local net, luv = require "core.net", require "luv"
local figures = require "spec.figures"

local say = figures.say

local COUNT, SIGNERS, ROUNDS = 100000, 10, 5
local dir = io.popen "mktemp -d /tmp/dts-bench.XXXXXX":read "l"
local lab = labs.new { name = "bench", robots = SIGNERS, at = os.time() * 1000 - 60000 }

local function sleep(seconds) luv.sleep(math.floor(seconds * 1000)) end

local function uptime() return luv.hrtime() / 1e9 end

-- Verifications a second, of SIZE bytes, of two programs at once that do nothing else.
local function bare(size)
  local pipe = io.popen(("%s/bare %d & %s/bare %d; wait"):format(dir, size, dir, size))
  local rate = 0
  for line in pipe:lines() do rate = rate + 1e6 / tonumber(line) end
  pipe:close()
  return rate
end

-- The words that are sent to a daemon of SWARM, as bytes of a stream.
local function frames(swarm)
  local list, body = {}, {}
  local at = (os.time() // 16 - 10) * 16000 -- now, nearly: words that nobody remembers would not be counted
  for i = 1, COUNT do
    body[#body + 1] = statement.sign(lab.robots[i % SIGNERS + 1].key, swarm, { verb = "propose", bucket = "share/files",
      at = at + i, key = ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa%07d"):format(i),
      valid_from = at // 1000,
      valid_until = at // 1000 + 2500000, data = '{"class":"lab","names":["camera.bag"],"size":123456}' }).line
    if #body == 64 or i == COUNT then
      list[#list + 1] = ("* - 8 statements %d\n%s\n"):format(#body, table.concat(body, "\n"))
      body = {}
    end
  end
  return table.concat(list)
end

local POLICY = [[
local p = extend "duckiebot"
p.swarm = "bench"
p.routing.channels = { "/ip4/127.0.0.1/tcp/29825/dswarm-line" }
p.clients.logs.gateway = false
return p
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- The lab file, by which each of the signers is a member.
local function lab_file()
  local lines = { lab.text }
  for _, robot in ipairs(lab.robots) do lines[#lines + 1] = lab:grant(lab.root, robot.id, "member") .. "\n" end
  return table.concat(lines)
end

local function start(in_lab)
  write(dir .. "/policy.lua", POLICY)
  if in_lab then
    os.execute(("mkdir -p -m 0700 %s/dt-swarm"):format(dir))
    write(dir .. "/dt-swarm/lab", lab_file())
    os.execute(("chmod 0600 %s/dt-swarm/lab"):format(dir))
  end
  local command = "XDG_CONFIG_HOME=DIR ./dt-swarm --name bench --state DIR/state --share DIR/share --socket DIR/sock "
    .. "DIR/policy.lua >DIR/log 2>&1 & echo $! >DIR/pid"
  os.execute((command:gsub("DIR", dir)))
  sleep(1.5)
end

local function stop()
  os.execute((("kill $(cat DIR/pid); sleep 0.5; rm -rf DIR/state DIR/dt-swarm"):gsub("DIR", dir)))
end

-- Processor seconds that the daemon used so far.
local function processor()
  local pid = io.open(dir .. "/pid"):read "l"
  local stat = io.open(("/proc/%s/stat"):format(pid)):read "a":match "^.*%) (.*)$"
  local user, system = stat:match(("%S+ "):rep(11) .. "(%d+) (%d+)")
  return (user + system) / 100
end

-- When the daemon last used more than half of a core, before a second in which it did not: asking it would cost what
-- is measured, and a beacon now and then is no work of this.
local function resting()
  local used, at = processor(), uptime()
  while uptime() - at < 1 do
    sleep(0.06)
    local now = processor()
    if now - used >= 0.03 then at = uptime() end
    used = now
  end
  return at, used
end

local function taken()
  local pipe = io.popen(("./dt-swarm-cli %s/sock summary --json 2>/dev/null"):format(dir))
  local answer = json.decode((pipe:read "a":gsub("\n$", "")))
  pipe:close()
  for _, class in ipairs(answer and answer.classes or {}) do
    if class.name == "share" then return class.count end
  end
  return 0
end

local function connect()
  local stream = assert(net.connect { host = "127.0.0.1", port = 29825 })
  while not stream:finished() do sleep(0.01) end
  return stream
end

local function send(stream, bytes)
  local at = 1
  while at <= #bytes do
    local n = stream:send(bytes, at)
    at = at + (n or 0)
    if not n then sleep(0.001) end
  end
end

-- One round: words a second, processor microseconds a word, how many words, libsodium's rate before and after.
local function round(bytes, size, in_lab)
  start(in_lab)
  local first, before = bare(size), processor()
  local stream, began = connect(), uptime()
  send(stream, bytes)
  local ended, used = resting()
  local last, got = bare(size), taken()
  stream:close()
  stop()
  return { rate = got / (ended - began), cost = (used - before) / got * 1e6, got = got, limit = (first + last) / 2 }
end

local function median(rounds, of)
  local list = {}
  for i, one in ipairs(rounds) do list[i] = of(one) end
  table.sort(list)
  return list[(#list + 1) // 2], list[1], list[#list]
end

print(("ingest, a real daemon on one of two cores beside the sender, median of %d rounds"):format(ROUNDS))
assert(os.execute(("cc -O2 -o %s/bare spec/bench/verify.c $(pkg-config --cflags --libs libsodium)"):format(dir)))
local open, admitted, lost = frames "bench", frames(lab.swarm), 0
local rounds, in_lab, ratios = {}, {}, {}
for i = 1, ROUNDS do
  rounds[i], in_lab[i] = round(open, #open // COUNT), round(admitted, #admitted // COUNT, true)
  ratios[i] = { rate = in_lab[i].rate / rounds[i].rate, cost = rounds[i].cost / in_lab[i].cost }
  lost = lost + 2 * COUNT - rounds[i].got - in_lab[i].got
end
os.execute("rm -rf " .. dir)
local limit = median(rounds, function(one) return one.limit end)
say("libsodium's bare rate, two cores", "%8.0f /s", limit)
say("taken in from a stream, sender included", "%8.0f /s", (median(rounds, function(one) return one.rate end)))
local share, least, most = median(rounds, function(one) return one.rate / one.limit end)
say("  of libsodium's rate around it", "%8.2f      %.2f to %.2f; %d words lost", share, least, most, lost)
say("the daemon's processor time for a word", "%8.1f us   a bare check takes %.1f us",
  (median(rounds, function(one) return one.cost end)), 2e6 / limit)
local rate, low, high = median(ratios, function(one) return one.rate end)
say("in a lab, of the rate without", "%8.2f      %.2f to %.2f", rate, low, high)
say("  and of what a word costs, by processor time", "%8.2f      at least 0.97 is the aim",
  (median(ratios, function(one) return one.cost end)))
