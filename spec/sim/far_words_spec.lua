-- far_words_spec.lua - who joins by a connection to elsewhere learns soon what those behind it say of themselves; whole
-- nodes under a virtual clock.
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"

local MINUTE <const> = 60 * 1000
local TOPIC <const> = "/ipfs-pubsub/t/dswarm-line"

local function join(w, from, to, near)
  local a, b = sim_links.stream(w.world, from.host, to.host)
  local traits = setmetatable({}, { __index = a.traits })
  for name, value in pairs(a.traits) do traits[name] = value end
  traits.near = near
  a.traits, b.traits = traits, traits
  from.routing:add(a, {})
  to.routing:add(b, { quiet = true, wakes = true })
end

-- A server, to which ada has a connection for long, and bob, who comes now. IN_ROOM: they hear each other besides.
local function joined(near, in_room)
  local w = sim.new { seed = 7, policy = assert(policies.load 'return extend "duckiebot"') }
  local nodes = {}
  for _, name in ipairs { "server", "ada", "bob" } do
    local one = w:add(name)
    if not in_room then w.medium.channels[1]:close() end
    function one.own_addresses()
      return { { address = ("/ip4/%s/tcp/3825/dswarm-line"):format(one.host), own = true, lan = true } }
    end
    nodes[name] = one
  end
  join(w, nodes.ada, nodes.server, near)
  w:run(31 * MINUTE)
  join(w, nodes.bob, nodes.server, near)
  return w, nodes
end

local function knows(node, bucket, id) return node.dcache:statement_of(bucket, id, id) ~= nil end

describe("who comes new on a medium", function()
  -- NODE is on the topic from now on.
  local function subscribe(topic, node)
    local one, traits = sim_links.join(topic, node.host), {}
    for trait, value in pairs(one.traits) do traits[trait] = value end -- any order
    traits.near = false
    one.traits, one.kind, one.near, one.address = traits, "ipfs-pubsub", nil, TOPIC
    node.routing:add(one, {})
  end

  -- ada is in a room with bob, and on a topic that carl joins minutes later; he is in no room.
  local function world()
    local w = sim.new { seed = 7, policy = assert(policies.load 'return extend "duckiebot"') }
    local topic, nodes = sim_links.medium(w.world), { carl = w:add "carl" }
    w.medium.channels[1]:close()
    for _, name in ipairs { "ada", "bob" } do nodes[name] = w:add(name) end
    subscribe(topic, nodes.ada)
    w:run(3 * MINUTE)
    assert.is_false(knows(nodes.carl, "peer", nodes.bob.id))
    subscribe(topic, nodes.carl)
    return w, nodes
  end

  it("hears soon of those whom others bring there, and they of him", function()
    local w, nodes = world()
    w:run(15 * 1000)
    assert.is_true(knows(nodes.carl, "peer", nodes.bob.id))
    assert.is_true(knows(nodes.bob, "peer", nodes.carl.id))
  end)

  it("hears in a room of those who are elsewhere, and nobody says again there what the room has heard", function()
    local w, nodes = world()
    w:run(3 * MINUTE)
    local said = {}
    for name, node in pairs(nodes) do -- any order
      local say = node.comms.far_words.say
      function node.comms.far_words.say(st, channel)
        said[#said + 1] = ("%s %s"):format(name, st.signer == nodes.carl.id and "carl" or "another")
        return say(st, channel)
      end
    end
    local dora = w:add "dora"
    w:run(2 * MINUTE)
    assert.is_true(knows(dora, "peer", nodes.carl.id))
    assert.same({ "ada carl" }, said)
  end)
end)

describe("who joins by a connection to elsewhere", function()
  it("hears at once who else there is, and where he can be dialled; they hear the same of him", function()
    local w, nodes = joined(false)
    w:run(10 * 1000)
    local ada, bob = nodes.ada.id, nodes.bob.id
    assert.is_true(knows(nodes.bob, "peer", ada))
    assert.is_true(knows(nodes.bob, ("pri/%s/addresses"):format(ada), ada))
    assert.is_true(knows(nodes.ada, "peer", bob))
  end)

  it("hears it, too, where he comes from behind a router of the own network, whom no medium reaches", function()
    local w, nodes = joined(true)
    w:run(10 * 1000)
    assert.is_true(knows(nodes.bob, "peer", nodes.ada.id))
  end)

  it("is told nothing over a connection where they are neighbours, who hear each other on a medium", function()
    local w, nodes = joined(true, true)
    w:run(MINUTE)
    assert.is_true(knows(nodes.bob, "peer", nodes.ada.id))
    local told, all = 0, 0
    for _, channel in pairs(nodes.server.comms.outbox.channels) do -- any order: a sum
      all, told = all + 1, told + (channel.facts.told and 1 or 0)
    end
    assert.same({ 3, 0 }, { all, told })
  end)
end)
