-- plan_spec.lua - the form of a rollout's plan: what is one thing wrong is said by name, what was written is read.
local json = require "core.json"
local labs = require "spec.labs"
local plan = require "clients.updates.plan"

local ids = {}
for i = 1, 1001 do ids[i] = labs.key("robot" .. i):id() end

local function good()
  return { absent = { after = 3600, most = 0 }, clock = "proved", max_failures = 2,
    order = json.array { ids[1], ids[2], ids[3] }, patience = 600, release = "demos/42", run = 1, swarm = "duckietown",
    unknown = "back", waves = json.array { { max_unavailable = 1, robots = 1, soak = 1800 },
      { max_unavailable = 2, robots = 2, soak = 0 } } }
end

describe("a plan", function()
  it("is read as it was written, to the byte", function()
    local bytes = assert(plan.write(good()))
    assert.equal(bytes, plan.write(assert(plan.read(bytes))))
    assert.same({ nil, "form" }, { plan.read(bytes .. " "), (select(3, plan.read(bytes .. " "))) })
    assert.equal("form", select(3, plan.read(bytes:gsub('"run":1', '"run":01'))))
    assert.equal("form", select(3, plan.read(bytes:gsub('"run":1', '"run": 1'))))
    for _, other in ipairs { "", "null", "[]", "5", '"x"', "{}", ("["):rep(100) } do
      assert.equal("form", select(3, plan.read(other)), other)
    end
    assert.equal("long", select(3, plan.read(("x"):rep(65537))))
  end)

  it("holds a thousand robots in sixteen waves, not one more of either", function()
    local one = good()
    one.order, one.waves = json.array { table.unpack(ids, 1, 1000) }, json.array {}
    for i = 1, 16 do one.waves[i] = { max_unavailable = 100, robots = i < 16 and 1 or 985, soak = 86400 } end
    assert(plan.read(assert(plan.write(one))))
    one.order[1001], one.waves[16].robots = ids[1001], 986
    assert.truthy(plan.fault(one):find "1 to 1000 peer IDs")
    one = good()
    for i = 1, 17 do one.waves[i] = { max_unavailable = 1, robots = 1, soak = 0 } end
    assert.truthy(plan.fault(one):find "list of 1 to 16")
  end)

  it("says what is wrong with it, one thing at a time", function()
    for _, case in ipairs {
      { "order has .* twice, as number 1 and 3", function(p) p.order[3] = p.order[1] end },
      { "number 2 is no peer ID", function(p) p.order[2] = "donald" end },
      { "the waves hold 3 robots, and order names 2", function(p) p.order[3] = nil end },
      { "the waves hold 4 robots, and order names 3", function(p) p.waves[2].robots = 3 end },
      { "list of 1 to 1000", function(p) p.order = json.array {} end },
      { "wave 2: max_unavailable is no whole number from 1 to 100", function(p) p.waves[2].max_unavailable = 0 end },
      { "wave 1: soak", function(p) p.waves[1].soak = 86401 end },
      { "wave 1: soak", function(p) p.waves[1].soak = 1.5 end },
      { "wave 1 has a member that no version has: x", function(p) p.waves[1].x = 1 end },
      { "wave 1 has no soak", function(p) p.waves[1].soak = nil end },
      { "the plan has a member that no version has: urgent", function(p) p.urgent = true end },
      { "the plan has a member that no version has: release run", function(p) p["release run"] = true end },
      { "the plan has no unknown", function(p) p.unknown = nil end },
      { "absent: most", function(p) p.absent.most = -1 end },
      { "absent: after is no whole number from 60", function(p) p.absent.after = 59 end },
      { "max_failures", function(p) p.max_failures = 101 end },
      { "patience", function(p) p.patience = 10 end },
      { "run is no whole number from 1 to 999", function(p) p.run = 1000 end },
      { "neither proved nor adopted", function(p) p.clock = "none" end },
      { "neither back nor commit", function(p) p.unknown = "wait" end },
      { "swarm is no text", function(p) p.swarm = "" end },
      { "NAME/SEQ", function(p) p.release = "Demos/1" end },
      { "NAME/SEQ", function(p) p.release = "demos/0" end },
      { "NAME/SEQ", function(p) p.release = "demos/99999999999999999" end },
      { "NAME/SEQ", function(p) p.release = "demos" end },
    } do
      local one = good()
      case[2](one)
      local fault = plan.fault(one)
      assert.truthy(fault and fault:find(case[1]), ("%s: %s"):format(case[1], fault))
      assert.equal("form", select(3, plan.write(one)))
    end
  end)
end)
