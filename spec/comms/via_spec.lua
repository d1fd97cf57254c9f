-- via_spec.lua - by which way a statement came is told with it, as long as the node runs; by whole nodes.
local cid = require "core.cid"
local disk = require "core.sim"
local hash = require "core.hash"
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"
local ways = require "dcache.ways"

local function share(node, name)
  local key = cid.make("raw", hash.blake2b(name))
  assert(node.comms:propose("share/files", { class = "lab", names = { name }, size = 1 }, { key = key }))
  return key
end

local function via(node, key, signer) return node.dcache:statement_of("share/files", key, signer).via end

describe("the way of a statement", function()
  it("is that of the channel which brought it; what was said here has none, what the journal had that", function()
    local policy = assert(policies.load 'return extend "duckiebot"')
    local w, card = sim.new { seed = 5, policy = policy }, disk.memory(5)
    local ada, bob, eve = w:add "ada", w:add("bob", { disk = card }), w:add "eve"
    local last = w.medium.channels[3]
    last:close()
    local a, b = sim_links.stream(w.world, bob.host, eve.host)
    bob.routing:add(a, {})
    eve.routing:add(b, { entry = { address = "/dns4/server.example/tcp/3825/dswarm-line" } })
    w:run(5000)
    local key = share(ada, "run.bag")
    w:run(20000)
    assert.is_nil(via(ada, key, ada.id))
    assert.equal("/ip4/0.0.0.0/udp/3825/dswarm-line", via(bob, key, ada.id))
    assert.equal("/dns4/server.example/tcp/3825/dswarm-line", via(eve, key, ada.id))
    local other = share(eve, "other.bag")
    w:run(20000)
    assert.same({ a.address, nil }, { via(bob, other, eve.id), via(eve, other, eve.id) })
    bob:stop()
    local again = w:add("bob", { disk = card, boot = 2 })
    assert.equal("journal", via(again, key, ada.id))
  end)

  it("has a number of its own as long as there are any; then it is told by its kind", function()
    local known = ways.new()
    local first = known:number("/ip4/10.0.0.1/tcp", "tcp")
    for i = 2, 2000 do known:number(("/ip4/10.0.%d.%d/tcp"):format(i // 256, i % 256), "tcp") end
    local late, irc = known:number("/ip4/10.9.9.9/tcp", "tcp"), known:number("/dns4/x/irc/#a", "irc")
    assert.same({ "/ip4/10.0.0.1/tcp", "tcp", "irc" }, { known:text(first), known:text(late), known:text(irc) })
    assert.same({ first, 511 }, { known:number("/ip4/10.0.0.1/tcp", "tcp"), math.max(late, irc, 511) })
    for i = 1, 100 do known:number("x" .. i, "kind" .. i) end
    assert.same({ 0, nil }, { known:number("y", "one more kind"), known:text(0) })
  end)
end)

describe("the index", function()
  it("remembers 512 ways, and that of the newest word in a slot", function()
    local policy = assert(policies.load 'return extend "duckiebot"')
    local w = sim.new { seed = 6, policy = policy }
    local ada, bob = w:add "ada", w:add "bob"
    w:run(3000)
    local st
    for i, way in ipairs { 0, 1, 15, 16, 31, 255, 256, 511 } do
      local word = ada.comms:propose("peer", { boot = i, clock = "none", name = "ada", state = "ready", type = "robot",
        version = "1" })
      st = require("core.statement").parse(word.line)
      bob.dcache.index:put(st, nil, way)
      local entry = bob.dcache.index:slot("peer", ada.id, ada.id)
      assert.same({ way, #st.line, false }, { entry.way, entry.size, entry.dismiss })
    end
    assert.has_error(function() bob.dcache.index:put(st, nil, 512) end,
      "bad argument #3 to 'put' (a way is a number from 0 to 511)")
  end)
end)
