-- adopted_time_spec.lua - what peers' clocks make of a time: the median, forward and back, when a change counts.
local adopted_time = require "adopted_time"

local SECOND, MINUTE, HOUR, DAY = 1000, 60000, 3600000, 86400000
local BUILD = 1790000000000
local TRUE = BUILD + 60 * DAY

-- An adopted time, its monotonic clock, and look(…): what it makes of clocks that are that far (ms) from the truth.
local function new()
  local loop = { time = 5000, now = function(self) return self.time end }
  local one = adopted_time.new { loop = loop, build = BUILD }
  local function truth() return TRUE + loop.time - 5000 end
  local function look(...)
    local claims = {}
    for i, offset in ipairs { ... } do claims[i] = { at = truth() + offset } end
    return one:check(claims)
  end
  local function off() return one:now() - truth() end
  return one, loop, look, off
end

describe("an adopted time", function()
  it("is nobody's before a clock was stated, and then that clock's at once", function()
    local one, loop, look, off = new()
    assert.is_nil(one:now())
    assert.is_nil(look())
    assert.equal("first", look(-5 * SECOND))
    assert.equal(-5 * SECOND, off())
    loop.time = loop.time + HOUR
    assert.equal(-5 * SECOND, off(), "it runs on")
    assert.is_nil(look())
    assert.equal(-5 * SECOND, off(), "also when nobody states it any more")
  end)

  it("is the lower median", function()
    for claims, wanted in pairs {
      [{ 0 }] = 0, [{ 0, HOUR }] = 0, [{ 0, -HOUR }] = -HOUR, [{ HOUR, 0, DAY }] = HOUR, [{ 1, 2, 3, 4 }] = 2,
      [{ -DAY, 300 * DAY, 0, 1, 2 }] = 1,
    } do
      local _, _, look, off = new()
      look(table.unpack(claims))
      assert.equal(wanted, off())
    end
  end)

  it("is that of the clocks that say it, not of those that are outvoted or count for nothing", function()
    local one, loop, look = new()
    local at = { TRUE, TRUE + HOUR, TRUE + 73 * 365 * DAY, TRUE + 5 * MINUTE, TRUE - HOUR, TRUE - 2 * DAY }
    local claims = {}
    for i, ms in ipairs(at) do claims[i] = { id = i, at = ms } end
    assert.same({}, one:agreeing(claims), "nothing is adopted")
    look(0, HOUR, 73 * 365 * DAY, 5 * MINUTE, -HOUR)
    assert.same({ claims[1], claims[4] }, one:agreeing(claims))
    loop.time = loop.time + HOUR
    assert.same({ claims[2] }, one:agreeing(claims))
  end)

  it("does not count clocks from before the build, less a day, and from more than ten years after it", function()
    local one, _, look, off = new()
    local build = BUILD - TRUE
    for _, wrong in ipairs { -50 * 365 * DAY, build - DAY - 1, build + 3653 * DAY + 1, 73 * 365 * DAY } do
      assert.is_nil(look(wrong))
      assert.is_nil(one:now())
    end
    assert.equal("first", look(73 * 365 * DAY, 0, -50 * 365 * DAY))
    assert.equal(0, off())
    assert.equal("first", select(3, new())(build - DAY))
    assert.equal("first", select(3, new())(build + 3653 * DAY))
  end)

  it("leaves a change under a minute alone, and follows one up to ten minutes at once, forward or back", function()
    for _, sign in ipairs { 1, -1 } do
      local _, _, look, off = new()
      look(0)
      assert.is_nil(look(sign * (MINUTE - 1)))
      assert.equal(0, off())
      assert.equal("change", look(sign * MINUTE))
      assert.equal(sign * MINUTE, off())
      assert.equal("change", look(sign * 11 * MINUTE))
      assert.equal(sign * 11 * MINUTE, off())
    end
  end)

  it("leaps, forward or back, when another time stood for a minute", function()
    for _, sign in ipairs { 1, -1 } do
      local _, loop, look, off = new()
      look(0)
      for _ = 1, 6 do
        assert.is_nil(look(sign * HOUR))
        assert.equal(0, off())
        loop.time = loop.time + 10 * SECOND
      end
      assert.equal("leap", look(sign * HOUR))
      assert.equal(sign * HOUR, off())
    end
  end)

  it("does not leap after who is gone again, or says another time each time", function()
    local _, loop, look, off = new()
    look(0)
    for i = 1, 60 do
      look(i % 5 == 0 and 0 or HOUR)
      loop.time = loop.time + 10 * SECOND
    end
    assert.equal(0, off())
    for i = 1, 60 do
      look(i * HOUR)
      loop.time = loop.time + 10 * SECOND
    end
    assert.equal(0, off())
  end)

  it("leaps once in ten minutes at most", function()
    local _, loop, look = new()
    look(0)
    local leaps = 0
    for i = 1, 6 * 60 do -- an hour of two clocks that are heard in turn
      if look(i // 12 % 2 * HOUR) == "leap" then leaps = leaps + 1 end
      loop.time = loop.time + 10 * SECOND
    end
    assert.is_true(leaps >= 3 and leaps <= 6, leaps .. " leaps")
  end)

  it("of two honest clocks and a liar is an honest one's, whoever is heard first", function()
    for _, lie in ipairs { 300 * DAY, -20 * DAY } do
      local _, loop, look, off = new()
      look(lie)
      for _ = 1, 14 do
        look(lie, 0, -8 * SECOND)
        loop.time = loop.time + 5 * SECOND
      end
      assert.is_true(math.abs(off()) <= 8 * SECOND)
    end
  end)
end)
