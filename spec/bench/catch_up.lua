-- catch_up.lua - a newcomer whose only channel is a checkpoint, beside bare checks and bare transfer of its lines.
-- needs: cc pkg-config curl
dofile "spec/helper.lua"
local checkpoints, folder = require "spec.checkpoints", require "spec.folder"
local json, labs, statement = require "core.json", require "spec.labs", require "core.statement"
local figures = require "spec.figures"
local luv = require "luv"

local say = figures.say

local COUNT, SIGNERS, LEAF, ROUNDS = 20000, 10, 256, 5
local place = folder.new()
local dir, write = place.path, folder.write

local function sleep(seconds) luv.sleep(math.floor(seconds * 1000)) end
local function uptime() return luv.hrtime() / 1e9 end

local function read(path) return folder.read(path) or "" end

-- Seconds that two programs take at once for half of the checks each, and do nothing else.
local function bare(size)
  local pipe = io.popen(("%s/bare %d & %s/bare %d; wait"):format(dir, size, dir, size))
  local rate = 0
  for line in pipe:lines() do rate = rate + 1e6 / tonumber(line) end
  pipe:close()
  return COUNT / rate
end

-- The checkpoint of COUNT words, in leaves of LEAF lines, its blocks as files.
local function make()
  local texts, lines, keys = {}, {}, {}
  for i = 1, SIGNERS do keys[i] = labs.key("catch up " .. i) end
  local at = (os.time() // 16 - 10) * 16000
  for i = 1, COUNT do
    lines[#lines + 1] = statement.sign(keys[i % SIGNERS + 1], "bench", { verb = "propose", bucket = "share/files",
      at = at + i, key = ("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa%07d"):format(i),
      valid_from = at // 1000, valid_until = at // 1000 + 2500000,
      data = '{"class":"lab","names":["camera.bag"],"size":123456}' }).line
    if #lines == LEAF or i == COUNT then
      texts[#texts + 1] = table.concat(lines, "\n") .. "\n"
      lines = {}
    end
  end
  local made = checkpoints.make(texts, { swarm = "bench" })
  os.execute(("mkdir %s/blocks"):format(dir))
  for key, bytes in pairs(made.blocks) do write(("%s/blocks/%s"):format(dir, key), bytes) end -- any order
  return made, #texts[1] // LEAF
end

local function serve()
  os.execute(("lua5.4 spec/e2e/blocks.lua %s/blocks >%s/port & echo $! >%s/server"):format(dir, dir, dir))
  while not read(dir .. "/port"):find "\n" do sleep(0.05) end
  return read(dir .. "/port"):match "%d+"
end

-- Seconds in which curl has all blocks, over one connection.
local function transfer(made, port)
  local list = {}
  for key in pairs(made.blocks) do -- any order
    list[#list + 1] = ('url = "http://127.0.0.1:%s/ipfs/%s"\noutput = "/dev/null"\n'):format(port, key)
  end
  write(dir .. "/curl", table.concat(list))
  local began = uptime()
  assert(os.execute(("curl -s -K %s/curl"):format(dir)))
  return uptime() - began
end

local function status()
  local pipe = io.popen(("./dt-swarm-cli %s/sock channels --json 2>/dev/null"):format(dir))
  local answer = json.decode((pipe:read "a":gsub("\n$", "")))
  pipe:close()
  return answer and answer.channels and answer.channels[1]
end

-- Processor seconds that the daemon used so far.
local function processor()
  local pid = read(dir .. "/pid"):match "%d+"
  local user, system = read(("/proc/%s/stat"):format(pid)):match "^.*%) (.*)$":match(("%S+ "):rep(11) .. "(%d+) (%d+)")
  return (user + system) / 100
end

-- Seconds from the first request to the last line judged; how many words came.
local function catch_up(made, port)
  write(dir .. "/policy.lua", ([[
local p = extend "duckiebot"
p.swarm = "bench"
p.routing.channels = { { "/ipfs/%s/dswarm-line", gateway = "http://127.0.0.1:%s" } }
p.clients.logs.gateway = false
return p
]]):format(made.cid, port))
  local command = "XDG_CONFIG_HOME=DIR ./dt-swarm --name bench --state DIR/state --share DIR/share --socket DIR/sock "
    .. "DIR/policy.lua >DIR/log 2>&1 & echo $! >DIR/pid"
  os.execute((command:gsub("DIR", dir)))
  local row
  for _ = 1, 60 do -- asking costs what is measured
    sleep(1.5)
    row = status()
    if row and row.read.done then break end
  end
  local used = processor()
  os.execute((("kill $(cat DIR/pid); sleep 0.5; rm -rf DIR/state"):gsub("DIR", dir)))
  assert(row and row.read.done, "it was not read to its end: " .. read(dir .. "/log"))
  return row.read.ms / 1000, row.read.taken, used
end

local function median(list, of)
  local values = {}
  for i, one in ipairs(list) do values[i] = of(one) end
  table.sort(values)
  return values[(#values + 1) // 2], values[1], values[#values]
end

print(("catch_up, %d words in leaves of %d, two cores, median of %d rounds"):format(COUNT, LEAF, ROUNDS))
assert(os.execute(("cc -O2 -o %s/bare spec/bench/verify.c $(pkg-config --cflags --libs libsodium)"):format(dir)))
local made, size = make()
local port, rounds = serve(), {}
for i = 1, ROUNDS do
  local checks, bytes = bare(size), transfer(made, port)
  local took, words, used = catch_up(made, port)
  checks = (checks + bare(size)) / 2
  rounds[i] = { took = took, checks = checks, bytes = bytes, lost = COUNT - words, used = used,
    ratio = took / (checks + bytes) }
end
os.execute(("kill $(cat %s/server)"):format(dir))
place.remove()
say("bare checks of the same lines", "%8.0f ms", (median(rounds, function(one) return one.checks end)) * 1000)
say("their blocks by curl", "%8.0f ms", (median(rounds, function(one) return one.bytes end)) * 1000)
say("a newcomer is current", "%8.0f ms   %d words lost", (median(rounds, function(one) return one.took end)) * 1000,
  (median(rounds, function(one) return one.lost end)))
say("  processor time of the daemon, its start too", "%8.0f ms",
  (median(rounds, function(one) return one.used end)) * 1000)
local ratio, least, most = median(rounds, function(one) return one.ratio end)
say("  of both together", "%8.2f      %.2f to %.2f; at most 1.5 is the aim", ratio, least, most)
