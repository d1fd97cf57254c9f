-- time_spec.lua - time: what counts as proof, what liars reach, what is saved. A loop and clocks of the spec's own.
local time = require "time"
local random = require "core.random"

local MINUTE, HOUR, YEAR = 60000, 3600000, 31557600000
local BUILD = 1790000000000
local TRUE = BUILD + 60 * 24 * HOUR -- what it really is when a spec begins
local FAR = 4070908800000 -- 2099

-- A node with a monotonic clock and a system clock OFFSET from the truth.
local function new(options)
  local world = { mono = options.mono or 5000, truth = TRUE, synced = options.synced or false, saved = {}, proved = {},
    warned = {}, offset = options.offset or 0 }
  local timers = {}
  local loop = {
    now = function() return world.mono end,
    wall = function() return world.truth + world.offset end,
    post = function(_, fn) fn() end,
    every = function(_, ms, fn)
      local timer = { ms = ms, fn = fn, due = world.mono + ms, cancel = function(t) t.fn = nil end }
      timers[#timers + 1] = timer
      return timer
    end,
  }
  function world.pass(ms)
    local finish = world.mono + ms
    while world.mono < finish do
      local step = math.min(finish - world.mono, 16000)
      world.mono, world.truth = world.mono + step, world.truth + step
      for _, t in ipairs(timers) do
        if t.fn and t.due <= world.mono then
          t.due = world.mono + t.ms
          t.fn()
        end
      end
    end
  end
  world.time = time.new {
    loop = loop, sync = function() return world.synced end, build = BUILD, saved = options.saved,
    setting = options.setting,
    save = function(at)
      world.saved[#world.saved + 1] = at
      return not options.unsaved, options.unsaved
    end,
    log = { warn = function(_, _, what) world.warned[#world.warned + 1] = what end },
  }
  world.time:on_proved(function(at) world.proved[#world.proved + 1] = at end)
  return world.time, world
end

describe("time without proof", function()
  it("is the build's, or the one saved, and runs on by the monotonic clock", function()
    local t, world = new { offset = -50 * YEAR }
    assert.equal("none", t.quality)
    assert.equal(BUILD, t:now())
    world.pass(HOUR)
    assert.equal(BUILD + HOUR, t:now())
    assert.is_nil(t:proved_now())
    assert.equal(BUILD, t:low())
    assert.is_nil(t:high())
    assert.is_false(t.source == "own")
    assert.equal(TRUE - HOUR, (new { saved = TRUE - HOUR }):now())
    assert.equal(BUILD, (new { saved = 5 }):now())
  end)

  it("ignores a system clock that nobody vouches for, early or late", function()
    for _, offset in ipairs { -50 * YEAR, 73 * YEAR } do
      local t, world = new { offset = offset }
      world.pass(HOUR)
      assert.equal(BUILD + HOUR, t:now())
      assert.same({}, world.saved)
    end
    assert.equal("own", new({ setting = "system" }).source)
  end)

  it("says what is wrong with the clock", function()
    assert.equal("unsynchronised", (new {}):fault())
    assert.is_nil((new { synced = true }):fault())
    assert.is_nil((new { setting = "system" }):fault())
    assert.equal("early", (new { setting = "system", offset = -50 * YEAR }):fault())
    assert.equal("early", (new { synced = true, offset = -50 * YEAR }):fault())
  end)

  it("follows what peers' clocks say, which proves nothing and is not saved", function()
    local t, world = new { offset = -50 * YEAR }
    local leaps = 0
    t:on_leap(function() leaps = leaps + 1 end)
    t.claims = function() return { { at = world.truth - MINUTE } } end
    t:refresh()
    assert.equal("adopted", t.quality)
    assert.equal(TRUE - MINUTE, t:now())
    assert.equal(1, leaps)
    t.claims = function() return {} end
    world.pass(MINUTE)
    assert.equal(TRUE, t:now(), "it runs on when nobody says it any more")
    assert.is_nil(t:proved_now())
    assert.equal(BUILD, t:low())
    t:close()
    assert.same({}, world.saved)
    assert.same({}, world.proved)
    assert.equal(1, leaps)
  end)

  it("never follows the AT of anybody's word", function()
    local t = new {}
    for i = 1, 10 do t:witness("w" .. i, TRUE + i * HOUR, true) end
    for i = 1, 10 do t:witness("n" .. i, FAR, false) end
    assert.equal("none", t.quality)
    assert.equal(BUILD, t:now())
  end)
end)

describe("judging", function()
  local function word(at, from, till) return { at = at, valid_from = from // 1000, valid_until = till // 1000 } end

  it("without proof, ends what was taken back and what was over before the build, and nothing else", function()
    local t = new { saved = FAR }
    for _, adopted in ipairs { false, true } do
      if adopted then
        t.claims = function() return { { at = BUILD + 9 * YEAR } } end
        t:refresh()
        assert.equal("adopted", t.quality)
      end
      assert.is_true(t:is_valid(word(TRUE, TRUE, TRUE + 1000)))
      assert.is_true(t:is_valid(word(5000, 5000, BUILD)))
      assert.is_true(t:is_valid(word(FAR, FAR + YEAR, FAR + YEAR)), "it does not wait to begin")
      assert.is_false(t:is_valid(word(5000, 5000, BUILD - 1000)))
      assert.is_false(t:is_valid(word(TRUE, TRUE, TRUE)))
    end
  end)

  it("with proof, ends what is over, and lets wait what is meant for later", function()
    local t = new { synced = true }
    assert.is_true(t:is_valid(word(TRUE - HOUR, TRUE - HOUR, TRUE)))
    assert.is_false(t:is_valid(word(TRUE - HOUR, TRUE - HOUR, TRUE - 2000)))
    assert.is_true(t:is_valid(word(TRUE + MINUTE, TRUE + MINUTE, TRUE + HOUR)), "his clock is ahead")
    assert.is_false(t:is_valid(word(TRUE, TRUE + MINUTE, TRUE + HOUR)))
    assert.is_true(t:is_valid(word(TRUE - HOUR, TRUE - MINUTE, TRUE + HOUR)))
    assert.is_false(t:is_valid(word(TRUE, TRUE - HOUR, TRUE)))
  end)

  -- Two nodes without proof that heard different things, for as long as you like, judge every word alike.
  it("without proof, never depends on anything that was heard", function()
    local r = random.seeded(7)
    local function moment() return ({ 0, 5000, BUILD, TRUE, FAR })[r:integer(5) + 1] + r:integer(YEAR) end
    for _ = 1, 300 do
      local silent = new { offset = -50 * YEAR }
      local t, world = new { offset = r:integer(2) * 73 * YEAR, saved = r:integer(2) == 1 and moment() or nil }
      local claims = {}
      for i = 1, r:integer(4) do claims[i] = { at = moment() } end
      t.claims = function() return claims end
      for i = 1, r:integer(5) do t:witness("w" .. i % 2, moment(), r:integer(2) == 1) end
      world.pass(r:integer(HOUR))
      assert.is_nil(t:proved_now())
      for _ = 1, 20 do
        local from = moment()
        local one = word(moment(), from, from + r:integer(YEAR))
        assert.equal(silent:is_valid(one), t:is_valid(one))
      end
      assert.equal(silent:tick(), t:tick())
    end
  end)

  it("compares at the tick of proved time, without proof at that of the build", function()
    local t, world = new {}
    assert.equal(BUILD // 16000 * 16, t:tick())
    world.pass(HOUR)
    assert.equal(BUILD // 16000 * 16, t:tick())
    world.synced = true
    world.pass(16000)
    assert.equal(world.truth // 16000 * 16, t:tick())
    assert.equal(60, t:left(world.truth // 1000 + 60))
    assert.is_nil(new({}):left(TRUE // 1000))
  end)
end)

describe("ages", function()
  it("are exact with proof, about by an adopted time, unknown without either", function()
    local t, world = new {}
    assert.is_nil((t:age(t:now() - MINUTE)))
    t.claims = function() return { { at = TRUE } } end
    t:refresh()
    assert.same({ MINUTE, true }, { t:age(TRUE - MINUTE) })
    assert.is_nil((t:age(nil)))
    world.synced = true
    world.pass(16000)
    assert.same({ MINUTE }, { t:age(world.truth - MINUTE) })
  end)

  it("of what is still to come are unknown, but for the difference of clocks that are right", function()
    local t = new { synced = true }
    assert.equal(0, (t:age(TRUE + MINUTE - 1)))
    assert.is_nil((t:age(TRUE + MINUTE)))
    assert.is_nil((t:age(FAR)))
  end)
end)

describe("time proved", function()
  it("is a synchronised clock's, said once, saved each hour and at the end", function()
    local t, world = new { synced = true }
    assert.equal("proved", t.quality)
    assert.equal(TRUE, t:proved_now())
    assert.is_true(t.source == "own")
    assert.truthy(t:low() < TRUE and t:high() > TRUE and t:high() - t:low() <= 2000)
    world.pass(150 * MINUTE)
    assert.equal(3, #world.saved)
    t:close()
    t:close()
    assert.equal(4, #world.saved)
    assert.equal(world.truth, world.saved[4])
    world.pass(5 * HOUR)
    assert.equal(4, #world.saved)
  end)

  it("comes when the clock is set, also within a turn", function()
    local t, world = new { offset = -50 * YEAR }
    world.pass(20000)
    world.offset, world.synced = 0, true
    world.pass(16000)
    assert.equal(world.truth, t:proved_now())
    assert.equal(1, #world.proved)
    world.offset, world.synced = 73 * YEAR, false -- somebody runs `date`
    assert.equal(world.truth, t:now())
    assert.equal("held", t.source)
    assert.is_false(t.source == "own")
    world.pass(3 * HOUR)
    assert.equal(world.truth, t:proved_now())
  end)

  it("is that of three members who agree, no fewer, and none of them twice", function()
    local t, world = new { offset = -50 * YEAR }
    t:witness("a", TRUE - 2000, true)
    t:witness("a", TRUE - 1000, true)
    t:witness("b", TRUE - 60000, true)
    t:witness("x", TRUE, false)
    assert.equal("none", t.quality)
    t:witness("c", TRUE - 90000, true)
    assert.equal("proved", t.quality)
    assert.equal("quorum", t.source)
    assert.equal(TRUE - 90000, t:proved_now())
    assert.same({ TRUE - 90000 }, world.saved)
    assert.same({ TRUE - 90000 }, world.proved)
    assert.is_false(t.source == "own")
    assert.truthy(t:low() <= TRUE and TRUE <= t:high())
    world.pass(HOUR)
    assert.equal(TRUE - 90000 + HOUR, t:proved_now())
    t:witness("a", world.truth, true)
    t:witness("b", world.truth, true)
    t:witness("c", world.truth, true)
    assert.equal(world.truth, t:proved_now())
    assert.equal(1, #world.proved)
  end)

  it("is not an old word's: three that lie apart prove nothing", function()
    local t = new {}
    t:witness("a", TRUE, true)
    t:witness("b", TRUE, true)
    t:witness("c", TRUE - 20 * MINUTE, true)
    assert.equal("none", t.quality)
    t:witness("d", TRUE - MINUTE, true)
    assert.equal(TRUE - MINUTE, t:proved_now())
  end)

  it("is never before the build", function()
    local t = new { synced = true, offset = -10 * YEAR }
    assert.equal("none", t.quality)
    for _, id in ipairs { "a", "b", "c" } do t:witness(id, 5000, true) end
    assert.equal("none", t.quality)
    assert.equal(BUILD, t:now())
  end)

  it("says when the saved time was ahead of it, and goes by the proof", function()
    local t, world = new { saved = FAR }
    assert.equal(FAR, t:now())
    world.synced = true
    world.pass(16000)
    assert.equal(world.truth, t:now())
    assert.same({ "saved-ahead" }, world.warned)
    assert.same({ world.truth }, world.saved)
  end)

  it("says when it cannot be saved", function()
    local _, world = new { synced = true, unsaved = "ENOSPC: full" }
    assert.same({ "unsaved" }, world.warned)
  end)
end)

describe("a clock that lies", function()
  it("set to 2099 by a false time server, is contradicted by three members", function()
    for _, offset in ipairs { 73 * YEAR, -20 * 24 * HOUR } do
      local t, world = new { synced = true, offset = offset }
      assert.is_true(t.source == "own")
      t:witness("a", TRUE, true)
      t:witness("b", TRUE, true)
      assert.is_true(t.source == "own")
      t:witness("c", TRUE, true)
      assert.equal(TRUE, t:proved_now())
      assert.is_false(t.source == "own")
      assert.equal("contradicted", world.warned[1])
      assert.equal(TRUE, world.saved[#world.saved])
      assert.equal(TRUE, world.proved[#world.proved])
      world.pass(3 * HOUR)
      assert.equal(world.truth, t:proved_now()) -- the witnesses are forgotten, the clock is still not believed …
      world.offset = 0
      world.pass(16000)
      assert.is_true(t.source == "own") -- … until it says what was proved
    end
  end)

  it("is believed again after a day in which nobody contradicts it", function()
    local t, world = new { synced = true }
    for i = 1, 3 do t:witness("liar" .. i, FAR, true) end
    assert.equal(FAR, t:proved_now())
    world.pass(23 * HOUR)
    assert.equal(FAR + 23 * HOUR, t:proved_now())
    world.pass(2 * HOUR)
    assert.equal(world.truth, t:proved_now())
    assert.is_true(t.source == "own")
  end)

  it("is not contradicted while three members stand by it", function()
    local t = new { synced = true }
    for i = 1, 3 do t:witness("good" .. i, TRUE - MINUTE, true) end
    for i = 1, 20 do t:witness("bad" .. i, FAR, true) end
    assert.equal(TRUE, t:proved_now())
    assert.is_true(t.source == "own")
  end)

  -- One member in 2099 or 1970, a second one with him, in every order and at every moment.
  it("of two members moves nobody's proof", function()
    local r = random.seeded(1)
    local proofs = 0
    for _ = 1, 2000 do
      local t, world = new { offset = -50 * YEAR, synced = false }
      local honest = r:integer(6)
      for _ = 1, 40 do
        local who = r:integer(honest + 2)
        if who < 2 then
          local lie = ({ FAR, 5000, BUILD, TRUE + 11 * MINUTE, FAR + r:integer(YEAR) })[r:integer(5) + 1]
          t:witness("liar" .. who, lie, r:integer(4) > 0)
        else
          t:witness("good" .. who, world.truth - r:integer(MINUTE), true)
        end
        world.pass(r:integer(2) * 1000)
        local at = t:proved_now()
        if at then
          proofs = proofs + 1
          assert.truthy(math.abs(at - world.truth) <= 5 * MINUTE)
        end
        assert.equal(at ~= nil, t.quality == "proved")
      end
      for _, at in ipairs(world.saved) do assert.truthy(math.abs(at - TRUE) < HOUR) end
      if honest < 1 then assert.is_nil(t:proved_now()) end
      if honest >= 5 then assert.truthy(t:proved_now()) end
    end
    assert.truthy(proofs > 10000)
  end)

  -- Counterexample: one member in 2099 made the next one "prove" 2099. Adopted time states no source, so it ends there.
  it("is not contagious", function()
    local nodes = {}
    for i = 1, 10 do nodes[i] = { new { offset = -50 * YEAR } } end
    for _ = 1, 5 do
      for i, from in ipairs(nodes) do
        for j, to in ipairs(nodes) do
          if i ~= j then to[1]:witness("n" .. i, from[1]:stamp(nil), from[1].source == "own") end
          to[1]:witness("lost", FAR, true)
        end
      end
    end
    for _, node in ipairs(nodes) do
      assert.equal("none", node[1].quality)
      assert.same({}, node[2].saved)
      for i = 1, 3 do node[1]:witness("good" .. i, TRUE, true) end
      assert.equal(TRUE, node[1]:proved_now())
    end
  end)

  it("floods a bounded table", function()
    local t = new {}
    for i = 1, 5000 do t:witness("w" .. i, BUILD + i * HOUR, true) end
    assert.truthy(t.count <= 64)
    local n = 0
    for _ in pairs(t.witnesses) do n = n + 1 end
    assert.equal(t.count, n)
    local u, world = new {}
    for i = 1, 10 do u:witness("w" .. i, TRUE + i * HOUR, true) end
    world.pass(41 * MINUTE)
    assert.equal(0, u.count)
  end)
end)

describe("stamps", function()
  it("grow, and never lie far ahead", function()
    local t, world = new { synced = true }
    assert.equal(TRUE, t:stamp(nil))
    assert.equal(TRUE, t:stamp(TRUE - 1))
    assert.equal(TRUE + 1, t:stamp(TRUE))
    assert.equal(TRUE + 5 * MINUTE, t:stamp(TRUE + 5 * MINUTE - 1))
    assert.equal(TRUE, t:stamp(TRUE + 5 * MINUTE)) -- once in the future: again from now
    assert.equal(TRUE, t:stamp(FAR))
    world.pass(10)
    assert.equal(TRUE + 10, t:stamp(TRUE + 1))
  end)

  it("go on from the last one where nothing is known of the time, however far ahead that is", function()
    local t, world = new {}
    assert.equal(FAR + 1, t:stamp(FAR))
    t.claims = function() return { { at = world.truth } } end
    t:refresh()
    assert.equal(TRUE, t:stamp(FAR))
    assert.equal(TRUE + MINUTE + 1, t:stamp(TRUE + MINUTE))
  end)
end)

describe("a witness who is none any more", function()
  it("proves nothing from then on, and hinders nobody", function()
    local t = new {}
    for _, id in ipairs { "a", "b" } do t:witness(id, TRUE, true) end
    t:forget "a"
    t:forget "nobody"
    t:witness("c", TRUE, true)
    assert.equal("none", t.quality)
    t:witness("d", TRUE, true)
    assert.same({ "proved", "quorum" }, { t.quality, t.source })
  end)
end)
