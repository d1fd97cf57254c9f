-- gates_spec.lua - what an update waits for is said by its gate, its value and what opens it; and a robot that cannot
-- use its turn goes on to the next round.
local gates = require "clients.updates.gates"
local simloop = require "sim.loop"
local waiting = require "clients.updates.waiting"

local HOUR <const> = 3600 * 1000

-- What is given where all gates are open, but for MORE.
local function given(more)
  local one = { payload = { done = 41200000, size = 41200000 }, space = { need = 5, free = 10 }, turn = {},
    name = function(id) return id end, go = { yes = true }, settled = { yes = true }, ready = { yes = true },
    clock = { quality = "proved", wanted = "proved" } }
  for name, value in pairs(more or {}) do one[name] = value end
  return one
end

local function closed(code, count, most, ...)
  return { closed = { code = code, count = count, most = most, robots = { count = count, ... } } }
end

-- What is given, the gates that are closed, and words of what is seen.
local SITUATIONS <const> = {
  { { payload = { done = 1000000, size = 41200000, from = "bea" } }, "payload", "1.0 MB of 41.2 MB from bea" },
  { { payload = { done = 1000000, size = 41200000, from = "bea", rate = 2100 } }, "payload",
    "from bea, 2.1 kB a second" },
  { { payload = { done = 0, size = 41200000 } }, "payload", "nobody gives it now" },
  { { space = { need = 3000000, free = 2000000 } }, "space", "2.0 MB free, 3.0 MB needed" },
  { { space = { need = 3000000 } }, "space", "not known" },
  { { disk = "ENOSPC" }, "disk", "ENOSPC" },
  { { paused = { by = "liam", why = "exam", left_ms = 3 * HOUR } }, "paused", "by liam, for 3 h: exam" },
  { { turn = closed("before", 2, 1, "bea", "carl") }, "turn", "bea, carl: not resolved; 2 may be down at once" },
  { { turn = closed("behind", 6, 0, "a", "b", "c", "d", "e", "f") }, "turn", "a, b, c, d and 2 more" },
  { { turn = closed("absent", 3, 1) }, "turn", "away: 3; left out may be: 1" },
  { { turn = closed("failures", 2, 1) }, "turn", "2 failed, as far as is known; 1 may" },
  { { turn = closed "skipped" }, "turn", "signed skip" },
  { { turn = closed "named" }, "turn", "order" },
  { { go = { why = "not on a Monday" } }, "go", "not on a Monday" },
  { { clock = { quality = "adopted", wanted = "proved" } }, "clock", "adopted here, the plan wants proved" },
  { { clock = { quality = "none", wanted = "adopted" } }, "clock", "none here" },
  { { settled = { why = "nobody compared" } }, "settled", "nobody compared" },
  { { clone = "also at 10.0.0.7" }, "clone", "also at 10.0.0.7" },
  { { busy = "dt-core/9" }, "busy", "dt-core/9" },
  { { hold = "class, for 1 h" }, "hold", "class" },
  { { ready = { why = "driving; battery 31 % under 40 %" } }, "ready", "battery 31 %" },
  { { ready = { why = "driving" }, hold = "class" }, "hold ready", "class" },
  { { ready = { why = "driving" }, turn = closed("before", 1, 0, "bea") }, "turn ready", "bea" },
}

