-- overdue_spec.lua - a word from elsewhere whose renewal was lost in a room: who missed it says the old one, and is
-- told the newer one; whole nodes under a virtual clock.
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"

local MINUTE <const> = 60 * 1000

-- ada, bob and dora in a room; ada has a connection to carl, who is elsewhere.
local function world()
  local w = sim.new { seed = 3, policy = assert(policies.load 'return extend "duckiebot"') }
  local nodes, traits = { carl = w:add "carl" }, {}
  w.medium.channels[1]:close()
  for _, name in ipairs { "ada", "bob", "dora" } do nodes[name] = w:add(name) end
  for name, value in pairs(sim_links.traits) do traits[name] = value end -- any order
  traits.near = false
  local a, b = sim_links.stream(w.world, nodes.ada.host, nodes.carl.host, traits)
  nodes.ada.routing:add(a, {})
  nodes.carl.routing:add(b, { quiet = true, wakes = true })
  w:run(2 * MINUTE)
  return w, nodes
end

-- NODE hears nobody, or all again.
local function set_deaf(w, node, deaf)
  for _, other in ipairs(w.nodes) do w.deaf[other.host .. " " .. node.host] = deaf or nil end
end

-- Frames on the medium from here on that hold a `peer` word of SIGNER's → { n = }
local function count_words(w, signer)
  local count, trace, last = { n = 0 }, w.world.trace, nil
  function w.world.trace(form, from, to, text, ...)
    if text and text ~= last and from:find "^10" and text:find(" peer %- %d+ %d+ %d+ " .. signer) then
      count.n = count.n + 1
    end
    last = text
    return trace(form, from, to, text, ...)
  end
  return count
end

local function status(node, other)
  for _, row in ipairs(node.discovery:nodes()) do
    if row.id == other.id then return row.status end
  end
end

-- How long NODE still has a word of OTHER's, in minutes.
local function left(node, other)
  return (node.discovery.said:of(other.id).valid_till - node.loop:now()) / MINUTE
end

describe("a word from elsewhere", function()
  it("comes before it is over to who lost its renewal, from those who did not", function()
    local w, nodes = world()
    set_deaf(w, nodes.dora, true)
    w:run(14 * MINUTE) -- after fifteen it was renewed there
    assert.is_true(left(nodes.bob, nodes.carl) > 10)
    set_deaf(w, nodes.dora, false)
    assert.is_true(left(nodes.dora, nodes.carl) < 8)
    w.cut[nodes.carl.host] = true -- he says nothing anew
    local count, till = count_words(w, nodes.carl.id), left(nodes.dora, nodes.carl)
    while left(nodes.dora, nodes.carl) < 8 and till > 0 do
      w:run(MINUTE // 6)
      till = till - 1 / 6
    end
    print(("  told again %.1f minutes before it was over, by %d frames"):format(till, count.n))
    assert.is_true(left(nodes.dora, nodes.carl) > 8)
    assert.is_true(count.n <= 6)
  end)

  it("is asked for a few times where nobody has a newer one", function()
    local w, nodes = world()
    w.cut[nodes.carl.host] = true
    w:run(6 * MINUTE)
    local count = count_words(w, nodes.carl.id)
    w:run(20 * MINUTE)
    print(("  asked for in vain, by %d frames"):format(count.n))
    assert.is_true(count.n >= 4 and count.n <= 6, count.n) -- four times; who does not hear another says it, too
    assert.equal("lost", status(nodes.bob, nodes.carl))
  end)

  it("is not asked for where its signer left", function()
    local w, nodes = world()
    nodes.carl.discovery:leave(function() nodes.carl:stop() end)
    w:run(6 * MINUTE)
    assert.equal("left", status(nodes.bob, nodes.carl))
    local count = count_words(w, nodes.carl.id)
    w:run(20 * MINUTE)
    assert.equal(0, count.n)
  end)
end)
