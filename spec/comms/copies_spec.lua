-- copies_spec.lua - beacons that anybody could have copied or forged: they prove nothing, aim and displace nobody.
local key = require "core.key"
local messages = require "comms.messages"
local frame = require "routing.channels.frame"
local sim = require "sim"
local stub = require "spec.net.stub"

local policy

local function world(seed)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  local w = sim.new { seed = seed, policy = policy }
  w:add "ada"
  w:add "donald"
  w:run(5000)
  return w, w.nodes[1], w.nodes[2]
end

-- TEXT as if it came to NODE from HOST; what the node sends back goes into said. ROOM: bytes that the medium has left.
local function hears(node, host, text, said, room)
  local medium = node.routing.list[1]
  local channel = setmetatable({ name = medium.name, budget = room and function() return room end,
    send = function(_, message) said[#said + 1] = frame.text(message) return true end }, { __index = medium })
  local source = stub.source(channel, host, { id = "udp " .. host .. ":9", port = 9, received = #text })
  return select(3, node.routing:frame(source, frame.read(text)))
end

local function beacon_of(owner, boot, count, name)
  local facts = { id = owner:id(), boot = boot, count = count, t = 1600, tcp = 0, http = 0, name = name, classes = {} }
  return "* - 8 beacon " .. messages.beacon(owner, "duckietown", facts)
end

-- Another signature in front of the same words: what somebody without the key can write.
local function forged(text)
  return (text:gsub("^(%* %- 8 beacon )" .. ("."):rep(86), "%1" .. ("A"):rep(85) .. "g"))
end

describe("a beacon that anybody could have sent", function()
  it("displaces no proved address of its peer, and does not keep it alive", function()
    local w, ada, donald = world(1)
    local peer, said = ada.comms.peers.by_id[donald.id], {}
    local last
    donald.comms.beacon.say = function(message) last = message.rest end
    w.cut[donald.host] = true
    donald.comms.beacon:appear()
    w:run(70000)
    assert.is_truthy(last)
    w.cut[donald.host] = nil
    assert.is_nil(hears(ada, "10.0.0.2", "* - 8 beacon " .. last, said))
    local heard = peer.heard
    w:run(1000)
    local host = ada.comms.peers:hosts(peer)[1].host
    for i = 1, 100 do
      assert.equal("duplicate", hears(ada, "10.9.0." .. i, "* - 8 beacon " .. last, said))
      assert.equal("replay", hears(ada, "10.9.1." .. i, forged("* - 8 beacon " .. last), said))
    end
    assert.equal(host, ada.comms.peers:hosts(peer)[1].host)
    assert.equal(heard, peer.heard)
    assert.is_true(#peer.flows <= 8)
  end)

  it("leaves room in the budget of questions for who is new", function()
    local w, ada, donald = world(2)
    local peer, said = ada.comms.peers.by_id[donald.id], {}
    local old = beacon_of(donald.key, peer.boot, 0, "donald")
    w:run(2000)
    for i = 1, 500 do assert.equal("replay", hears(ada, "10.9.0." .. i, old, said)) end
    assert.is_true(#said > 0 and #said <= 8, #said .. " questions to addresses that nobody proved")
    hears(ada, "10.0.0.7", beacon_of(key.generate(("n"):rep(32)), 1, 1, "new"), said)
    assert.truthy(said[#said]:find "^/dswarm/12D3KooW%w+/brain /dswarm/%w+/brain 8 ping ")
    for _, text in ipairs(said) do assert.is_true(#text < 3 * #old) end
  end)

  it("has nobody asked where the medium has hardly room, unlike one of who is new", function()
    local _, ada, donald = world(6)
    local peer, said, full = ada.comms.peers.by_id[donald.id], {}, 2 * ada.routing.list[1].traits.frame_max
    local old = beacon_of(donald.key, peer.boot, 0, "donald")
    assert.equal("replay", hears(ada, "10.9.0.1", old, said, full - 1))
    assert.same({}, said)
    hears(ada, "10.0.0.7", beacon_of(key.generate(("n"):rep(32)), 1, 1, "new"), said, full - 1)
    assert.equal(1, #said)
    assert.equal("replay", hears(ada, "10.9.0.1", old, said, full))
    assert.equal(2, #said)
  end)

  it("has few questions asked of the address that it has, however many keys sign such", function()
    local w, ada = world(5)
    local said = {}
    for i = 1, 600 do
      hears(ada, "10.0.0.7", beacon_of(key.generate(("%032d"):format(i)), 1, 1, "many"), said)
      w:run(100)
    end
    w:run(3000) -- in a crowd questions wait for their turn
    assert.is_true(#said >= 32 and #said <= 100, #said .. " questions in a minute")
    local others = #said
    for i = 1, 20 do hears(ada, "10.0.1." .. i, beacon_of(key.generate(("%031d "):format(i)), 1, 1, "new"), said) end
    w:run(3000)
    assert.equal(others + 20, #said)
  end)

  it("shows no clone: who says one that is signed with this node's key is asked to sign a nonce", function()
    local _, ada = world(3)
    local twin, said = beacon_of(ada.key, 99, 1, "ada"), {}
    assert.equal("signature", hears(ada, "10.9.0.1", forged(twin), said))
    assert.equal(0, #said)
    assert.equal("duplicate", hears(ada, "10.9.0.1", twin, said))
    assert.equal(1, #said)
    local nonce = said[1]:match(("^/dswarm/%s/brain /dswarm/%s/brain 8 ping (%%S+)$"):format(ada.id, ada.id))
    assert.is_false(ada.comms.clones:own())
    local facts = { id = ada.id, boot = 99, tcp = 0, http = 0 }
    local answer = messages.pong(ada.key, "duckietown", nonce, ada.id, facts)
    assert.is_nil(hears(ada, "10.9.0.1", ("/dswarm/%s/brain - 8 pong %s"):format(ada.id, answer), said))
    assert.is_true(ada.comms.clones:own())
  end)

  it("pushes no peer with a proved address out of the list, however many keys there are", function()
    local w, ada, donald = world(4)
    for i = 1, 1500 do
      hears(ada, "10.9.0.1", beacon_of(key.generate(("%032d"):format(i)), 1, 1, "crowd"), {})
      if i % 100 == 0 then w:run(10) end
    end
    assert.is_truthy(ada.comms.peers.by_id[donald.id])
    assert.equal(1024, #ada.comms.peers.list)
    for i = 2, 1024 do assert.is_true(ada.comms.peers.list[i - 1].id < ada.comms.peers.list[i].id) end
  end)
end)
