-- class_compared_spec.lua - when a robot takes what it knows of updates for what there is to know: after one neighbour
-- held the same, or ten minutes in which nobody held anything else.
local class_compared = require "clients.updates.class_compared"
local simloop = require "sim.loop"

local SECOND <const>, MINUTE <const> = 1000, 60 * 1000

describe("records of updates", function()
  local loop, sure, peers, one

  -- A neighbour whose beacon shows VERDICT; MORE: what is so of him besides.
  local function neighbour(verdict, more)
    local peer = { id = "12D3KooWbea", name = "bea", t = 1, verdicts = { updates = verdict }, living = true,
      stands = true, proved = true }
    for name, value in pairs(more or {}) do peer[name] = value end
    peers[#peers + 1] = peer
    return peer
  end

  before_each(function()
    loop, sure, peers = simloop.new(), true, {}
    one = class_compared.new { loop = loop,
      dcache = { class_of = function() return { class = { name = "updates" } } end, sure = function() return sure end },
      peers = { list = peers, stands = function(_, id) return peers[1].id == id and peers[1].stands end,
        living = function(_, peer) return peer.living end, best = function(_, peer) return peer.proved or nil end },
      beacon = { judge = function() end } }
    one:start()
  end)

  local function run(ms) loop:run_until(loop.time + ms) end

  it("are compared with one neighbour who holds the same", function()
    run(SECOND)
    assert.is_nil((one:state()))
    neighbour "equal"
    run(SECOND)
    assert.is_true(one:state())
    peers[1].verdicts.updates = "unequal"
    run(MINUTE)
    assert.is_true(one:state()) -- what comes later is no doubt
  end)

  it("are not by who holds others, is a stranger, is gone, proved no address or does not tell", function()
    for _, more in ipairs { { stands = false }, { living = false }, { proved = false }, { t = false } } do
      neighbour("equal", more)
      run(9 * SECOND)
      assert.is_nil((one:state()))
      peers[1] = nil
    end
    neighbour "unequal"
    run(30 * MINUTE)
    local _, why = one:state()
    assert.truthy(why:find("holds other records of updates", 1, true), why)
    peers[1].verdicts.updates = "equal"
    run(SECOND)
    assert.is_true(one:state())
  end)

  it("count after ten minutes without anybody who holds others", function()
    neighbour "unequal"
    run(5 * MINUTE)
    peers[1] = nil
    run(10 * MINUTE - SECOND)
    local _, why = one:state()
    assert.truthy(why:find("not compared with anybody yet; at the latest in 1 s", 1, true), why)
    run(2 * SECOND)
    assert.is_true(one:state())
  end)

  it("never count while some may be lost on this disk", function()
    sure = false
    neighbour "equal"
    run(30 * MINUTE)
    local _, why = one:state()
    assert.truthy(why:find("may be lost here", 1, true), why)
    sure = true
    run(SECOND)
    assert.is_true(one:state())
  end)
end)
