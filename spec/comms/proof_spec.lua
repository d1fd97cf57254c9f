-- proof_spec.lua - proofs of addresses: how long they count, and that nobody makes many answer one question.
local key = require "core.key"
local frame = require "routing.channels.frame"
local sim = require "sim"
local stub = require "spec.net.stub"
local text = require "core.text"

local MINUTE = 60 * 1000
local NONCE = ("A"):rep(22)

local policy

local function world(seed)
  policy = policy or assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
  return sim.new { seed = seed, policy = policy }
end

describe("a ping", function()
  -- ASKER's ping, heard by all others on the medium. → how many answered
  local function answers(to, asker)
    local w, n = world(1), 0
    for i = 1, 10 do w:add("n" .. i) end
    w:run(5000)
    for _, node in ipairs(w.nodes) do
      local medium = node.routing.list[1]
      local channel = setmetatable({ send = function() n = n + 1 return true end }, { __index = medium })
      local source = stub.source(channel, asker, { broadcast = true, received = 150 })
      local from = key.generate(("p"):rep(32)):id()
      node.routing:frame(source, frame.read(("%s /dswarm/%s/brain 8 ping %s"):format(to(w), from, NONCE)))
    end
    return n, w
  end

  it("that is broadcast to anybody is answered by nobody: one address would get all the answers", function()
    for _, to in ipairs { "*", "/dswarm/*/brain" } do
      local n, w = answers(function() return to end, "10.9.9.9")
      assert.equal(0, n, to)
      assert.equal(1, w.nodes[1].refused.address)
    end
  end)

  it("that is broadcast but names one node is answered by that one", function()
    assert.equal(1, (answers(function(w) return ("/dswarm/%s/brain"):format(w.nodes[4].id) end, "10.9.9.9")))
  end)
end)

describe("a proved address", function()
  it("counts for an hour, and not longer", function()
    local w = world(2)
    local ada, donald = w:add "ada", w:add "donald"
    w:run(5000)
    local peers = ada.comms.peers
    local peer = peers.by_id[donald.id]
    local source = peer.flows[1].source
    assert.equal("10.0.0.2", peers:hosts(peer)[1].host)
    w.cut["10.0.0.2"] = true
    w:run(59 * MINUTE)
    assert.is_true(#peers:hosts(peer) == 1 and peers:source_proved(source))
    w:run(2 * MINUTE)
    assert.same({}, peers:hosts(peer))
    assert.is_nil(peers:best(peer))
    assert.is_false(peers:source_proved(source))
  end)

  it("of who is here is proved again before that, without a gap", function()
    local w = world(3)
    local ada, donald = w:add "ada", w:add "donald"
    w:run(5000)
    local peer = ada.comms.peers.by_id[donald.id]
    local first = peer.flows[1].proved
    for _ = 1, 5 * 60 do
      w:run(MINUTE)
      assert.is_truthy(ada.comms.peers:best(peer))
    end
    assert.is_true(peer.flows[1].proved > first + 240 * MINUTE)
  end)
end)

describe("a round trip", function()
  -- What ada takes for the time to donald, whose answers come MS late, the first N of them.
  local function measured(ms, n)
    local w, late = world(5), 0
    local ada, donald = w:add "ada", w:add "donald"
    local pong = ada.comms.proof.pong
    function ada.comms.proof.pong(proof, message, source)
      late = late + 1
      if late > n then return pong(proof, message, source) end
      for _, question in pairs(proof.out) do question.micro = question.micro - ms * 1000 end -- any order
      return pong(proof, message, source)
    end
    w:run(5000)
    return ada.comms.peers.by_id[donald.id].flows[1].rtt_us, late
  end

  it("in which this program slept is measured again; one that is slow twice is believed", function()
    assert.is_true(measured(0, 0) < 1000 * 1000, measured(0, 0))
    local trip, asked = measured(28029, 1)
    assert.is_true(trip < 1000 * 1000, trip .. " us")
    assert.is_true(asked <= 3, asked .. " answers")
    assert.is_true(measured(3000, 100) >= 3000 * 1000)
  end)
end)

describe("a want by datagram", function()
  it("is answered where its address was proved, and costs nobody anything else", function()
    local w = world(4)
    local ada, donald = w:add "ada", w:add "donald"
    w:run(5000)
    local st = assert(ada.comms:propose("share/files", { class = "lab", names = { "a" }, size = 1 }, { key = "k" }))
    w:run(5000)
    local medium, said = ada.routing.list[1], 0
    local send = medium.send
    function medium.send(self, message, source)
      if message.kind == "statements" then said = said + 1 end
      return send(self, message, source)
    end
    local wanted = "* - 8 want " .. text.base64url(st.short)
    local function asks(source)
      local word = select(3, ada.routing:frame(source, frame.read(wanted)))
      w:run(3000)
      return word
    end
    local proved = ada.comms.peers.by_id[donald.id].flows[1].source
    local forged = stub.source(medium, "10.9.9.9", { received = #wanted })
    for _ = 1, 20 do assert.equal("unproved", asks(forged)) end
    assert.equal(0, said)
    assert.is_nil(asks(proved))
    assert.equal(1, said)
  end)
end)
