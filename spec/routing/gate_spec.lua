-- gate_spec.lua - which lines are passed on: for whom, to whom, how many; by peers that were proved, without a wire.
local block = require "routing.block"
local gate = require "routing.gate"
local hash = require "core.hash"
local key = require "core.key"
local peers = require "comms.peers"
local policies = require "policy.load"
local simloop = require "sim.loop"
local stub = require "spec.net.stub"

local function id_of(name) return key.generate(hash.blake2b(name)):id() end

local known = {}

local function policy_of(text)
  known[text] = known[text] or assert(policies.from_chain({ { path = "spec.lua", name = "spec.lua",
    text = ('local p = extend "default"\n%s\nreturn p\n'):format(text) } }, { shipped = "policies" }))
  return known[text]
end

-- A gate; the others live at 10.0.0.2 (ada), 10.0.0.3 (bea). OPTIONS: policy = text behind `extend "default"`, near,
-- members = set of IDs: a lab of these.
local function world(options)
  local w = { loop = simloop.new(), told = {}, is_near = options.near ~= false, udp = stub.channel "udp" }
  w.peers = peers.new { loop = w.loop }
  w.policy = policy_of(options.policy or "")
  w.block = block.new { loop = w.loop, id = id_of "me", peers = w.peers, signed = function() return false end }
  w.block:load(options.block or {})
  w.udp.traits = setmetatable({ near = false }, { __index = w.udp.traits })
  w.udp.near = function() return w.is_near end
  w.gate = gate.new { loop = w.loop, policy = w.policy, peers = w.peers, block = w.block,
    here = function() return { id = id_of "me", name = "me", type = "server", tags = {}, permission = {} } end,
    trust = { lab = options.members and {}, is_member = function(_, id) return options.members[id] ~= nil end,
      role = function(_, id) return options.members[id] end },
    near = function() return w.is_near end,
    tell = function(_, _, rest) w.told[#w.told + 1] = rest end }
  function w.meet(name, host, proved)
    local peer = w.peers:get(id_of(name))
    local source = stub.source(w.udp, host, { id = "udp " .. host .. ":3825" })
    local flow = w.peers:beat(peer, source)
    peer.tcp = 3825
    if proved ~= false then w.peers:prove(flow, peer) end
    return source
  end
  w.ada, w.bea = w.meet("ada", "10.0.0.2"), w.meet("bea", "10.0.0.3")
  -- → "yes", or the word of refusal
  function w.ask(way, message, source)
    message = message or {}
    for name, value in pairs { to = ("/dswarm/%s/brain"):format(id_of "bea"), from = "-", hops = 7, kind = "statements",
      rest = "" } do
      message[name] = message[name] or value
    end
    local ok, text, code = w.gate:allows(source or w.ada, message, way or { source = w.bea, origin = "heard" })
    if not ok then assert.equal(code, text:match "^%l+") end
    w.text = text
    return ok and "yes" or code
  end
  return w
end

describe("a line that is to be passed on", function()
  it("goes from one who proved himself to one who did", function()
    assert.equal("yes", world({}).ask())
  end)

  it("is counted, and so is by which word it was refused", function()
    local w = world {}
    w.ask()
    w.ask()
    w.ask(nil, nil, w.meet("eve", "10.0.0.9", false))
    local facts = w.gate:facts()
    assert.same({ 2, { unproved = 1 } }, { facts.lines, facts.refused })
    assert.equal(2 * w.ada.received, facts.bytes)
  end)

  it("goes on for nobody who proved nothing, and for nobody by a proof that is over", function()
    local w = world {}
    assert.equal("unproved", w.ask(nil, nil, w.meet("eve", "10.0.0.9", false)))
    assert.equal("unproved", w.ask(nil, nil, stub.source(w.udp, "10.0.0.77")))
    w.loop:run_until(peers.proof_ms)
    assert.equal("unproved", w.ask())
  end)

  it("goes to nobody who proved nothing, has gone, or is silent", function()
    local w = world {}
    assert.equal("unproved", w.ask { source = w.meet("eve", "10.0.0.9", false), origin = "heard" })
    assert.equal("unproved", w.ask { source = stub.source(w.udp, "10.0.0.77"), origin = "line" })
    w.loop:run_until(peers.silent_ms + 1)
    w.peers:heard(w.peers:get(id_of "ada"), w.ada)
    assert.equal("unproved", w.ask())
  end)

  it("goes to a port only where its owner proved that host and signed that port", function()
    local w = world {}
    local function dial(host, port) return w.ask { dial = { host, port }, origin = "record" } end
    assert.equal("yes", dial("10.0.0.3", 3825))
    assert.equal("unproved", dial("10.0.0.3", 22))
    assert.equal("unproved", dial("10.0.0.9", 3825))
    for _, host in ipairs { "127.0.0.1", "::1", "169.254.1.1", "fe80::1", "224.0.0.1", "ff02::1", "255.255.255.255",
      "0.0.0.0", "::ffff:10.0.0.3" } do
      assert.equal("address", dial(host, 3825), host)
    end
  end)

  it("goes where the policy names the room, the program or the place, but not to all who hear a LAN", function()
    local w = world {}
    local room = stub.channel("irc", { traits = stub.TRAITS.udp, entry = {} })
    assert.equal("yes", w.ask { channel = room, origin = "line" })
    room.closed = true
    assert.equal("unproved", w.ask { channel = room, origin = "line" })
    w.udp.entry = {}
    assert.equal("address", w.ask { channel = w.udp, origin = "line" })
    assert.equal("address", w.ask { channel = w.udp, origin = "policy" })
    local accepted = stub.channel("tcp", { entry = {}, dialled = false, id = "tcp 10.0.0.3:40000" })
    assert.equal("unproved", w.ask { channel = accepted, origin = "line" })
    local bea = w.peers:get(id_of "bea")
    w.peers:prove(w.peers:beat(bea, stub.source(accepted, "10.0.0.3", { id = accepted.id })), bea)
    assert.equal("yes", w.ask { channel = accepted, origin = "line" })
    assert.equal("yes", w.ask { channel = stub.channel("tcp", { entry = {}, dialled = true }), origin = "line" })
    assert.equal("yes", w.ask { dial = { "10.0.0.9", 3825 }, origin = "policy" })
  end)

  it("is no proof of an address for somebody behind a relay", function()
    local w = world {}
    for kind, word in pairs { ping = "address", pong = "address", call = "yes" } do
      assert.equal(word, w.ask(nil, { kind = kind }))
    end
    assert.equal("yes", w.ask(nil, { kind = "ping", to = ("/dswarm/%s/ping"):format(id_of "bea") }))
  end)
end)

describe("a line is passed on", function()
  it("for whom is near, without a lab; for others where the policy names them, or says so", function()
    assert.equal("permission", world({ near = false }).ask())
    local named = ('p.routing.routes["/dswarm/%s/*"] = "/ip4/10.0.0.2/udp/3825/dswarm-line/$0"'):format(id_of "ada")
    assert.equal("yes", world({ near = false, policy = named }).ask())
    local expected = ('p.routing.channels = { "/ip4/10.0.0.2/tcp/3825/dswarm-line/dswarm/%s" }'):format(id_of "ada")
    assert.equal("yes", world({ near = false, policy = expected }).ask())
    local proved = "function p.routing.relay(envelope) return envelope.proved end"
    assert.equal("yes", world({ near = false, policy = proved }).ask())
  end)

  it("in a lab for members, wherever they are, and for nobody else", function()
    assert.equal("yes", world({ near = false, members = { [id_of "ada"] = "member" } }).ask())
    assert.equal("stranger", world({ members = { [id_of "bea"] = "member" } }).ask())
  end)

  it("as the hook says, which is told what there is to know, and gives its reason", function()
    local w = world { members = { [id_of "ada"] = "trusted" }, policy = [[
      function p.routing.relay(envelope, here)
        return false, table.concat({ envelope.to:sub(1, 8), envelope.from, envelope.hops, envelope.size,
          (envelope.signer or ""):sub(1, 8), envelope.role or "", tostring(envelope.vouched), tostring(envelope.near),
          tostring(envelope.proved), here.name }, " ")
      end]] }
    assert.equal("permission", w.ask(nil, { from = "~x" }))
    assert.equal("permission: /dswarm/ ~x 7 128 12D3KooW trusted true true true me", w.text)
  end)

  it("by the shipped hook as if it had been asked", function()
    for _, near in ipairs { true, false } do
      local asked = "local before = p.routing.relay\nfunction p.routing.relay(...) return before(...) end"
      assert.equal(world({ near = near }).ask(), world({ near = near, policy = asked }).ask())
    end
  end)
end)

describe("what is passed on for one node", function()
  local function fill(w, bytes, source)
    local size = 32768
    local from = stub.source(w.udp, source.host, { id = source.id, received = size })
    for _ = 1, bytes // size do
      local word = w.ask(nil, nil, from)
      if word ~= "yes" then return word end
    end
    return "yes"
  end

  it("has a budget; he is told once in ten seconds before it is used up, and then by the word", function()
    local w = world {}
    assert.equal("yes", fill(w, 3 << 20, w.ada))
    assert.same({}, w.told)
    assert.equal("yes", fill(w, 1 << 20, w.ada))
    assert.equal(1, #w.told)
    local left, rate = w.told[1]:match "^(%d+) (%d+)$"
    assert.is_true(tonumber(left) < 1 << 20 and tonumber(rate) == 1 << 18)
    assert.equal("budget", w.ask())
    w.loop:run_until(10000)
    assert.equal("yes", fill(w, 2 << 20, w.ada))
    assert.equal(2, #w.told)
  end)

  it("leaves room for others, until there is none in all", function()
    local w = world {}
    assert.equal("budget", fill(w, 5 << 20, w.ada))
    assert.equal("yes", w.ask({ source = w.ada, origin = "heard" }, nil, w.bea))
    assert.equal("yes", fill(w, 3 << 20, w.bea))
    assert.equal("budget", fill(w, 8 << 20, w.meet("eve", "10.0.0.9")))
  end)

  it("costs nothing where it is refused, and a short line a little more than it is long", function()
    local w, n = world {}, 0
    for _ = 1, 100 do w.ask { source = stub.source(w.udp, "10.0.0.77"), origin = "line" } end
    assert.equal("yes", fill(w, (1 << 22) - 32768, w.ada))
    local small = stub.source(w.udp, w.ada.host, { id = w.ada.id, received = 1 })
    while w.ask(nil, nil, small) == "yes" do n = n + 1 end
    assert.equal(32768 // 128, n)
  end)
end)
