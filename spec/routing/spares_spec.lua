-- spares_spec.lua - when a channel speaks that others can do without.
local sim_loop = require "sim.loop"
local spares = require "routing.spares"

local MINUTE <const> = 60 * 1000

describe("a spare channel", function()
  local loop, told, only_by, alone, one, list
  before_each(function()
    loop, told, only_by, alone = sim_loop.new(), {}, 0, false
    one = { name = "udp 3", spare = true, alone = function() return alone end }
    list = spares.new { loop = loop, only_by = function(channel) return channel == one and only_by or 1 end,
      set_quiet = function(name, quiet) told[#told + 1] = ("%s %s %d"):format(name, quiet, loop:now() // 1000) end }
    list:add(one)
  end)

  it("speaks for a minute, then only while it is needed, and a minute longer", function()
    loop:run_until(10 * MINUTE)
    assert.same({ "udp 3 true 60" }, told)
    only_by = 1
    loop:run_until(11 * MINUTE)
    assert.same("udp 3 false 605", told[2])
    loop:run_until(60 * MINUTE)
    assert.equal(2, #told)
    only_by = 0
    loop:run_until(120 * MINUTE)
    assert.same({ "udp 3 true 3660" }, { table.unpack(told, 3) })
  end)

  it("speaks where there is nothing else, and where it has found a new network", function()
    alone = true
    loop:run_until(10 * MINUTE)
    assert.same({}, told)
    alone = false
    loop:run_until(20 * MINUTE)
    list:appeared(one)
    assert.same({ "udp 3 true 660", "udp 3 false 1200" }, told)
    loop:run_until(30 * MINUTE)
    assert.same({ "udp 3 true 1260" }, { table.unpack(told, 3) })
  end)

  it("is looked at while it is open, and others never", function()
    list:add { name = "udp 1" }
    loop:run_until(10 * MINUTE)
    assert.equal(1, #told)
    list:remove(one)
    only_by = 1
    loop:run_until(20 * MINUTE)
    assert.equal(1, #told)
  end)
end)
