-- updates_busy_spec.lua - robots that cannot use their turn, and robots that are switched off, in simulated rollouts:
-- who goes on without them, in which round, and what brings them in.
local fleet = require "spec.sim.updates_fleet"

local MINUTE <const>, HOUR <const> = 60 * 1000, 60 * 60 * 1000
local NAMES <const> = { "ada", "bea", "carl", "dora" }

describe("a robot that is held", function()
  it("goes on to a later round, over a restart; the others finish; free, it updates", function()
    local f = fleet.new { names = NAMES, waves = { { max_unavailable = 1, robots = 4, soak = 60 } } }
    f:until_(30 * 1000)
    assert(f:ask("bea", "fact", { name = "hold", value = true, why = "class", seconds = 2 * 3600 }))
    f:until_(MINUTE)
    f:start()
    f:until_(10 * MINUTE)
    f:off "bea"
    f:until_(30 * 1000)
    f:on "bea"
    assert.is_true(f:all_are("committed", { "ada", "carl", "dora" }, HOUR))
    assert.same({ "deferred", 2 }, { f:state "bea", f:kept "bea".round })
    local closed, answer = f:closed "bea"
    assert.truthy(closed.hold:find("class", 1, true), closed.hold)
    assert.same({ nil, nil, 2, 11 }, { closed.turn, closed.ready, answer.round, answer.open })
    f:off "bea"
    f:on "bea"
    f:until_(30 * MINUTE)
    assert.equal(2, f:kept "bea".round) -- nobody stands behind it any more, so it stays
    assert.equal(1200 * 1000, f:ask("bea", "update explain").patience_ms) -- doubled once, over the restart
    assert(f:ask("bea", "fact", { name = "hold", ["end"] = true }))
    assert.is_true(f:all_are("committed", { "bea" }, 5 * MINUTE))
    assert.same({ "ada", "carl", "dora", "bea" }, f:order())
    assert.equal(1, f.all.down_most)
  end)

  it("by a command is held as long as that runs", function()
    local f = fleet.new { names = NAMES, waves = { { max_unavailable = 1, robots = 4, soak = 60 } } }
    f:until_(30 * 1000)
    assert(f:ask("bea", "fact", { name = "hold", value = true, connected = true }))
    local command_ends = f.cancel
    f:start()
    assert.is_true(f:all_are("committed", { "ada", "carl", "dora" }, HOUR))
    assert.truthy(f:closed "bea".hold:find("as long as a command runs", 1, true))
    command_ends()
    assert.is_true(f:all_are("committed", { "bea" }, 5 * MINUTE))
  end)

  it("as the canary leaves that to the next, alone and with the soak of the first wave", function()
    local f = fleet.new { names = NAMES, waves = { { max_unavailable = 1, robots = 1, soak = 1800 },
      { max_unavailable = 2, robots = 3, soak = 60 } } }
    f:until_(30 * 1000)
    assert(f:ask("ada", "fact", { name = "hold", value = true, seconds = 24 * 3600 }))
    f:start()
    assert.is_true(f:all_are("committed", { "bea", "carl", "dora" }, 3 * HOUR))
    assert.same({ "bea", "carl", "dora" }, f:order())
    local bea = f:of "bea"
    assert.is_true(bea.ended - bea.started >= 1800 * 1000, bea.ended - bea.started)
    assert.is_true(f:started "carl" >= bea.ended)
    assert.equal(2, f.all.down_most) -- carl and dora at once, after it
    assert.is_true(f:of("carl").ended - f:started "carl" < 600 * 1000)
    assert.same({ "deferred", true }, { f:state "ada", f:kept "ada".round >= 2 })
    assert(f:ask("ada", "fact", { name = "hold", ["end"] = true }))
    assert.is_true(f:all_are("committed", { "ada" }, 10 * MINUTE))
  end)
end)

describe("a robot that drives", function()
  local f, facts

  local function new()
    facts = { tags = {}, driving = true, recording = false }
    f = fleet.new { names = NAMES, here = { ada = facts } }
    f:start()
    assert.is_true(f:all_are("committed", { "bea", "carl", "dora" }, HOUR))
  end

  it("is passed by, and updates when it stands", function()
    new()
    assert.same({ "deferred", 2 }, { f:state "ada", f:kept "ada".round })
    local closed = f:closed "ada"
    assert.truthy(closed.ready:find("driving", 1, true), closed.ready)
    facts.driving = false
    assert.is_true(f:all_are("committed", { "ada" }, 5 * MINUTE))
  end)

  it("updates at once by `update go`, which the next release does not remember", function()
    new()
    assert.same({ run = "demos/42/1" }, (f:ask("ada", "update go")))
    assert.is_true(f:all_are("committed", { "ada" }, 5 * MINUTE))
    assert.is_nil(f:kept "ada".go)
    local data = f:release "demos/43"
    assert.is_nil(f:rollout("demos/43/1", data, { "ada", "bea" }, { waves = { { max_unavailable = 1, robots = 2,
      soak = 60 } } }))
    f:until_(30 * MINUTE)
    assert.same({ "deferred", "committed" }, { f:state("ada", "demos/43/1"), f:state("bea", "demos/43/1") })
    assert.truthy(f:closed("ada", "demos/43").ready)
    local none, text, word = f:ask("ada", "update go", { run = "demos/42" })
    assert.same({ nil, "missing" }, { none, word })
    assert.truthy(text:find("it is committed", 1, true), text)
  end)
end)

