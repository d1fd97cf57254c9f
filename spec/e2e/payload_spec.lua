-- payload_spec.lua - what a release brings to one robot, when it cannot: nobody has it, there is no room for it, the
-- robot's power fails in the middle. Whole daemons on a wire; how it spreads among many is in spread_spec.lua.
-- mostly waits: for files on their way
local cid = require "core.cid"
local hash = require "core.hash"
local patience = require "spec.patience"
local spread = require "spec.e2e.spread"
local swarm = require "spec.e2e.swarm"

local MB <const> = 1000000

describe("what a release brings to a robot", function()
  local w, why

  local function within(bar, what, test)
    local took = swarm.within(bar, test)
    assert.is_truthy(took, what .. "\n" .. w:told())
    patience.took(what, took, bar)
  end

  setup(function()
    w, why = spread.new { robots = 1, rate = 16 * MB }
    if w then within(20, "they hear each other", function() return w:is_met() end) end
  end)

  teardown(function() if w then w:close() end end)

  -- What the robot says of its gate NAME in the run of RELEASE | nil: it is open, or nothing is known
  local function seen(release, name)
    for _, row in ipairs((w.swarm:ask("r1", "update explain " .. release) or {}).rows or {}) do
      if row.code == name then return row.seen end
    end
  end

  it("is waited for, and said, where nobody has it", function()
    if not w then return pending(why) end
    w:roll_out("demos/1", cid.make("raw", hash.sha256 "nobody's"), 1000)
    within(20, "it is said", function() return seen("demos/1", "payload") end)
    within(5, "why", function()
      return seen("demos/1", "payload") == "0 B of 1.0 kB; nobody who has it is here now"
    end)
  end)

  it("is not begun where there is no room for it and for what it is unpacked to", function()
    if not w then return pending(why) end
    local before = w:crossed()
    local key, size = w:take(2 * MB)
    w:roll_out("demos/2", key, size, { unpacked = 1 << 46 })
    within(20, "it is said", function() return seen("demos/2", "space") end)
    assert.is_truthy(seen("demos/2", "space"):find("73.9 TB needed", 1, true), seen("demos/2", "space"))
    within(5, "why", function()
      return (seen("demos/2", "payload") or ""):find("0 B of 2.0 MB; [%d.]+ %a?B free, 73.9 TB needed")
    end)
    assert.is_true(w:crossed() - before < MB)
    assert.equal(0, w:have())
  end)

  it("goes on where it was when the robot's power fails in the middle", function()
    if not w then return pending(why) end
    w:rate(MB // 3) -- 9 s are left of it when it is looked at
    local before = w:crossed()
    w:roll_out("demos/3", w:take(6 * MB))
    within(20, "half of it crossed", function() return w:crossed() - before >= 3 * MB end)
    assert.equal(0, w:have())
    w:restart "r1"
    w:rate(16 * MB)
    within(30, "it is there", function() return w:have() == 1 end)
    local times = (w:crossed() - before) / w.size
    print(("# %.2f times its size crossed the uplink"):format(times))
    assert.is_true(times < 1.5) -- up to 4 MiB were on their way in blocks
  end)
end)
