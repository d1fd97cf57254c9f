-- spread_spec.lua - a release reaches eight robots of one LAN by one copy over the uplink, also where its source dies
-- in mid-transfer. Whole daemons on a wire; the control keeps the robots apart.
-- mostly waits: for files on their way
local patience = require "spec.patience"
local spread = require "spec.e2e.spread"
local swarm = require "spec.e2e.swarm"

local MB <const> = 1000000
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local SIZE <const> = (SOAK and 20 or 5) * MB
local TALK <const> = 4000 -- bytes/s that the desk says to eight robots meanwhile; a busy machine takes longer

describe("a release for eight robots of one LAN", function()
  local w

  after_each(function()
    if w then w:close() end
    w = nil
  end)

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. w:told())
    patience.took(what, took, bar)
  end

  -- Daemons that have met, as spread.lua's new has GIVEN. → true | false: there can be none here
  local function start(given)
    local why
    w, why = spread.new(given)
    if not w then
      pending(why)
      return false
    end
    within(20, "all hear each other", function() return w:is_met() end)
    return true
  end

  -- How often a file of SIZE bytes crosses the uplink until all have it. HALF() is called when half of it did, and has
  -- all meet the desk once more; what that costs is none of the file's bytes.
  local function crosses(size, half)
    local before, began = w:crossed(), patience.now()
    local again = half and before or 0
    w:roll_out("demos/42", w:take(size))
    if half then
      within(20, "half of it crossed", function() return w:crossed() - before >= size // 2 end)
      assert.equal(0, w:have())
      half()
    end
    within(30 + 4 * size // MB, "all have it", function() return w:have() == #w.robots end)
    local crossed = w:crossed() - before - math.floor(TALK * (patience.now() - began))
    print(("# %.2f times its size crossed the uplink, %.2f of it for meeting again"):format(crossed / w.size,
      again / w.size))
    return (crossed - again) / w.size
  end

  it("crosses the uplink once, though its source is killed in the middle, and comes back", function()
    if not start { rate = SIZE // 8 } then return end -- 4 s are left when half of it crossed
    local times = crosses(SIZE, function() w:restart "desk" end)
    assert.is_true(times <= 1.1, times .. "\n" .. w:told())
  end)

  it("crosses it for each of them where the wire keeps them apart: the control", function()
    if not start { rate = 16 * MB, apart = true } then return end
    assert.is_true(crosses(SOAK and SIZE or MB) >= 4)
  end)

  it("crosses it once where nothing happens", function()
    if not SOAK then return end -- the first one is the harder
    if not start { rate = 2 * MB } then return end
    assert.is_true(crosses(SIZE) <= 1.3)
  end)
end)
