-- processes.lua - commands as whole processes on a daemon with 50,000 records, beside `serf members`. No pass or fail.
-- needs: ip
-- usage: lua5.4 spec/bench/processes.lua [RECORDS]
dofile "spec/helper.lua"
local dcache, disk, journal, json = require "dcache", require "core.disk", require "core.journal", require "core.json"
local record, statement = require "core.record", require "core.statement"
local process, shared_files, uv = require "spec.process", require "spec.shared_files", require "luv"
local figures = require "spec.figures"

local median = figures.median

local RECORDS <const> = tonumber(arg[1]) or 50000
local ROUNDS <const> = 9
local COMMANDS <const> = { "status", "report", "discover" }
local SERF_PORT <const>, SERF_RPC <const> = 17946, 17373

-- Puts RECORDS words about files into the journal of the state folder STATE.
local function fill(state, swarm)
  local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local classes, share = policy:classes(), nil
  for _, class in ipairs(classes) do
    if class.name == "share" then share = class end
  end
  local d, now = disk.real(), os.time()
  local log = assert(journal.open(d, state .. "/journal", { families = dcache.families(classes), date = "bench" }))
  local function say(k, bucket, cid, data, i)
    local at = (now - 3600) * 1000 + i
    local st = assert(statement.sign(k, swarm, { verb = "propose", bucket = bucket, key = cid, at = at,
      valid_from = at // 16000 * 16, valid_until = (at // 16000 + 6000) * 16, data = json.encode(data) }))
    assert(log:append(tostring(share.max_ttl), st.line, record.ends(at, share.max_ttl)))
  end
  shared_files(RECORDS, say, function() assert(log:flush()) end)
  assert(log:flush())
  assert(log:close())
  policy:close()
end

-- ms that COMMAND takes as a process.
local function time_of(command)
  local began = uv.hrtime()
  local ok = os.execute(command .. " >/dev/null 2>&1")
  return (uv.hrtime() - began) / 1e6, ok
end

-- → a shell command that lists Serf's members, and its end; nil where there is no Serf.
local function start_serf()
  local pipe = io.popen "spec/net/serf.sh"
  local serf = pipe:read "l"
  pipe:close()
  if not serf then return nil end
  local agent = ("%s agent -node=bench -bind=127.0.0.1:%d -rpc-addr=127.0.0.1:%d >/dev/null 2>&1 & echo $!"):format(
    serf, SERF_PORT, SERF_RPC)
  local started = io.popen(agent)
  local pid = started:read "l"
  started:close()
  local members = ("%s members -rpc-addr=127.0.0.1:%d"):format(serf, SERF_RPC)
  process.within(10, function() return select(2, time_of(members)) end)
  return members, function() os.execute("kill -KILL " .. pid) end
end

local function measure(one, serf)
  local times = { serf = {} }
  for _, name in ipairs(COMMANDS) do times[name] = {} end
  one:cli "report" -- the first one reads all records
  for round = 1, ROUNDS do
    local name = ("new-%d.bag"):format(round)
    os.execute(("echo %d > %s/%s"):format(round, one.share, name))
    process.within(20, function() return one:log():find("file=" .. name, 1, true) end)
    for _, command in ipairs(COMMANDS) do
      table.insert(times[command], (time_of(("./dt-swarm-cli %s %s"):format(one.socket, command))))
    end
    if serf then table.insert(times.serf, (time_of(serf))) end
  end
  return times
end

process.apart("spec/bench/processes.lua " .. RECORDS)
local world = process.new()
local one = world:start "ada"
one:stop()
fill(one.state, world.swarm)
one = world:start "ada"
local held = 0
process.within(30, function()
  for _, class in ipairs((one:ask "status" or {}).classes or {}) do
    if class.name == "share" then held = class.count end
  end
  return held >= RECORDS * 9 // 10
end)
local serf, stop_serf = start_serf()
local ok, times = pcall(measure, one, serf)
print(("processes: a daemon with %d records, just after a change; medians of %d rounds, bar 50 ms"):format(
  held, ROUNDS))
for _, command in ipairs(ok and COMMANDS or {}) do
  print(("  %-44s %7.1f ms"):format(command, median(times[command])))
end
if serf then
  print(("  %-44s %7.1f ms"):format("serf members, one member", ok and median(times.serf) or 0))
  stop_serf()
else
  print "  serf members: not measured, there is no Serf here"
end
world:close()
assert(ok, times)