describe("a gate", function()
  it("is named with what was seen and what opens it, alone and with another", function()
    for i, case in ipairs(SITUATIONS) do
      local list, names = gates.closed(gates.look(given(case[1]))), {}
      for k, row in ipairs(list) do
        names[k] = row.gate
        assert.truthy(row.what and row.seen and row.cure, i)
        assert.truthy(row.what:find "%.$", row.what)
      end
      assert.equal(case[2], table.concat(names, " "))
      assert.truthy(list[1].seen:find(case[3], 1, true), list[1].seen)
    end
    assert.same({}, gates.closed(gates.look(given())))
    assert.equal(12, #gates.look(given()))
  end)

  it("of hold and ready is passed by `update go`, no other", function()
    local all = { ready = { why = "driving" }, hold = "class", passes = true }
    assert.same({}, gates.closed(gates.look(given(all))))
    for _, case in ipairs(SITUATIONS) do
      local more, is_passed = { passes = true }, case[2]:find "hold" or case[2] == "ready"
      for name, value in pairs(case[1]) do more[name] = value end
      assert.equal(is_passed and 0 or 1, math.min(1, #gates.closed(gates.look(given(more)))), case[2])
    end
  end)

  it("takes an adopted time where the plan does", function()
    for quality, open in pairs { proved = 0, adopted = 0, none = 1 } do -- any order
      local rows = gates.look(given { clock = { quality = quality, wanted = "adopted" } })
      assert.equal(open, #gates.closed(rows), quality)
    end
  end)
end)

describe("a robot that waits", function()
  local loop, facts, is_behind, events, one

  before_each(function()
    loop, facts, is_behind, events = simloop.new(), {}, true, {}
    one = waiting.new { loop = loop, patience = 600, look = function() return gates.look(given(facts)) end,
      behind = function() return is_behind end,
      defer = function(told)
        events[#events + 1] = ("deferred at %d min"):format(loop.time // 60000)
        loop:post(told)
      end,
      begin = function() events[#events + 1] = "begun" end }
  end)
  after_each(function() one:stop() end)

  local function run(minutes) loop:run_until(loop.time + minutes * 60000) end

  it("begins once all is open: at once on news, in a minute without", function()
    facts = { turn = closed("before", 1, 0, "bea") }
    one:start()
    run(5)
    assert.same({}, events)
    facts = {}
    one:news()
    loop:run_until(loop.time + 1500)
    assert.same({ "begun" }, events)
    run(60)
    assert.same({ "begun" }, events)
  end)

  it("looks in a turn of its own, once for all news before that", function()
    local queue, looks = {}, 0
    local function asked(n)
      local all = queue
      queue = {}
      for _, fn in ipairs(all) do fn() end
      assert.same({ n, n }, { #all, looks })
      looks = 0
    end
    facts = { ready = { why = "driving" } }
    local more = waiting.new { loop = loop, patience = 600, turn = function(fn) queue[#queue + 1] = fn end,
      look = function()
        looks = looks + 1
        return gates.look(given(facts))
      end, behind = function() return false end, begin = function() end, defer = function() end }
    more:start()
    asked(1)
    more:news()
    more:news()
    loop:run_until(loop.time + 1500)
    more:news()
    loop:run_until(loop.time + 1500)
    asked(1)
    run(1)
    asked(1)
    more:news()
    loop:run_until(loop.time + 1500)
    more:stop()
    queue[1]()
    assert.equal(0, looks)
  end)

  it("goes on to the next round after its patience, which doubles each time", function()
    facts = { ready = { why = "driving" } }
    one:start()
    run(9)
    assert.same({}, events)
    assert.equal(60000, one:left_ms())
    run(60)
    assert.same({ "deferred at 10 min", "deferred at 31 min" }, events)
    run(40)
    assert.equal("deferred at 72 min", events[3])
    run(40 * 24 * 60)
    for i = 12, #events - 1 do -- no longer than a day
      local from, to = events[i]:match "%d+", events[i + 1]:match "%d+"
      assert.is_true(to - from <= 24 * 60 + 2, events[i])
    end
    assert.is_true(#events > 40)
  end)

  it("keeps its round while its turn is not there, the run is paused, or nobody stands behind it", function()
    local driving = { why = "driving" }
    for i, case in ipairs { { ready = driving, turn = closed("before", 1, 0, "bea") },
      { paused = { by = "liam", why = "exam", left_ms = HOUR } }, { ready = driving } } do
      facts, is_behind = case, i < 3
      if i == 1 then one:start() end
      run(24 * 60)
      assert.same({ {}, nil }, { events, one:left_ms() }, i)
    end
    is_behind = true
    run(12)
    assert.equal(1, #events)
  end)

  it("begins its patience anew where the gate opened in between", function()
    facts = { ready = { why = "driving" } }
    one:start()
    run(8)
    facts = { turn = closed("before", 1, 0, "bea") }
    run(2)
    facts = { ready = { why = "driving" } }
    run(8)
    assert.same({}, events)
    run(4)
    assert.equal(1, #events)
  end)
end)
