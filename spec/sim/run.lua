-- run.lua - one seeded run of three nodes in a process of its own; prints the trace's fingerprint. No checks.
-- usage: lua5.4 spec/sim/run.lua SEED MINUTES
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
local build = os.getenv "DT_SWARM_BUILD" or ".build"
package.cpath = build .. "/?.so;" .. package.cpath
assert(package.loadlib(build .. "/core.so", "*")) -- its symbols serve core/sim.so
require "core"

local seed, minutes = math.tointeger(tonumber(arg[1])), math.tointeger(tonumber(arg[2]))
local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))

-- What would break "one seed, one run" throws from here on.
local function forbidden(name) return function() error(name .. " was called", 2) end end
os.time, os.clock, math.random = forbidden "os.time", forbidden "os.clock", forbidden "math.random" -- luacheck: ignore
package.preload.luv = forbidden "luv"

local sim = require "sim"
local world = sim.new { seed = seed, policy = policy, loss = 0.2 }
for i, name in ipairs { "ada", "donald", "gladstone" } do world:add(name, { clock = i ~= 3 }) end
for minute = 1, minutes do
  local one = world.nodes[minute % 3 + 1]
  one.comms:propose("share/files", { class = "lab", names = { "run-" .. minute }, size = minute },
    { key = ("file-%d"):format(minute) })
  world:run(60000)
end
print(world:fingerprint(), world.lines)
