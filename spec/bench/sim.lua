-- sim.lua - a virtual day of three idle nodes beside the limit of 2 s. No pass or fail.
dofile "spec/helper.lua"
local policy = require "policy"
local sim = require "sim"

local DAY, LIMIT = 24 * 3600 * 1000, 2

local function say(what, format, ...) print(("  %-44s " .. format):format(what, ...)) end

-- What 100,000 small tables cost here and now.
local function tables()
  local start, last = os.clock(), nil
  for i = 1, 100000 do last = { at = i, before = i % 1000 > 0 and last or nil } end
  return os.clock() - start, last
end

print "simulator, a virtual day of three idle nodes"
local world = sim.new { seed = 1, policy = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" })) }
for _, name in ipairs { "ada", "donald", "gladstone" } do world:add(name) end
world:run(10 * 60 * 1000) -- they find each other; from then on beacons have their longest interval
local before, start, lines = tables(), os.clock(), world.lines
world:run(DAY)
local took = os.clock() - start
local peer = (before + (tables())) / 2
say("processor", "%.2f s: %.2f of the limit of %d s", took, took / LIMIT, LIMIT)
say("  beside 100,000 small tables", "%.0f times as long", took / peer)
say("frames heard", "%d: %.1f a node and minute", world.lines - lines, (world.lines - lines) / 3 / 1440)
