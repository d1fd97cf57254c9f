-- beacon_spec.lua - when a beacon is due after a change, and for a newcomer, by a loop that shows its timers. What is
-- said: messages_spec.
local beacon = require "comms.beacon"
local key = require "core.key"
local simloop = require "sim.loop"

local SECOND <const> = 1000

-- A node's beacons, where N peers are heard on the medium; chance gives SHARE of what it may. Field `said` counts them.
local function one_among(n, share)
  local owner, loop, said = key.generate(("b"):rep(32)), simloop.new(), 0
  local peers = { list = {}, silent_ms = 180 * SECOND }
  local one = beacon.new { loop = loop, interval = { 2 * SECOND, 60 * SECOND }, key = owner, swarm = "s", name = "x",
    random = { integer = function(_, most) return math.floor(most * share) end }, peers = peers,
    time = { tick = function() return 0 end }, dcache = { kept_classes = function() return {} end },
    facts = function() return { id = owner:id(), boot = 1, tcp = 0, http = 0 } end }
  function one.say() said = said + 1 end
  function one.count() return said end
  one:start()
  loop:run_until(400 * SECOND)
  for i = 1, n do peers.list[i] = { broadcast_at = loop:now() } end
  return one, loop
end

describe("a beacon after a change", function()
  it("comes at a moment of chance, also where somebody was greeted in a long interval before", function()
    local one, loop = one_among(0, 0.5)
    assert.equal(60 * SECOND, one.current)
    one:greet "newcomer"
    loop:run_until(loop:now() + 50)
    one:met "newcomer"
    one:reset()
    local wait = one.due - loop:now()
    assert.is_true(wait >= SECOND and wait <= 2 * SECOND, wait .. " ms")
    one:stop()
  end)
end)

describe("a beacon for a newcomer", function()
  it("comes within half a second where few are, and twice more", function()
    local one, loop = one_among(20, 0.99)
    local before = one.count()
    one:greet "newcomer"
    loop:run_until(loop:now() + SECOND // 2)
    assert.equal(before + 1, one.count())
    loop:run_until(loop:now() + 15 * SECOND)
    assert.equal(before + 3, one.count())
    one:stop()
  end)

  it("waits by chance where many heard him, a tenth of a second for each, whatever else changes", function()
    local one, loop = one_among(200, 0.9)
    local before = one.count()
    one:greet "newcomer"
    for _ = 1, 17 do
      loop:run_until(loop:now() + SECOND)
      one.all = 8 -- others spoke
      one:reset()
    end
    assert.equal(before, one.count())
    loop:run_until(loop:now() + 2 * SECOND)
    assert.equal(before + 1, one.count())
    for _ = 1, 45 do
      loop:run_until(loop:now() + SECOND)
      one.all = 8
    end
    assert.equal(before + 3, one.count())
    one:stop()
  end)

  it("is for all who came meanwhile", function()
    local one, loop = one_among(200, 0.9)
    local before = one.count()
    for i = 1, 15 do
      one:greet("newcomer " .. i)
      loop:run_until(loop:now() + SECOND)
    end
    loop:run_until(loop:now() + 4 * SECOND)
    assert.equal(before + 1, one.count())
    one:met "newcomer 3"
    one:stop()
  end)
end)
