-- rollout_spec.lua - six robots of a lab take a release by their turns, over a lossy network that is cut in two and
-- healed: never more of them at once than the plan says, by a log that the handler of the spec writes outside. Whole
-- daemons, started as people start them.
-- mostly waits: for turns
local folder = require "spec.folder"
local rollouts = require "spec.e2e.rollouts"
local swarm = require "spec.e2e.swarm"

local ROBOTS <const> = { "ada", "bea", "carl", "donald", "emma", "fred" }
local SOAK <const> = os.getenv "DT_SWARM_SOAK" and 10 or 2 -- s
local LOST <const> = 0.2

describe("a rollout over six robots", function()
  local r, why, desk

  setup(function()
    local all = { table.unpack(ROBOTS) }
    all[#all + 1] = "gus"
    r, why = rollouts.new(all, { wire = true, seed = 17 })
    if not r then return end
    desk = r.desk
    desk.swarm.world:tell("loss " .. LOST)
    r:meet()
  end)
  teardown(function() if r then r:close() end end)

  -- Cuts or heals what is between the two parts.
  local function part(verb)
    for _, host in ipairs { "ada", "carl", "emma", "desk" } do
      for _, other in ipairs { "bea", "donald", "fred", "gus" } do
        desk.swarm.world[verb](nil, host, other)
        desk.swarm.world[verb](nil, other, host)
      end
    end
  end

  local function names_of(ids)
    local name_of, names = {}, {}
    for _, node in ipairs(desk.swarm:ask("desk", "discover").nodes) do name_of[node.id] = node.name end
    for i, id in ipairs(ids) do names[i] = name_of[id] end
    return names
  end

  it("goes one at a time, also while the network is in two parts; who is not named never starts", function()
    if not r then return pending(why) end
    desk:file("demo.bin", folder.bytes(20000))
    desk:sign "release new demo --kind probe --version 1.0 any=demo.bin"
    local path = r:plan("demo/1", 1, ROBOTS, SOAK)
    local plan, said = desk:ask("rollout plan " .. path .. " --simulate")
    assert.truthy(plan and plan.simulated, said)
    desk:sign("rollout start " .. path)
    r:within(40, "two began", "demo/1", function() return r:count("demo/1", "apply") >= 2 end)
    part "cut"
    swarm.sh "sleep 6"
    part "heal"
    r:within(90, "six committed", "demo/1", function() return r:count("demo/1", "commit") == 6 end)
    local most, order = r:down "demo/1"
    assert.same({ 1, 0 }, { most, (r:count("demo/1", "rollback")) }, r:words "demo/1")
    assert.same(names_of(plan.simulated.order), order)
    r:within(20, "the desk knows that six are done, and who is not named", "demo/1", function()
      local run = r:run "demo/1/1"
      return run and run.complete and table.concat(run.unnamed_labels, " ") == "desk gus"
    end)
    plan, said = desk:ask("rollout plan " .. desk:file("all.lua", 'return { release = "demo/1", robots = robots }')
      .. " --rest")
    assert.truthy(plan and plan.plan, said)
    assert.same({ "desk", "gus" }, names_of(plan.plan.order))
  end)

  it("goes two at a time where the plan says so", function()
    if not r then return pending(why) end
    desk:sign "release new demo --kind probe --version 1.1 any=demo.bin"
    desk:sign("rollout start " .. r:plan("demo/2", 2, ROBOTS, SOAK))
    r:within(90, "six committed", "demo/2", function() return r:count("demo/2", "commit") == 6 end)
    assert.equal(2, (r:down "demo/2"), r:words "demo/2")
    assert.equal(0, (r:count("demo/2", "rollback")))
  end)
end)
