-- block_spec.lua - whom the policy shuts out: what is dropped, not sent, not dialled; by peers, without a wire.
local block = require "routing.block"
local block_form = require "policy.block_form"
local frame = require "routing.channels.frame"
local hash = require "core.hash"
local key = require "core.key"
local messages = require "comms.messages"
local peers = require "comms.peers"
local simloop = require "sim.loop"
local stub = require "spec.net.stub"

local function key_of(name) return key.generate(hash.blake2b(name)) end
local function id_of(name) return key_of(name):id() end

local ADA <const>, BEA <const> = id_of "ada", id_of "bea"

local function beacon_of(name, count)
  return messages.beacon(key_of(name), "lab", { id = id_of(name), boot = 1, count = count or 1, t = 0, tcp = 3825,
    http = 0, name = name, classes = {} })
end

local function world(list)
  local w = { loop = simloop.new(), checked = 0, udp = stub.channel "udp" }
  w.peers = peers.new { loop = w.loop }
  w.block = block.new { loop = w.loop, id = id_of "me", peers = w.peers, signed = function(facts)
    w.checked = w.checked + 1
    return key.verify(facts.id, "beacon", "lab", facts.signed, facts.signature)
  end }
  w.block:load(list)
  function w.from(host, one)
    return stub.source(one or w.udp, host, { id = (one or w.udp).kind .. " " .. host, address =
      ("/ip4/%s/%s/3825/dswarm-line"):format(host, (one or w.udp).kind) })
  end
  function w.meet(name, host)
    local peer = w.peers:get(id_of(name))
    local source = w.from(host)
    w.peers:prove(w.peers:beat(peer, source), peer)
    return source
  end
  function w.drops(source, line) return (select(2, w.block:drops(source, frame.read(line or "* - 8 want x")))) end
  function w.keeps(to, source) return (select(2, w.block:keeps(to, source))) end
  return w
end

describe("an entry of routing.block", function()
  it("is an ID or an address in numbers", function()
    for text, meant in pairs { [ADA] = ADA, ["/ip4/10.0.0.2"] = "/ip4/10.0.0.2", ["/ip6/fe80::1"] = "/ip6/fe80::1",
      ["/ip4/10.0.0.2/udp/3825/dswarm-line"] = "/ip4/10.0.0.2/udp/3825",
      ["/ip4/10.0.0.2/tcp/1"] = "/ip4/10.0.0.2/tcp/1",
      ["/ip6zone/eth0/ip6/fe80::1"] = "/ip6/fe80::1" } do
      assert.equal(meant, select(2, block_form.read(text)), text)
    end
  end)

  it("is no name and no other thing, and is told what would be right", function()
    for text, right in pairs { donald = "the ID, which discover", ["/dswarm/" .. ADA] = '"' .. ADA .. '"',
      ["10.0.0.2"] = '"/ip4/10.0.0.2"', ["fe80::1"] = '"/ip6/fe80::1"', ["/dns4/a.example/tcp/1"] = "in numbers",
      ["/ip4/10.0.0.300"] = "not an IP address", ["/ipfs-pubsub/x/dswarm-line"] = "in numbers",
      ["/ip4/10.0.0.2/tcp/6667/irc/#c/dswarm-line"] = "in numbers", [ADA:sub(1, -2)] = "peer ID" } do
      local kind, why = block_form.read(text)
      assert.is_nil(kind, text)
      assert.is_truthy(why:find(right, 1, true), why)
    end
  end)
end)

