-- memory.lua - what an idle daemon holds and uses with 40 neighbours and 5,000 records. No pass or fail.
dofile "spec/helper.lua"
local swarm = require "spec.e2e.swarm"

local NEIGHBOURS, RECORDS = 40, 5000
local IDLE = 60 -- s

local function say(what, format, ...)
  print(("  %-44s " .. format):format(what, ...))
end

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

-- → the daemon's process ID
local function figures(s)
  s:start "ada"
  local pid = s.running.ada.pid
  rest(5)
  local alone = memory(pid)
  local sign = s.dir .. "/fill"
  s.world:spawn("crowd", ("lua5.4 spec/bench/crowd.lua %d %d %s"):format(NEIGHBOURS, RECORDS, sign))
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
  say("a record, by the process (100 B)", "%.0f B", (full.private - empty.private) * 1024 / RECORDS)
  say("processor, idle (0.5 % of a core)", "%.2f %%", used / IDLE)
  return pid
end

local function http(s, pid)
  s:start "donald"
  rest(3)
  for _, host in ipairs { "ada", "donald" } do
    swarm.sh(("head -c 3000000 /dev/urandom > %s/%s.bag"):format(s:path(host, "share"), host))
  end
  local function published(host) return s:log(host):match("file=" .. host .. "%.bag .-cid=(%w+)") end
  assert(swarm.within(60, function() return published "ada" and published "donald" end), "no files to ask for")
  rest(20) -- and donald's word at ada's
  local port = s:log "ada":match "http[^\n]-:(%d+)" or 3826
  local curl = "curl -s -o /dev/null -w '%%{http_code}' http://10.77.0.1:%s/ipfs/%s?format=car"
  local answer = s.world:run("donald", curl:format(port, published "ada"))
  rest(3)
  local served = memory(pid)
  local text, code = s:cli("ada", ("files get %s --to %s/got"):format(published "donald", s.dir))
  rest(3)
  local fetched = memory(pid)
  say("after it served a file (16 MB)", "%.1f MB private, answer %s", served.private / 1024, answer)
  say("after it fetched one, too (16 MB)", "%.1f MB private, %.1f MB RSS%s", fetched.private / 1024,
    fetched.rss / 1024, code == 0 and "" or ", not fetched: " .. text)
end

print "memory"
local s, why = swarm.new { "ada", "crowd", "donald" }
if not s then
  print("  not measured: " .. why)
  return
end
local ok, err = pcall(function() http(s, (figures(s))) end)
s:close()
if not ok then error(err, 0) end