describe("a robot that is switched off, first in the order,", function()
  local REST <const> = { "bea", "carl", "dora" }
  local f

  -- ada knows of the run and of her lab, and is switched off before her turn.
  local function new(most)
    f = fleet.new { names = NAMES, absent = { after = 600, most = most } }
    f:until_(30 * 1000)
    assert(f:ask("ada", "fact", { name = "hold", value = true, seconds = 3600 }))
    f:start()
    f:until_(MINUTE)
    f:off "ada"
  end

  it("holds up those behind it, who say so, until a skip is signed", function()
    new(0)
    f:until_(3 * HOUR)
    assert.same({}, f:order())
    local closed = f:closed "bea"
    assert.truthy(closed.turn:find("ada: not resolved", 1, true), closed.turn)
    assert.is_nil(f:say("updates/skip", "demos/42/1/1", { robots = { f:of "ada".id }, why = "at the workshop" }))
    local at = f.all:ms()
    f:until_(10 * 1000)
    assert.is_true(f:started "bea" - at <= 10 * 1000, f:started "bea" - at)
    assert.is_true(f:all_are("committed", REST, HOUR))
    -- Back, it knows nothing yet of the skip; it compares first, so that it hears of it.
    f:on "ada"
    assert(f:ask("ada", "fact", { name = "hold", ["end"] = true }))
    assert.is_true(f:all_are("rejected", { "ada" }, 30 * MINUTE))
    assert.same(REST, f:order())
  end)

  it("skipped, but back where nobody tells it so, makes one more at most", function()
    f = fleet.new { names = NAMES, waves = { { max_unavailable = 1, robots = 4, soak = 1200 } } }
    f:until_(30 * 1000)
    assert(f:ask("ada", "fact", { name = "hold", value = true, seconds = 3600 }))
    f:start()
    f:until_(MINUTE)
    f:off "ada"
    assert.is_nil(f:say("updates/skip", "demos/42/1/1", { robots = { f:of "ada".id }, why = "at the workshop" }))
    f.all.world.cut[f:of "ada".host] = true
    f:on "ada"
    assert(f:ask("ada", "fact", { name = "hold", ["end"] = true }))
    assert.is_true(f:all_are("committed", NAMES, 3 * HOUR)) -- after ten minutes alone it takes its turn
    assert.equal(2, f.all.down_most)
    f.all.world.cut[f:of "ada".host] = nil
    f:until_(30 * MINUTE)
    assert.is_true(f:ask("bea", "updates").runs[1].complete)
  end)

  it("is left out after its time where the plan leaves one out; back, it makes one more at most", function()
    new(1)
    f:until_(5 * MINUTE)
    assert.same({}, f:order())
    assert.is_true(f:all_are("applying", { "bea" }, 20 * MINUTE))
    f:on "ada"
    assert(f:ask("ada", "fact", { name = "hold", ["end"] = true }))
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    assert.is_true(f.all.down_most <= 2, f.all.down_most)
  end)

  it("does not hold up those who are skipped by nobody where it is the last", function()
    f = fleet.new { names = { "bea", "carl", "ada" } }
    f:start()
    f:off "ada"
    assert.is_true(f:all_are("committed", { "bea", "carl" }, HOUR))
    local answer = f:ask("bea", "updates")
    local run = answer.runs[1]
    assert.is_false(run.complete)
    assert.same({ "ada", nil }, { run.robots[3].label, run.robots[3].state })
    assert.is_true(run.robots[3].seen_ms > MINUTE)
  end)
end)

describe("a run that is paused", function()
  it("starts nobody, defers nobody, and goes on when that is taken back; of a run that is over it says so", function()
    local f = fleet.new { names = NAMES }
    f:until_(30 * 1000)
    assert(f:ask("ada", "fact", { name = "hold", value = true, seconds = 600 }))
    f:start()
    assert.is_nil(f:say("updates/pause", "demos/42/1", { why = "visitors" }))
    f:until_(2 * HOUR)
    assert.same({}, f:order())
    local closed, answer = f:closed "ada"
    assert.truthy(closed.paused:find("visitors", 1, true), closed.paused)
    assert.same({ 1, 11 }, { answer.round, answer.open })
    assert.is_nil(f:take_back("updates/pause", "demos/42/1"))
    assert.is_true(f:all_are("committed", NAMES, HOUR))
    assert.is_nil(f:say("updates/pause", "demos/42/1", { why = "too late" }))
    f:until_(MINUTE)
    local run = f:ask("ada", "updates").runs[1]
    assert.same({ true, "too late" }, { run.complete, run.pause.why })
  end)
end)
