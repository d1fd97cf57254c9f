-- memory.lua - what an idle daemon holds and uses with 40 neighbours and 5,000 records. No pass or fail.
-- needs: curl ip
dofile "spec/helper.lua"
local figures = require "spec.figures"
local swarm = require "spec.e2e.swarm"

local say = figures.say

local NEIGHBOURS, RECORDS = 40, 5000
local IDLE = 60 -- s
local WANTED = 3000001 -- bytes of the one file that ada fetches
local POLICY = [[
local p = extend "duckiebot"
function p.clients.logs.fetch(file) return file.size == %d and 5 end
return p
]]

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- KiB by name, from the kernel.
local function memory(pid)
  local text = read(("/proc/%d/smaps_rollup"):format(pid))
  return { private = tonumber(text:match "Private_Dirty:%s+(%d+)"), rss = tonumber(text:match "Rss:%s+(%d+)") }
end

-- Ticks of 10 ms of processor time, user and system.
local function ticks(pid)
  local fields = {}
  for field in read(("/proc/%d/stat"):format(pid)):match "^.*%) (.*)$":gmatch "%S+" do fields[#fields + 1] = field end
  return fields[12] + fields[13]
end

local function held(s)
  for _, class in ipairs((s:ask("ada", "status") or { classes = {} }).classes or {}) do
    if class.name == "share" then return class.count end
  end
  return 0
end

local function rest(seconds) os.execute("sleep " .. seconds) end

local function measure(s)
  s:start "ada"
  local pid = s.running.ada.pid
  rest(5)
  local alone = memory(pid)
  local sign = s.dir .. "/fill"
  s.world:spawn("crowd", ("lua5.4 spec/e2e/crowd.lua %d %d %s"):format(NEIGHBOURS, RECORDS, sign))
  assert(swarm.within(60, function() return #s:names "ada" >= NEIGHBOURS + 1 end), "neighbours are not heard")
  rest(60)
  local empty = memory(pid)
  swarm.sh("touch " .. sign)
  assert(swarm.within(180, function() return held(s) >= RECORDS end), "records did not come: " .. held(s))
  local peak = memory(pid)
  rest(60)
  local full, before = memory(pid), ticks(pid)
  rest(IDLE)
  local used = ticks(pid) - before
  say("alone", "%.1f MB private, %.1f MB RSS", alone.private / 1024, alone.rss / 1024)
  say("40 neighbours", "%.1f MB private, %.1f MB RSS", empty.private / 1024, empty.rss / 1024)
  say("just after 5,000 records came", "%.1f MB private", peak.private / 1024)
  say("40 neighbours, 5,000 records (8 MB)", "%.1f MB private, %.1f MB RSS", full.private / 1024, full.rss / 1024)
  say("processor, idle (0.5 % of a core)", "%.2f %%", used / IDLE)
  s:stop "ada"
  s:start "ada"
  pid = s.running.ada.pid
  assert(swarm.within(60, function() return #s:names "ada" >= NEIGHBOURS + 1 end), "neighbours are not heard again")
  rest(60)
  local again = memory(pid)
  say("the same after a restart", "%.1f MB private, %.1f MB RSS", again.private / 1024, again.rss / 1024)
  say("a record, by the process (100 B)", "%.0f B, %.0f B before the restart",
    (again.private - empty.private) * 1024 / RECORDS, (full.private - empty.private) * 1024 / RECORDS)
end

local function http(s)
  local file = assert(io.open(s.dir .. "/one.lua", "w"))
  file:write(POLICY:format(WANTED))
  file:close()
  swarm.sh(("cp -n policies/*.lua %s"):format(s.dir))
  s:stop "ada"
  s:start("ada", s.dir .. "/one.lua")
  s:start "donald"
  local pid = s.running.ada.pid
  rest(40)
  local make = "head -c %d /dev/urandom > %s/%s.bag"
  swarm.sh(make:format(WANTED - 1, s:path("ada", "share"), "ada"))
  local cid
  assert(swarm.within(60, function()
    cid = s:log "ada":match "file=ada%.bag .-cid=(%w+)"
    return cid
  end), "no file to ask for")
  local curl = "curl -s -o /dev/null -w '%%{http_code}' -H 'Accept: application/vnd.ipld.raw' "
    .. "http://10.77.0.1:%s/ipfs/%s"
  local answer = s.world:run("donald", curl:format(s:ask("ada", "status").gateway.port, cid))
  rest(3)
  local served = memory(pid)
  swarm.sh(make:format(WANTED, s:path("donald", "share"), "donald"))
  local fetched = swarm.within(60, function()
    return swarm.sh(("ls %s/files/*/*/donald.bag"):format(s:path("ada", "state"))):match "^/.*donald.bag\n"
  end)
  rest(3)
  local after = memory(pid)
  say("after it served a block (16 MB)", "%.1f MB private, answer %s", served.private / 1024, answer)
  say("after it fetched a file, too (16 MB)", "%.1f MB private, %.1f MB RSS%s", after.private / 1024,
    after.rss / 1024, fetched and "" or ", not fetched")
end

print "memory"
local s, why = swarm.new { "ada", "crowd", "donald" }
if not s then
  print("  not measured: " .. why)
  return
end
local ok, err = pcall(function()
  measure(s)
  http(s)
end)
s:close()
if not ok then error(err, 0) end
