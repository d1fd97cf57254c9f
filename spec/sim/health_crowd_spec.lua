-- health_crowd_spec.lua - how many words of health a LAN of many robots carries, whose values all move all the time.
-- Whole nodes under a virtual clock. In `make soak` so many that a word of each a minute were more.
local policies = require "spec.policy.policies"
local sim = require "sim"

local SECOND <const>, MINUTE <const> = 1000, 60 * 1000
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local ROBOTS <const> = math.tointeger(tonumber(os.getenv "DT_SWARM_ROBOTS" or SOAK and 150 or 30))
local MINUTES <const> = SOAK and 9 or 4 -- longer than a period
local MOST <const> = 2 -- words a second
local HEAT <const> = "/sys/class/thermal/thermal_zone0/"

-- How often a line of health was said on the medium of W, whom all hear, from here on → { n = receptions }
local function count_lines(w)
  local lines, trace = { n = 0 }, w.world.trace
  function w.world.trace(form, from, to, text, ...)
    for _ in (text or ""):gmatch "/health " do lines.n = lines.n + 1 end
    return trace(form, from, to, text, ...)
  end
  return lines
end

describe("a LAN of many robots", function()
  it("carries two words of health a second at most, as lines on the wire, too", function()
    local robot = assert(policies.load 'return extend "duckiebot"')
    local w = sim.new { seed = 150, policy = robot }
    local words = 0
    local first
    for i = 1, ROBOTS do
      local looks = i
      local node = w:add(("r%04d"):format(i), { sensor = function()
        looks = looks + 1
        local heat = looks % 2 == 0 and "50000\n" or "60000\n"
        return sim.found { [HEAT .. "type"] = "cpu-thermal\n", [HEAT .. "temp"] = heat }
      end })
      first = first or node
      w:run(2 * MINUTE // ROBOTS) -- they are not switched on in the same moment
    end
    w:run(2 * MINUTE)
    first.diagnostics.others:on_word(function() words = words + 1 end)
    local lines, seconds = count_lines(w), MINUTES * MINUTE // SECOND
    w:run(MINUTES * MINUTE)
    local rate, wire = words / seconds, lines.n / (ROBOTS - 1) / seconds
    print(("  %d robots: %.2f words of health a second, as one of them hears; %.2f lines"):format(ROBOTS, rate, wire))
    assert.is_true(rate <= MOST and wire <= MOST, rate)
    assert.is_true(wire <= rate * 1.2, "words are said several times, though nothing is wrong")
    assert.is_true(words >= ROBOTS * MINUTES / math.max(1, ROBOTS / 120) * 0.7, "they are silent")
  end)
end)
