-- idle_link_spec.lua - a link over the WAN that nothing happens on costs little, and a dead one is not taken for idle:
-- whole nodes that share no medium, under a virtual clock.
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"

local MINUTE <const> = 60 * 1000
local BAR <const> = 2 -- bytes/s each way
local NOTICED <const> = 90 * 1000 -- ms

local function address(host)
  return { address = ("/ip4/%s/tcp/3825/dswarm-line"):format(host), own = true, lan = true }
end

-- Two nodes that a stream joins, dialled anew a second after its end as the policy's are; ways[host] = true: what that
-- host sends is lost. → world, { ada, bob }, ways, seen = { link =, ends = array of { at =, reason = } }
local function pair(seed)
  local w = sim.new { seed = seed, policy = assert(policies.load 'return extend "duckiebot"') }
  local ada, bob = w:add "ada", w:add "bob"
  for _, one in ipairs { ada, bob } do
    w.medium.channels[1]:close()
    function one.own_addresses() return { address(one.host) } end
  end
  local dead, seen = {}, { ends = {} }
  local delay = w.world.delay
  function w.world.delay(from, to) return not dead[from.host] and delay(from, to) or nil end
  local function dial()
    local a, b = sim_links.stream(w.world, ada.host, bob.host)
    seen.link, seen.other = a, b
    bob.routing:add(b, {})
    ada.routing:add(a, { gone = function(reason)
      table.insert(seen.ends, { at = w.loop:now(), reason = reason })
      dead[ada.host], dead[bob.host] = nil, nil
      w.loop:after(1000, dial)
    end })
  end
  dial()
  return w, { ada, bob }, dead, seen
end

describe("a link over the WAN", function()
  it("that nothing happens on takes at most two bytes a second each way, and both ends know that both live", function()
    local w, nodes, _, seen = pair(3)
    w:run(15 * MINUTE)
    local a, b = seen.link.sent.bytes, seen.other.sent.bytes
    for _ = 1, 60 do
      w:run(MINUTE)
      for _, node in ipairs(nodes) do
        local peer = node.comms.peers.list[1]
        assert.is_true(node.comms.peers:living(peer))
        assert.is_true(node.comms.peers:located(peer))
        assert.is_true(w.loop:now() - node.comms.peers:last(peer) < 50000)
      end
    end
    a, b = (seen.link.sent.bytes - a) / 3600, (seen.other.sent.bytes - b) / 3600
    print(("# an idle hour: %.2f and %.2f bytes/s"):format(a, b))
    assert.is_true(a <= BAR and b <= BAR)
    assert.same({}, seen.ends)
    assert.same({ 1, 1 }, { nodes[1].comms:sync().equal, nodes[1].comms:sync().of })
  end)

  for way, host in ipairs { "ada", "bob" } do
    it("that is dead one way is noticed and replaced within 90 s, and nothing is lost: " .. host .. "'s", function()
      local w, nodes, dead, seen = pair(5 + way)
      w:run(20 * MINUTE)
      local began = w.loop:now()
      dead[nodes[way].host] = true
      for i, node in ipairs(nodes) do assert(node.comms:propose("share/safe", { size = i }, { key = "x" .. i })) end
      w:run(NOTICED)
      assert.equal(1, #seen.ends)
      local took = (seen.ends[1].at - began) / 1000
      print(("# noticed after %.0f s: %s"):format(took, seen.ends[1].reason))
      for _, node in ipairs(nodes) do assert.equal(2, #node.dcache:statements "share/safe") end
    end)
  end

  it("without that question would be taken for alive", function()
    local w, nodes, dead, seen = pair(9)
    w:run(20 * MINUTE)
    seen.link.looks:cancel()
    seen.other.looks:cancel()
    dead[nodes[1].host] = true
    assert(nodes[1].comms:propose("share/safe", { size = 1 }, { key = "x" }))
    w:run(10 * MINUTE)
    assert.same({}, seen.ends)
    assert.equal(0, #nodes[2].dcache:statements "share/safe")
  end)
end)
