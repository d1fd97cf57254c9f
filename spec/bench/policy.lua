-- policy.lua - figures of the policy: a question beside a bare call, a load. No pass or fail.
dofile "spec/helper.lua"
local attacks = require "spec.policy.attacks"
local check = require "policy.check"
local policies = require "spec.policy.policies"
local policy = require "policy"

local function say(what, value, unit) print(("  %-44s %8.2f %s"):format(what, value, unit)) end

local function time(count, fn)
  for _ = 1, count // 10 do fn() end
  local start = os.clock()
  for _ = 1, count do fn() end
  return (os.clock() - start) / count * 1e6
end

local function load() return assert(policy.load("policies/duckiebot.lua", { shipped = "policies" })) end

local p = load()
local here, record = check.sample("here", true), check.sample("news", true)
local from, to = check.sample("channel", true), check.sample("channel", true)
to.address = "/ip4/0.0.0.0/tcp/3825/dswarm-line"

print "policy, microseconds a question (aim: a small one under 5)"
local function bare(facts) return facts.driving, "driving" end
say("a bare Lua call", time(1000000, function() return bare(here) end), "us")
say("clients.logs.pause(here)", time(100000, function() return p:ask("clients.logs.pause", here) end), "us")
say("routing.open(channel, here)", time(100000, function() return p:ask("routing.open", from, here) end), "us")
say("comms.rebroadcast(record, from, to, here)", time(50000, function()
  return p:ask("comms.rebroadcast", record, from, to, here)
end), "us")
local others, turn = { check.sample("here", true), check.sample("here", true) }, 0
say("the same, `here` crossing each time", time(50000, function()
  turn = turn + 1
  return p:ask("comms.rebroadcast", record, from, to, others[turn % 2 + 1])
end), "us")
say("load and double question", time(50, function() load():close() end) / 1000, "ms")
say("memory of the fence", select(2, p.from.fence:spent()) / 1000, "kB")
p:close()

-- The longest of the questions that never would end, and how many were too long.
local worst, name, beyond, list = 0, "", 0, attacks.endless
for _, attack in ipairs(list) do
  local hostile = assert(policies.with("function p.routing.open(channel, here)\nif here.hour == 23 then\n" .. attack[2]
    .. "\nend end"))
  local night = check.sample("here", true)
  night.hour = 23
  local start = os.clock()
  assert(select(3, hostile:ask("routing.open", from, night)) == "policy", attack[1])
  local ms = (os.clock() - start) * 1000
  if ms > worst then worst, name = ms, attack[1] end
  beyond = beyond + (ms > 50 and 1 or 0)
  hostile:close()
end
print(("policy, %d questions that never would end (aim: each is stopped within 50 ms)"):format(#list))
say("the longest, " .. name, worst, "ms")
say("beyond 50 ms", beyond, "questions")
