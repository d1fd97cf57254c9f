-- day_spec.lua - a virtual day of three idle nodes takes under 2 s of processor. Nothing else about them.
-- runs alone: processor time is counted
local policy = require "policy"
local sim = require "sim"

local HOUR, LIMIT = 3600 * 1000, 2

local function cost(work)
  local start = os.clock()
  work()
  return os.clock() - start
end

-- What 100,000 small tables cost here and now, beside the 12 ms that they take on an idle server: a machine that is
-- slower, or busy with the specs beside this one, gets as much longer for the day.
local function pace()
  return math.max(1, cost(function()
    local list = {}
    for i = 1, 100000 do list[i % 1000 + 1] = { at = i } end
    return list
  end) / 0.012)
end

describe("a virtual day", function()
  it("of three nodes at the idle interval runs in under 2 s, and they were not silent", function()
    local world = sim.new { seed = 1, policy = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" })) }
    for _, name in ipairs { "ada", "donald", "gladstone" } do world:add(name) end
    world:run(10 * 60 * 1000)
    local lines, hours = world.lines, {}
    for i = 1, 24 do hours[i] = cost(function() world:run(HOUR) end) / pace() end
    table.sort(hours)
    local took = 24 * (hours[12] + hours[13]) / 2
    assert.is_true(took < LIMIT, ("%.2f s"):format(took))
    assert.is_true(world.lines - lines > 1440 * 3)
    assert.equal(2, #world.nodes[1].comms.peers.list)
  end)
end)
