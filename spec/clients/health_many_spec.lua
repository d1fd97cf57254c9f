-- health_many_spec.lua - words of health of a thousand robots on one LAN, all of whose values move all the time: their
-- words alone, under a virtual clock. spec/sim/health_crowd_spec.lua has whole nodes, but fewer.
local health_word = require "clients.diagnostics.health_word"
local json = require "core.json"
local loops = require "sim.loop"
local others = require "clients.diagnostics.others"
local random = require "core.random"

local SECOND <const>, MINUTE <const> = 1000, 60 * 1000
local ROBOTS <const>, MINUTES <const> = 1000, 18
local MOST <const> = 2 -- words a second
local LIFE <const> = 1200 -- s

-- A LAN of ROBOTS, which all hear all. Field `said`: words so far, `lines`: how often these were said.
local function lan()
  local w = { loop = loops.new(), robots = {}, said = 0, lines = 0, heat = 50 }
  w.heard = others.new { loop = w.loop, id = "who listens", listed = function() return true end }
  return w
end

local function statement_of(w, id, data)
  local at = w.loop:wall()
  return { signer = id, key = id, verb = "propose", at = at, valid_until = at // SECOND + LIFE,
    data = json.encode(data) }
end

local function propose(w, id)
  return function(_, _, data, options)
    w.said, w.lines = w.said + 1, w.lines + (options and options.times or 3)
    w.heard:hear(statement_of(w, id, data))
    return true
  end
end

-- Robot I: its heat is another one at each look, and one that is ILL has a check that fails.
local function robot(w, i)
  local function value(_, name)
    return { value = name == "cpu_temperature_celsius" and w.heat + i % 2 * 10 or nil, quality = "measured" }
  end
  local one = { ill = false }
  one.word = health_word.new { loop = w.loop, id = tostring(i), random = random.seeded(i), log = {},
    comms = { propose = propose(w, tostring(i)) }, values = { get = value },
    checks = { rows = function() return { { id = "hot", level = one.ill and "error" or "ok" } } end },
    spoken = function() return w.heard:spoken() - 1 end, here = function() return {} end,
    policy = function() return { ask = function() return true end } end }
  w.robots[i] = one
end

-- All look at themselves once a minute, each at a moment of its own.
local function minute(w)
  w.heat = w.heat == 50 and 60 or 50
  for i, one in ipairs(w.robots) do
    w.loop:after(i * MINUTE // ROBOTS, function() one.word:look() end)
  end
  w.loop:run_until(w.loop.time + MINUTE)
end

describe("a thousand robots on a LAN", function()
  local w = lan()
  for i = 1, ROBOTS do robot(w, i) end
  for _ = 1, 10 do minute(w) end -- all are heard, and the first period is over

  it("say two words of health a second in all, each once, though newcomers come all the time", function()
    local said, lines = w.said, w.lines
    for _ = 1, MINUTES do
      for _, one in ipairs(w.robots) do one.word:newcomer() end
      minute(w)
    end
    local seconds = MINUTES * MINUTE // SECOND
    local rate, wire = (w.said - said) / seconds, (w.lines - lines) / seconds
    print(("  %d robots: %.2f words of health a second, %.2f lines on the wire"):format(ROBOTS, rate, wire))
    assert.is_true(rate <= MOST and wire <= MOST, "a LAN carries too many words")
    assert.is_true(rate >= MOST * 0.7, "they are silent")
    assert.equal(ROBOTS, w.heard:spoken())
  end)

  it("say at once, and three times, that a check fails", function()
    local said, lines = w.said, w.lines
    for i = 1, 10 do w.robots[i].ill = true end
    local before = w.loop.time
    for i = 1, 10 do w.robots[i].word:look() end
    w.loop:run_until(before + 5 * SECOND)
    assert.is_true(w.said - said >= 10, "not at once")
    assert.is_true(w.lines - lines >= 30, "not often enough")
    for i = 1, 10 do assert.equal("error", w.heard:of(tostring(i)).level) end
  end)
end)
