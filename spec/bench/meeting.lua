-- meeting.lua - how soon three daemons find each other, and what a flood of garbage costs an answer. No pass or fail.
-- needs: ip make
dofile "spec/helper.lua"
local figures = require "spec.figures"
local garbage = require "spec.e2e.garbage"
local outside = require "spec.e2e.outside"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local say, median = figures.say, figures.median

local HOSTS = { "ada", "donald", "server", "mallory" }
local ROUNDS, MEETING = 3, 5 -- s: the bar for finding each other
local RATE, COUNT = 4000, 20000 -- datagrams of garbage a second, and in all
local ASKED = 20

local function meet(s)
  for i = 1, 3 do s:start(HOSTS[i]) end
  local took = assert(swarm.within(20, function()
    for i = 1, 3 do if #s:names(HOSTS[i]) < 3 then return false end end
    return true
  end), "they do not find each other")
  return took
end

-- The median of so many answers' seconds, from the command to its end.
local function answer(s)
  local list = {}
  for i = 1, ASKED do
    local began = patience.now()
    assert(s:ask("ada", "status"))
    list[i] = patience.now() - began
  end
  return median(list)
end

local function flooded(s)
  local status = s:ask("ada", "status")
  local udp
  for _, channel in ipairs(status.channels) do if channel.kind == "udp" then udp = channel end end
  garbage.write(s.dir .. "/garbage", status.node.id, status.time.now)
  local pid = s.running.ada.pid
  local quiet, before = answer(s), outside.drops(pid)
  local flooder = s.world:spawn("mallory", ("env FLOOD_FROM=%s .build/flood %s 3825,%d %d %d 1 %s/garbage"):format(
    s.world:address "mallory", s.world:address "ada", udp.port, COUNT, RATE, s.dir))
  local loud = answer(s)
  swarm.within(60, function() return not flooder.alive() end)
  say("status, idle, and under that flood", "%.0f ms and %.0f ms: %.1f times as long", quiet * 1000,
    loud * 1000, loud / quiet)
  say("datagrams that the kernel dropped meanwhile", "%.1f %%", 100 * (outside.drops(pid) - before) / COUNT)
end

print(("meeting, and a flood of %d datagrams a second"):format(RATE))
assert(os.execute "make -s .build/flood")
local s, why = swarm.new(HOSTS)
if not s then return print("  not measured: " .. why) end
local took = {}
for i = 1, ROUNDS do
  took[i] = meet(s)
  if i < ROUNDS then for host = 1, 3 do s:stop(HOSTS[host]) end end
end
local middle = median(took)
say("three find each other, from their start", "%.1f s: %.2f of the bar of %d s", middle, middle / MEETING, MEETING)
flooded(s)
s:close()
