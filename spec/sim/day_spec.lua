-- day_spec.lua - a virtual day of three idle nodes costs little, counted in steps of Lua, which no load can move.
-- What it costs in seconds is a figure of `make bench BENCH=sim`.
local policy = require "policy"
local sim = require "sim"

local HOUR, STEP = 3600 * 1000, 1000
local LIMIT = 3200 * STEP -- steps of Lua's machine an hour: about 0.1 s

-- Steps of Lua's machine that WORK takes.
local function cost(work)
  local steps = 0
  debug.sethook(function() steps = steps + STEP end, "", STEP)
  work()
  debug.sethook()
  return steps
end

describe("a virtual day", function()
  it("of three nodes at the idle interval costs little, and they were not silent", function()
    local world = sim.new { seed = 1, policy = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" })) }
    for _, name in ipairs { "ada", "donald", "gladstone" } do world:add(name) end
    world:run(10 * 60 * 1000)
    local lines, most = world.lines, 0
    for _ = 1, 24 do most = math.max(most, cost(function() world:run(HOUR) end)) end
    assert.is_true(most < LIMIT, ("%d steps in one hour"):format(most))
    assert.is_true(world.lines - lines > 1440 * 3)
    assert.equal(2, #world.nodes[1].comms.peers.list)
  end)

  it("is measured: work that is done costs its steps", function()
    assert.is_true(cost(function() for _ = 1, 1000000 do end end) >= 1000000 // 2)
    assert.is_true(cost(function() end) < STEP)
  end)
end)
