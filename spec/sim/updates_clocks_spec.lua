-- updates_clocks_spec.lua - simulated rollouts among robots with wrong clocks or none, of releases that end, and to a
-- robot whose state folder was restored.
local fleet = require "spec.sim.updates_fleet"

local MINUTE <const>, HOUR <const>, DAY <const> = 60 * 1000, 60 * 60 * 1000, 24 * 60 * 60 * 1000
local NAMES <const> = { "ada", "bea", "carl" }
local START <const> = 1700000000000 -- ms Unix, when the simulator begins

-- No robot is synchronised: one lives in 1970, one is right, one is in 2099. DESK: is the desk's clock synchronised,
-- so that it states the time, which one alone does not prove?
local function clockless(clock, desk)
  local robot = { ada = { clock = false, ahead = -START }, bea = { clock = false },
    carl = { clock = false, ahead = 76 * 365 * DAY }, ["the-desk"] = { clock = desk } }
  return fleet.new { names = NAMES, clock = clock, robot = robot }
end

describe("among robots of which none can prove the time", function()
  it("nobody applies by a plan that wants it proved, and says so", function()
    for _, desk in ipairs { false, true } do
      local f = clockless("proved", desk)
      f:start()
      f:until_(2 * HOUR)
      assert.same({}, f:order())
      for _, name in ipairs(NAMES) do
        local closed = f:closed(name)
        assert.equal(("%s here, the plan wants proved"):format(desk and "adopted" or "none"), closed.clock)
        assert.equal(1, f:ask(name, "updates").refused.clock)
      end
    end
  end)

  it("all apply by a plan that takes the adopted time, where somebody states one", function()
    local f = clockless("adopted", true)
    f:start()
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    assert.same(NAMES, f:order())
    f = clockless("adopted", false)
    f:start()
    f:until_(HOUR)
    assert.same({}, f:order())
  end)
end)

describe("a run that ended", function()
  it("is begun by nobody any more whose time is proved; what is under way goes on", function()
    local f = fleet.new { names = NAMES }
    f:until_(30 * 1000)
    for _, name in ipairs { "ada", "bea" } do
      assert(f:ask(name, "fact", { name = "hold", value = true, seconds = 24 * 3600 }))
    end
    f:start()
    local data = f:release "demos/43"
    assert.is_nil(f:rollout("demos/43/1", data, { "ada", "bea" }, { seconds = 3600 }))
    f:until_(10 * MINUTE)
    local function runs() return f:ask("ada", "updates", { run = "demos/43/1" }).runs[1] end
    assert.is_true(runs().counts)
    f:until_(HOUR)
    assert.same({ false, "ended", "ended" }, { runs().counts, runs().word, runs().phase })
    for _, name in ipairs { "ada", "bea" } do assert(f:ask(name, "fact", { name = "hold", ["end"] = true })) end
    assert.is_true(f:all_are("committed", NAMES, HOUR)) -- the first one stands
    f:until_(HOUR)
    assert.same({ "deferred" }, { f:state("ada", "demos/43/1") })
    assert.equal(42, f:of "ada".node.updates.saved.data.installed.demos[1])
  end)
end)

describe("a robot whose state folder was restored", function()
  local function acts_of(f, name)
    local list = {}
    for _, event in ipairs(f.all.events) do
      if event.name == name and event.act == "apply" then list[#list + 1] = event.act end
    end
    return #list
  end

  -- The image of ada's disk as it was before the rollout.
  local function restored(options)
    options.names = NAMES
    local f = fleet.new(options)
    f:until_(20 * MINUTE)
    f:off "ada"
    local image = f:of("ada").disk
    f:of("ada").disk = image:crash(1)
    f:on "ada"
    return f, image
  end

  it("takes neither its old turn nor an older release, once it met a neighbour", function()
    local f, image = restored {}
    f:start()
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    f:off "ada"
    f:of("ada").disk = image
    f:on "ada"
    f:until_(30 * MINUTE)
    assert.equal(1, acts_of(f, "ada"))
    local kept = f:of("ada").node.updates.saved.data
    assert.same({ "committed", 42 }, { f:state "ada", kept.floor.demos })
    assert.is_nil(kept.installed.demos)
    local why = "this card is older, or its records were lost: it has no release of demos"
    local told = f:ask("bea", "updates").runs[1].robots[1]
    assert.same({ "committed", why }, { told.state, told.why })
    local row = f:ask("ada", "update explain").rows[1]
    assert.same({ why, "Bring it again: release again demos/42; then a rollout of that." }, { row.seen, row.cure })
    local data = f:release "demos/41"
    assert.is_nil(f:rollout("demos/41/1", data, { "ada" }))
    f:until_(30 * MINUTE)
    assert.same({ "rejected", "seq" }, { f:state("ada", "demos/41/1"), f:kept("ada", "demos/41/1").word })
    assert.equal(1, acts_of(f, "ada"))
    assert.equal(1, f:ask("ada", "updates").refused.seq)
  end)

  it("begins nothing, and says nothing, before it compared what is known of updates", function()
    local f = fleet.new { names = NAMES }
    f:until_(10 * 1000)
    f:of "ada".node.updates.compared.state = function() return nil, "not compared yet" end
    f:start()
    f:until_(2 * HOUR)
    assert.is_nil(f:kept "ada")
    assert.equal("not compared yet", f:closed "ada".settled)
  end)

  it("from the middle of its update ends that, whatever was heard of it since: on that card it is half done", function()
    local f = fleet.new { names = NAMES }
    f:start()
    assert.is_true(f:all_are("applying", { "ada" }, HOUR))
    f:off "ada"
    local image = f:of("ada").disk
    f:of("ada").disk = image:crash(1)
    f:on "ada"
    assert.is_true(f:all_are("committed", NAMES, 2 * HOUR))
    local before = acts_of(f, "ada")
    f:off "ada"
    f:of("ada").disk = image
    f:on "ada"
    f:until_(30 * MINUTE)
    local updates = f:of("ada").node.updates
    assert.same({ "committed", 42, before + 1 }, { f:state "ada", updates.saved.data.floor.demos, acts_of(f, "ada") })
    assert.is_nil(updates.machine:now())
    assert.is_true(f:ask("bea", "updates").runs[1].complete)
  end)

  it("from before the end of its update says that it failed, and begins no more in that run", function()
    local f, image = restored { fail = { ada = true } }
    f:start()
    assert.is_true(f:all_are("applying", { "ada" }, HOUR))
    f:off "ada"
    f:of("ada").disk = image
    f:on "ada"
    f:until_(30 * MINUTE)
    assert.same({ "failed", 1 }, { f:state "ada", acts_of(f, "ada") })
    assert.truthy(f:kept("ada").why:find("this card is older", 1, true))
    assert.same({}, { f:state "bea" })
    local answer = f:ask("bea", "updates").runs[1]
    assert.same({ "failed", 1, false }, { answer.robots[1].state, answer.failures, answer.complete })
    assert.is_nil(f:rollout("demos/42/2", f:first_release(), { "ada" })) -- once more, though nobody forgave it
    f:until_(30 * MINUTE)
    assert.same({ "rejected", 1 }, { f:state("ada", "demos/42/2"), acts_of(f, "ada") })
    assert.equal("failed here: update forgive demos/42", f:kept("ada", "demos/42/2").why)
  end)
end)
