-- ways_spec.lua - by which ways a node can be reached: learned, chosen, failed and good again. No sockets.
local addresses = require "comms.addresses"
local hash = require "core.hash"
local key = require "core.key"
local peers = require "comms.peers"
local random = require "core.random"
local simloop = require "sim.loop"
local ways = require "routing.ways"

local function id_of(name) return key.generate(hash.blake2b(name)):id() end

local OWN <const>, BOB <const>, RAY <const>, SUE <const> = id_of "own", id_of "bob", id_of "ray", id_of "sue"

local LAN <const> = { kind = "udp", traits = { medium = true, near = true, frame_max = 1200 } }

-- A node that knows nobody. `asked` has the pings, { peer, flow }; `answer` what the policy prefers: nil, the first.
local function world(records)
  local w = { loop = simloop.new(), asked = {} }
  w.peers = peers.new { loop = w.loop }
  local function is_near(source) return (source.host or ""):find "^192%.168%.7%." ~= nil end
  w.addresses = addresses.new { loop = w.loop, peers = w.peers, id = OWN, is_near = is_near,
    record = function(id) return (records or {})[id] end }
  w.ways = ways.new { loop = w.loop, random = random.seeded(1), id = OWN, peers = w.peers, addresses = w.addresses,
    is_near = is_near,
    check = function(peer, flow) w.asked[#w.asked + 1] = { peer = peer, flow = flow } end,
    prefer = function(to, list)
      w.to, w.list = to, list
      return w.answer and w.answer(list), "so be it"
    end }
  return w
end

local function channel(fields)
  local one = { name = fields.kind, kind = fields.kind, traits = fields.traits or {}, rate = fields.rate,
    entry = fields.entry }
  one.traits.frame_max = one.traits.frame_max or 1200
  return one
end

-- ID was heard over ONE, a channel, from HOST, and proved it. → the flow's source
local function meet(w, id, one, host)
  local source = { id = ("%s %s"):format(one.kind, host), channel = one, host = host:find "%d%.%d" and host or nil,
    address = ("/%s/%s/dswarm-line"):format(one.kind, host), own = false }
  local peer = w.peers:get(id)
  w.peers:prove(w.peers:heard(peer, source), peer)
  return source
end

local function run(w, ms) w.loop:run_until(w.loop:now() + ms) end

local function keys(list)
  local found = {}
  for i, way in ipairs(list) do found[i] = (way.alive and "" or "- ") .. way.key end
  return found
end

local function chosen(w, id, avoid)
  local way, text, code = w.ways:choose("/dswarm/" .. id .. "/brain", id, avoid)
  return way and way.key, text, code
end

describe("the ways to a node", function()
  it("are its flows, the cheap first: near, far, pubsub, then a slow channel; a cost in the policy wins", function()
    local w = world()
    meet(w, BOB, channel { kind = "irc", rate = 150 }, "bob!b")
    meet(w, BOB, channel { kind = "ipfs-pubsub", traits = { medium = true } }, "Qm1")
    meet(w, BOB, channel { kind = "tcp", traits = { stream = true } }, "198.51.100.7")
    meet(w, BOB, channel(LAN), "192.168.7.5")
    assert.same({ "udp 192.168.7.5", "tcp 198.51.100.7", "ipfs-pubsub Qm1", "irc bob!b" }, keys(w.ways:of(BOB)))
    meet(w, BOB, channel { kind = "exec", entry = { cost = 0, expected = BOB } }, "radio")
    run(w, 300)
    local first = w.ways:of(BOB)[1]
    assert.same({ "exec radio", 0, 1, "policy" }, { first.key, first.cost, first.hops, first.origin })
    assert.is_true(first.alive)
  end)

  it("are, beside, addresses where he can be dialled, unless there is a connection to them", function()
    local w = world { [BOB] = { at = { "/ip4/198.51.100.9/tcp/3825/dswarm-line" } } }
    local way = w.ways:of(BOB)[1]
    assert.same({ "dial 198.51.100.9 3825", "record", false, true, "nothing proves that address yet" },
      { way.key, way.origin, way.proved, way.alive, way.why })
    assert.same({ "198.51.100.9", 3825 }, way.dial)
    meet(w, BOB, channel { kind = "tcp", traits = { stream = true } }, "198.51.100.9")
    run(w, 300)
    assert.same({ "tcp 198.51.100.9" }, keys(w.ways:of(BOB)))
  end)

  it("are none to who is shut out, nor by him, and say so", function()
    local w = world()
    meet(w, BOB, channel(LAN), "192.168.7.5")
    assert.is_true(w.ways:of(BOB)[1].alive)
    w.peers.shut_out = { [BOB] = true }
    run(w, 300)
    for _, way in ipairs(w.ways:of(BOB)) do
      assert.same({ false, "shut out by routing.block" }, { way.alive, way.why })
    end
    local _, text = w.ways:choose("/dswarm/" .. BOB .. "/ping", BOB)
    assert.is_truthy(text:find("shut out by routing.block", 1, true), text)
  end)

  it("say of each that leads nowhere why", function()
    local w = world()
    local one = channel(LAN)
    meet(w, BOB, one, "192.168.7.5")
    one.closed = true
    assert.equal("its channel has closed", w.ways:of(BOB)[1].why)
    local _, text, code = chosen(w, BOB)
    assert.equal("address", code)
    assert.matches("no way to ~....%s?lives %(/udp/192.168.7.5/dswarm%-line: its channel has closed%)", text)
    assert.matches("is known here$", select(2, chosen(w, SUE)))
    one.closed = nil
    run(w, peers.silent_ms + 1)
    assert.equal("nothing was heard of him for three minutes", w.ways:of(BOB)[1].why)
    assert.is_nil(chosen(w, BOB))
  end)
end)

describe("a relay", function()
  it("is who brings words of another, over his own proved flow", function()
    local w = world()
    local ray = meet(w, RAY, channel { kind = "tcp", traits = { stream = true } }, "198.51.100.1")
    w.ways:brought(BOB, ray)
    w.ways:brought(RAY, ray) -- his own words
    w.ways:brought(BOB, { id = "udp 198.51.100.66", channel = channel(LAN) }) -- nobody proved that
    local list = w.ways:of(BOB)
    assert.equal(1, #list)
    assert.same({ RAY, 2, 5, "relayed", ray, "/tcp/198.51.100.1/dswarm-line/dswarm/" .. RAY },
      { list[1].by, list[1].hops, list[1].cost, list[1].origin, list[1].source, list[1].address })
    assert.same({}, w.ways:of(RAY)[2] or {})
    run(w, 20 * 60 * 1000)
    assert.same({}, w.ways:of(BOB))
  end)

  it("comes before a slow channel of his own, and after any other", function()
    local w = world()
    w.ways:brought(BOB, meet(w, RAY, channel(LAN), "192.168.7.1"))
    meet(w, BOB, channel { kind = "irc", rate = 150 }, "bob!b")
    assert.equal(RAY, w.ways:of(BOB)[1].by)
    meet(w, BOB, channel { kind = "tcp", traits = { stream = true } }, "198.51.100.7")
    run(w, 300)
    assert.equal("tcp 198.51.100.7", w.ways:of(BOB)[1].key)
  end)

  it("is anybody on the medium of one who does not answer there, though he brought no word", function()
    local w = world()
    local lan = channel(LAN)
    local bob = meet(w, BOB, lan, "192.168.7.5")
    meet(w, RAY, lan, "192.168.7.1")
    assert.equal("udp 192.168.7.5", chosen(w, BOB))
    assert.matches(RAY, chosen(w, BOB, { [bob.id] = true }), 1, true)
    w.ways:failed(bob.id, "slow")
    assert.matches(RAY, chosen(w, BOB), 1, true)
  end)

  it("is left out where the line came from him", function()
    local w = world()
    w.ways:brought(BOB, meet(w, RAY, channel(LAN), "192.168.7.1"))
    assert.is_truthy(chosen(w, BOB))
    assert.is_nil(chosen(w, BOB, { [RAY] = true }))
    assert.is_nil(chosen(w, BOB, { ["udp 192.168.7.1"] = true }))
  end)

  it("is asked when a line by him got no answer; where he gives none, all ways by him rest", function()
    local w = world()
    local ray = meet(w, RAY, channel(LAN), "192.168.7.1")
    local sue = meet(w, SUE, channel { kind = "tcp", traits = { stream = true } }, "198.51.100.2")
    for _, id in ipairs { BOB, OWN .. "x" } do
      w.ways:brought(id, ray)
      w.ways:brought(id, sue)
    end
    local first = w.ways:choose("/x", BOB)
    assert.equal(RAY, first.by)
    run(w, 10)
    w.ways:failed(first.key)
    assert.equal(RAY, w.asked[1].peer.id)
    assert.equal(SUE, (w.ways:choose("/x", BOB)).by)
    assert.equal(RAY, (w.ways:choose("/x", OWN .. "x")).by)
    run(w, 2000)
    assert.equal(SUE, (w.ways:choose("/x", OWN .. "x")).by)
  end)
end)

describe("a way that failed", function()
  it("is not taken while another lives, though he is heard there; a ping in the background makes it good", function()
    local w = world()
    local lan = meet(w, BOB, channel(LAN), "192.168.7.5")
    local tcp = meet(w, BOB, channel { kind = "tcp", traits = { stream = true } }, "198.51.100.7")
    run(w, 10)
    assert.equal(lan.id, chosen(w, BOB))
    w.ways:failed(lan.id, "slow")
    for _ = 1, 20 do
      run(w, 500)
      w.peers:heard(w.peers:get(BOB), lan)
      assert.equal(tcp.id, chosen(w, BOB))
    end
    assert.is_true(#w.asked >= 2 and #w.asked <= 5, #w.asked)
    w.peers:prove(w.asked[1].flow, w.asked[1].peer)
    run(w, 300)
    assert.equal(lan.id, chosen(w, BOB))
  end)

  it("is taken again at once where there is no other, but not when it is to be left out", function()
    local w = world()
    local lan = meet(w, BOB, channel(LAN), "192.168.7.5")
    w.ways:failed(lan.id, "slow")
    assert.equal(lan.id, chosen(w, BOB))
    assert.is_nil(chosen(w, BOB, { [lan.id] = true }))
    local way = w.ways:of(BOB)[1]
    assert.same({ false, "1 in a row unanswered there, last: slow", 1 / 8 }, { way.alive, way.why, way.loss })
    w.ways:answered(lan.id, 4000)
    way = w.ways:of(BOB)[1]
    assert.same({ true, 0.004 }, { way.alive, way.rtt })
  end)
end)

describe("the hook routing.prefer", function()
  it("is asked where several live, about the facts that the table names, and answers for all", function()
    local w = world()
    meet(w, BOB, channel(LAN), "192.168.7.5")
    assert.equal("udp 192.168.7.5", chosen(w, BOB))
    assert.is_nil(w.list)
    meet(w, BOB, channel { kind = "irc", rate = 150 }, "bob!b")
    run(w, 300)
    w.answer = function(list) return list[2] end
    local way, why = w.ways:choose("/dswarm/x/brain", BOB)
    assert.same({ "irc bob!b", "so be it", "/dswarm/x/brain", 2 }, { way.key, why, w.to, #w.list })
    local known = require "policy.hooks".facts.way
    for name in pairs(w.list[1]) do assert.is_truthy(known[name], name) end -- any order
    w.answer = function() return nil end
    assert.equal("udp 192.168.7.5", chosen(w, BOB))
  end)
end)
