-- power_spec.lua - machines of the simulator whose power goes again and again: nothing holds those that are gone.
local rollout = require "sim.rollout"
local json = require "core.json"

local LEFT <const> = 2 -- that something which is under way may hold still
local CUTS <const> = 8

describe("a machine whose power went", function()
  it("is let go, though it had set timers of hours", function()
    local names = { "robot-1", "robot-2", "robot-3" }
    local fleet = rollout.new { seed = 1, policy = rollout.policy "policies", plan = { order = json.array(names),
      absent = { after = 60, most = 0 }, clock = "proved", max_failures = 1, patience = 600, release = "demos/1",
      run = 1, unknown = "back", waves = json.array { { robots = 3, max_unavailable = 1, soak = 0 } } } }
    fleet:run(5000)
    local gone = setmetatable({}, { __mode = "k" })
    for i = 1, CUTS do
      local one = fleet.robots[1 + i % 3]
      gone[one.node] = true
      fleet:off(one)
      fleet:run(2000)
      fleet:on(one)
      fleet:run(3000)
    end
    fleet:run(10 * 60 * 1000) -- until who was connected to it has found out
    collectgarbage()
    collectgarbage()
    local held = 0
    for _ in pairs(gone) do held = held + 1 end -- any order
    assert.is_true(held <= LEFT, ("%d of %d are held"):format(held, CUTS))
  end)
end)
