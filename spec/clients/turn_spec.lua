-- turn_spec.lua - the rule of a rollout: in no history of a few robots are more down, or do more fail, than its plan
-- says, and both bounds are reached. With DT_SWARM_SOAK=1 all plans of four robots.
local patience = require "spec.patience"
local search = require "spec.clients.turn_search"
local turn = require "clients.updates.turn"

local MOST <const>, ROUNDS <const> = 12, 8 -- times that a turn among ten times as many may cost; rounds to see that
local SOAK <const> = os.getenv "DT_SWARM_SOAK" == "1"

local function plan_of(sizes, most, absent, failures)
  local waves = {}
  for i, robots in ipairs(sizes) do waves[i] = { robots = robots, max_unavailable = most[i] } end
  return { waves = waves, absent = absent, failures = failures }
end

local function bounds(given)
  local robots, most = 0, 0
  for _, wave in ipairs(given.waves) do robots, most = robots + wave.robots, math.max(most, wave.max_unavailable) end
  return math.min(robots, most + given.absent), math.min(robots, given.failures + most + given.absent - 1), robots
end

-- All that PLANS allow, and what that comes to; a bound is reached where all waves have the same M.
local function holds(plans)
  local states, asked, reached = 0, 0, 0
  for _, given in ipairs(plans) do
    local down, failed = bounds(given)
    local found = search.run(given)
    local name = ("%d + %d robots, M %d %d, A %d, F %d"):format(given.waves[1].robots, given.waves[2].robots,
      given.waves[1].max_unavailable, given.waves[2].max_unavailable, given.absent, given.failures)
    assert.is_nil(found.broken, name)
    assert.is_true(found.down <= down, ("%s: %d down"):format(name, found.down))
    assert.is_true(found.failed <= failed, ("%s: %d failed"):format(name, found.failed))
    if given.waves[1].max_unavailable == given.waves[2].max_unavailable then
      assert.same({ down, failed }, { found.down, found.failed }, name)
      reached = reached + 1
    end
    states, asked = states + found.states, asked + found.asked
  end
  print(("    %d plans, %d of them reach both bounds; %d states, %d times asked"):format(#plans, reached, states,
    asked))
end

local function plans_of(sizes_list)
  local plans = {}
  for _, sizes in ipairs(sizes_list) do
    for i = 0, 3 do
      for absent = 0, 2 do
        for failures = 1, 2 do plans[#plans + 1] = plan_of(sizes, { 1 + i % 2, 1 + i // 2 }, absent, failures) end
      end
    end
  end
  return plans
end

describe("the turn", function()
  it("keeps its bounds in all histories of up to three robots", function()
    holds(plans_of { { 1, 1 }, { 1, 2 }, { 2, 1 } })
  end)

  it("keeps them in all histories of four", function()
    if SOAK then return holds(plans_of { { 1, 3 }, { 2, 2 }, { 3, 1 } }) end
    holds { plan_of({ 1, 3 }, { 1, 1 }, 0, 1), plan_of({ 2, 2 }, { 1, 1 }, 1, 1), plan_of({ 1, 3 }, { 1, 2 }, 0, 2) }
  end)

  local function given(more)
    local one = { plan = { order = { "a", "b", "c", "d" }, waves = { { robots = 1, max_unavailable = 1, soak = 60 },
      { robots = 3, max_unavailable = 2, soak = 10 } }, absent = { most = 0 }, max_failures = 2 },
      known = {}, absent = {}, skipped = {} }
    for name, value in pairs(more or {}) do one[name] = value end
    one.places = turn.places(one.plan)
    return one
  end

  it("says why it is closed, and by whom", function()
    local function why(one, me)
      local yes, reason = turn.may_start(one, me)
      assert.is_nil(yes)
      return { reason.code, reason.count, reason.most, table.unpack(reason.robots or {}) }
    end
    assert.is_true(turn.may_start(given(), "a"))
    assert.same({ "named" }, why(given(), "x"))
    assert.same({ "behind", 1, 0, "a" }, why(given(), "c"))
    local done = { a = { state = "committed", round = 1 } }
    assert.is_true(turn.may_start(given { known = done }, "c"))
    assert.same({ "before", 2, 1, "b", "c" }, why(given { known = done }, "d"))
    assert.same({ "begun" }, why(given { known = done }, "a"))
    assert.same({ "skipped" }, why(given { known = done, skipped = { b = true } }, "b"))
    assert.is_true(turn.may_start(given { known = done, skipped = { b = true } }, "d"))
    local failed = { a = { state = "rolled_back", round = 1 }, b = { state = "failed", round = 2 } }
    assert.same({ "failures", 2, 1 }, why(given { known = failed }, "c"))
  end)

  it("leaves out absent ones, as many as the plan says, never one that was seen to begin", function()
    local one = given { absent = { a = true } }
    local yes, reason = turn.may_start(one, "b")
    assert.same({ nil, "absent", 1, 0 }, { yes, reason.code, reason.count, reason.most })
    one.plan.absent.most = 1
    assert.is_true(turn.may_start(one, "b"))
    one.known.a = { state = "applying", round = 1 }
    assert.equal("behind", select(2, turn.may_start(one, "b")).code)
  end)

  it("takes the next robot for the canary while none committed, with its limits and its soak", function()
    local one = given { known = { a = { state = "deferred", round = 2 } } }
    local yes, wave = turn.may_start(one, "b")
    assert.same({ nil, "before" }, { yes, wave.code }) -- a stands before it, and one at a time may be down
    one.known.a.round = 3
    yes, wave = turn.may_start(one, "b")
    assert.same({ true, 60 }, { yes, wave.soak })
    assert.is_nil(turn.may_start(one, "c"))
    one.known.b = { state = "committed" } -- it had the release already, and was no canary
    assert.is_nil(turn.may_start(one, "d"))
    one.known.b = { state = "committed", round = 2 }
    yes, wave = turn.may_start(one, "d")
    assert.same({ true, 10 }, { yes, wave.soak })
  end)

  it("costs among a thousand no more than twelve times what it does among a hundred", function()
    local function cost(n)
      local one = given { plan = { order = {}, waves = { { robots = n, max_unavailable = 1, soak = 1 } },
        absent = { most = 0 }, max_failures = 100 } }
      for i = 1, n do one.plan.order[i] = "robot" .. i end
      one.places = turn.places(one.plan)
      for i = 1, n - 1 do one.known["robot" .. i] = { state = "committed", round = 1 } end
      local best = math.huge
      for _ = 1, 20 do
        local start = os.clock()
        for _ = 1, 100000 // n do assert.is_true(turn.may_start(one, "robot" .. n)) end
        best = math.min(best, (os.clock() - start) / (100000 // n))
      end
      return best
    end
    local ratio = math.huge
    for _ = 1, ROUNDS do -- a round in which something else had the processor says nothing
      ratio = math.min(ratio, cost(1000) / cost(100))
      if ratio <= MOST then break end
    end
    patience.took(("a turn among 1,000 costs %.1f times one among 100"):format(ratio), ratio, MOST)
    assert.is_true(ratio <= MOST, ratio)
  end)
end)
