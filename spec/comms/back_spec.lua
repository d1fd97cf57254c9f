-- back_spec.lua - who hears that a peer can be reached again, when and where, under a virtual clock. Fetches nothing.
local peers = require "comms.peers"
local policy = require "policy"
local sim = require "sim"

local MINUTE <const> = 60 * 1000
local PAUSE <const> = 5000

-- Two nodes; → world, what ada was told: { { "back" | "new", ms } … }
local function two(seed)
  local w = sim.new { seed = seed, policy = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" })) }
  local ada, told = w:add "ada", {}
  ada.comms:on_back(function(peer)
    assert.is_true(#ada.comms.peers:hosts(peer) > 0)
    told[#told + 1] = { "back", w.loop:now() }
  end)
  ada.comms:on_newcomer(function() told[#told + 1] = { "new", w.loop:now() } end)
  w:add "donald"
  return w, told
end

local function count(told, what)
  local n = 0
  for _, each in ipairs(told) do if each[1] == what then n = n + 1 end end
  return n
end

local function away(w, ms)
  w.cut["10.0.0.2"] = true
  w:run(ms)
  w.cut["10.0.0.2"] = nil
end

describe("a peer's addresses", function()
  local loop, known, peer

  before_each(function()
    loop = { time = 0, now = function(self) return self.time end }
    known = peers.new { loop = loop }
    peer = known:get "donald"
  end)

  local function heard(host, port)
    local flow = known:beat(peer, { id = host .. port, host = host, channel = {} })
    known:prove(flow, peer)
    return flow
  end

  local function hosts()
    local list = {}
    for i, each in ipairs(known:hosts(peer)) do list[i] = each.host end
    return list
  end

  it("are those that he speaks from, the last first; what he left ends, where another is proved", function()
    heard("10.0.0.1", 1).rtt_us = 100
    heard("10.0.0.2", 1).rtt_us = 200
    known:flow(peer, peer.flows[2].source) -- a copy of the same beacon
    assert.same({ "10.0.0.1", "10.0.0.2" }, hosts())
    heard("10.0.0.2", 1)
    assert.same({ "10.0.0.2", "10.0.0.1" }, hosts(), "a beacon or two may be lost")
    assert.equal("10.0.0.2", known:best(peer).source.host)
    heard("10.0.0.2", 1)
    heard("10.0.0.2", 1)
    assert.same({ "10.0.0.2" }, hosts())
    assert.is_false(known:source_proved { id = "10.0.0.11" })
    heard("10.0.0.1", 2).rtt_us = 150 -- by another port of the same host
    assert.same({ "10.0.0.1", "10.0.0.2" }, hosts())
    known:flow(peer, peer.flows[2].source)
    assert.same({ "10.0.0.1", "10.0.0.2" }, hosts())
  end)

  it("stay while nothing else is proved, however long he is heard elsewhere only", function()
    heard("10.0.0.1", 1)
    for _ = 1, 20 do known:beat(peer, { id = "other", host = "10.0.0.9", channel = {} }) end
    assert.same({ "10.0.0.1" }, hosts())
    assert.equal("10.0.0.1", known:best(peer).source.host)
    assert.is_false(known:located(peer))
    known:prove(peer.flows[1], peer)
    assert.is_true(known:located(peer))
    assert.equal("10.0.0.9", known:best(peer).source.host)
    known:beat(peer, peer.flows[1].source)
    assert.same({ "10.0.0.9" }, hosts())
  end)

  it("that copies of each beacon come over all stay, whichever came first", function()
    heard("10.0.0.1", 1)
    heard("10.0.0.2", 1)
    for i = 1, 20 do
      local first, second = peer.flows[1 + i % 2].source, peer.flows[2 - i % 2].source
      known:beat(peer, first)
      known:flow(peer, second)
    end
    assert.same({ "10.0.0.1", "10.0.0.2" }, hosts())
  end)

  it("stay in their order while he is silent at all of them", function()
    heard("10.0.0.1", 1).rtt_us = 100
    heard("10.0.0.2", 1).rtt_us = 200
    known:flow(peer, peer.flows[2].source)
    loop.time = 50 * MINUTE
    assert.same({ "10.0.0.1", "10.0.0.2" }, hosts())
  end)
end)

describe("a peer that is heard", function()
  it("is told of once its address is proved, and then once a pause at most", function()
    for seed = 1, 5 do
      local w, told = two(seed)
      w:run(2000)
      assert.equal(1, count(told, "back"))
      for _ = 1, 100 do
        w.nodes[2].comms.beacon:appear() -- speaks every one or two seconds
        w:run(1000)
      end
      assert.equal(1, count(told, "back"))
      for _ = 1, 20 do
        away(w, PAUSE)
        w.nodes[2].comms.beacon:appear()
        w:run(1000)
      end
      for i = 3, #told do assert.is_true(told[i][2] - told[i - 1][2] >= PAUSE) end -- the first is "new"
      assert.is_true(count(told, "back") > 10)
      assert.equal(1, count(told, "new"))
    end
  end)

  it("is told of soon after a cut of any length, and welcomed anew after a long one", function()
    for _, minutes in ipairs { 1, 2, 5, 90, 600 } do
      local w, told = two(minutes)
      w:run(5 * MINUTE)
      w.nodes[2].comms.beacon:appear() -- else he may have been silent for a minute when the cut begins
      w:run(3000)
      away(w, minutes * MINUTE)
      local before, new = #told, count(told, "new")
      w:run(62 * 1000)
      assert.is_true(#told > before, minutes .. " minutes")
      assert.equal(minutes > 3 and 1 or 0, count(told, "new") - new)
    end
  end)

  it("is known with its type a few seconds after a cut in which its presence lapsed", function()
    for seed = 1, 5 do
      local w, told = two(seed)
      w:run(MINUTE)
      away(w, 60 * MINUTE)
      local before = #told
      repeat w:run(1000) until #told > before
      w:run(6000)
      assert.equal("laptop", w.nodes[1].discovery:nodes()[2].type)
      assert.equal("ready", w.nodes[1].discovery:nodes()[2].status)
    end
  end)
end)