describe("who is shut out by address", function()
  it("is not heard, nor spoken to, nor dialled, and his neighbour is", function()
    local w = world { "/ip4/10.0.0.2" }
    local ada, bea = w.meet("ada", "10.0.0.2"), w.meet("bea", "10.0.0.3")
    assert.equal("permission", w.drops(ada))
    assert.is_nil(w.drops(bea))
    assert.equal("permission", w.keeps("*", ada))
    assert.is_nil(w.keeps("*", bea))
    assert.is_nil(w.keeps("*"))
    assert.is_nil(w.keeps(nil), "words without TO are for everybody")
    assert.equal("permission", w.keeps "/ip4/10.0.0.2/udp/3825/dswarm-line/dswarm/x/brain")
    assert.equal("permission", w.keeps "/dswarm/x/ip4/10.0.0.3/udp/1/dswarm-line/ip4/10.0.0.2/tcp/7/dswarm-line")
    assert.is_truthy(w.block:against_dial("10.0.0.2", "tcp", 22))
    assert.is_nil(w.block:against_dial("10.0.0.20", "tcp", 22))
    assert.same({ { what = "/ip4/10.0.0.2", dropped = 1, kept = 4, age_ms = 0 } }, w.block:rows())
  end)

  it("counts as proved no more, so that nobody goes to him for records or files", function()
    local w = world {}
    local ada = w.meet("ada", "10.0.0.2")
    local peer = w.peers.by_id[ADA]
    assert.equal(1, #w.peers:hosts(peer))
    w.block:load { "/ip4/10.0.0.2" }
    assert.same({}, w.peers:hosts(peer))
    assert.is_nil(w.peers:best(peer))
    w.block:load {}
    assert.equal(1, #w.peers:hosts(peer))
    assert.is_nil(w.drops(ada))
  end)

  it("may be one port of a host; a zone makes no other host", function()
    local w = world { "/ip4/10.0.0.2/udp/3825", "/ip6/fe80::1" }
    assert.equal("permission", w.drops(w.from "10.0.0.2"))
    assert.is_nil(w.drops(w.from("10.0.0.2", stub.channel "tcp")))
    assert.is_nil(w.block:against_dial("10.0.0.2", "tcp", 3825))
    assert.is_truthy(w.block:against_dial("fe80::1%eth0", "tcp", 3825))
    local zoned = stub.source(w.udp, "fe80::1%eth0", { address = "/ip6zone/eth0/ip6/fe80::1/udp/3825/dswarm-line" })
    assert.equal("permission", w.drops(zoned))
  end)
end)

describe("who is shut out by ID", function()
  it("is not heard over the flows that he proved, nor spoken to by ID, wherever he is", function()
    local w = world { ADA }
    assert.equal("permission", w.drops(w.meet("ada", "10.0.0.2")))
    assert.is_nil(w.drops(w.meet("bea", "10.0.0.3")))
    assert.equal("permission", w.keeps("/dswarm/" .. ADA .. "/brain"))
    assert.equal("permission", w.keeps(("/dswarm/%s/dswarm/%s/brain"):format(BEA, ADA)))
    assert.is_nil(w.keeps("/dswarm/" .. BEA .. "/brain"))
    assert.is_truthy(w.block:against_id(ADA))
    assert.is_false(w.peers:living(w.peers.by_id[ADA]))
    assert.is_true(w.peers:living(w.peers.by_id[BEA]))
  end)

  it("is known by his signature where he comes from elsewhere, for three minutes at a time", function()
    local w = world { ADA }
    local new = w.from "10.0.0.77"
    assert.is_nil(w.drops(new), "nobody knows yet who that is")
    assert.equal("permission", w.drops(new, "* - 8 beacon " .. beacon_of "ada"))
    assert.equal("permission", w.drops(new))
    w.loop:run_until(2 * 60 * 1000)
    assert.equal("permission", w.drops(new, "* - 8 beacon " .. beacon_of("ada", 2)))
    w.loop:run_until(4 * 60 * 1000)
    assert.equal("permission", w.drops(new))
    w.loop:run_until(5 * 60 * 1000 + 1)
    assert.is_nil(w.drops(new))
    assert.equal("permission", w.drops(new, ("* /dswarm/%s/brain 8 ids x"):format(ADA)))
  end)

  it("makes nobody look like him: by a forged beacon, one passed on, or one from who proved himself", function()
    local w = world { ADA }
    local victim = w.from "10.0.0.66"
    w.drops(victim, "* - 8 beacon " .. beacon_of("ada"):gsub("^.", "A"))
    assert.is_nil(w.drops(victim))
    for _, line in ipairs { "* - 7 beacon ", ("/dswarm/%s/brain - 8 beacon "):format(id_of "me") } do
      assert.equal("permission", w.drops(victim, line .. beacon_of "ada"))
      assert.is_nil(w.drops(victim), line)
    end
    local bea = w.meet("bea", "10.0.0.3")
    w.drops(bea, "* - 8 beacon " .. beacon_of "ada")
    assert.is_nil(w.drops(bea))
  end)

  it("is known by what he says where a relay passes it on, whose connection stays", function()
    local w = world { ADA }
    local closed
    local link = stub.channel("tcp", { close = function() closed = true end })
    local relay = w.from("10.0.0.7", link)
    local routing = { refused = function() end }
    for _, line in ipairs { "8 ping NONCE " .. ADA, "7 pong SIG NONCE " .. BEA .. " " .. ADA .. " 1 0 0",
      "7 call EC open " .. ADA } do
      line = ("/dswarm/%s/ping ~x "):format(id_of "me") .. line
      assert.equal("permission", w.drops(relay, line))
      assert.same({ nil, "permission: shut out by routing.block", "permission" },
        { w.block:let_go(routing, relay, frame.read(line)) })
    end
    w.loop:run_until(1000)
    assert.is_nil(closed)
    assert.is_nil(w.drops(relay))
    assert.is_nil(w.drops(relay, ("/dswarm/%s/ping ~x 8 ping NONCE %s"):format(id_of "me", BEA)))
  end)

  it("costs nobody a check where his flow is proved", function()
    local w = world { ADA }
    local ada = w.meet("ada", "10.0.0.2")
    for i = 1, 10 do w.drops(ada, "* - 8 beacon " .. beacon_of("ada", i)) end
    assert.equal(0, w.checked)
  end)

  it("has his counts as long as he is named, and is back once he is not", function()
    local w = world { ADA }
    local ada = w.meet("ada", "10.0.0.2")
    w.drops(ada)
    w.block:load { "/ip4/10.0.0.9", ADA }
    w.drops(ada)
    assert.equal(2, w.block:rows()[2].dropped)
    w.block:load {}
    assert.is_nil(w.drops(ada))
    assert.is_true(w.peers:living(w.peers.by_id[ADA]))
    assert.is_false(w.block.any)
  end)

  it("closes the channel of the policy that leads to him, and only as long as he is named", function()
    local w = world { ADA }
    local entry = { key = "the line", address = "/dns4/a.example/tcp/3825/dswarm-line" }
    local link = stub.channel("tcp", { entry = entry, dialled = true })
    assert.is_nil(w.block:closes(entry))
    w.drops(w.from("10.0.0.7", link), "* - 8 beacon " .. beacon_of "ada")
    assert.is_truthy(w.block:closes(entry):find(ADA, 1, true))
    assert.is_truthy(w.block:closes { expected = ADA, key = "another", address = "/ip4/10.0.0.9/tcp/1/dswarm-line" })
    w.block:load { BEA }
    assert.is_nil(w.block:closes(entry))
  end)
end)
