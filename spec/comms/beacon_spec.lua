-- beacon_spec.lua - when a beacon is due after a change, by a loop that shows its timers. What is said: messages_spec.
local beacon = require "comms.beacon"
local key = require "core.key"
local simloop = require "sim.loop"

describe("a beacon after a change", function()
  it("comes at a moment of chance, also where somebody was greeted in a long interval before", function()
    local owner, loop = key.generate(("b"):rep(32)), simloop.new()
    local one = beacon.new { loop = loop, interval = { 2000, 60000 }, key = owner, swarm = "s", name = "x", peers = {},
      random = { integer = function(_, n) return n // 2 end }, time = { tick = function() return 0 end },
      dcache = { kept_classes = function() return {} end }, say = function() end,
      facts = function() return { id = owner:id(), boot = 1, tcp = 0, http = 0 } end }
    one:start()
    loop:run_until(400 * 1000)
    assert.equal(60000, one.current)
    one:greet "newcomer"
    loop:run_until(loop:now() + 50)
    one:met "newcomer"
    one:reset()
    local wait = one.due - loop:now()
    assert.is_true(wait >= 1000 and wait <= 2000, wait .. " ms")
    one:stop()
  end)
end)
