-- clones_spec.lua - one key on two machines is found by all who hear it, and nothing else is taken for that; whole
-- nodes under a virtual clock.
local disk = require "core.sim"
local key = require "core.key"
local frame = require "routing.channels.frame"
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"
local stub = require "spec.net.stub"

local MINUTE <const> = 60 * 1000
local SEEDS <const> = os.getenv "DT_SWARM_SOAK" and 1000 or 20

local function world(seed)
  return sim.new { seed = seed, policy = assert(policies.load 'return extend "duckiebot"'), loss = 0.1 }
end

-- A room with bob, with ada, and after a while with a copy of her disk; BOOT is that of the copy.
local function copied(seed, boot)
  local w = world(seed)
  local bob, ada = w:add "bob", w:add("ada", { boot = 7 * 65536 + 13 })
  w:run(2 * MINUTE)
  return w, bob, ada, w:add("ada", { boot = boot })
end

local function hosts(node, id)
  local list = {}
  for i, place in ipairs(node.comms.clones:of(id) or {}) do list[i] = place.host end
  table.sort(list)
  return table.concat(list, " ")
end

describe("a key that two machines use", function()
  for _, boot in ipairs { 7 * 65536 + 9, 8 * 65536 + 1, 3 } do
    it(("is found within a minute by both and by a third, with both addresses (boot %d)"):format(boot), function()
      local w, bob, ada, twin = copied(boot, boot)
      w:run(MINUTE)
      assert.equal(ada.host .. " " .. twin.host, hosts(bob, ada.id))
      assert.equal(twin.host, hosts(ada, ada.id))
      assert.equal(ada.host, hosts(twin, ada.id))
    end)
  end

  it("stays found while both speak, and is none any more ten minutes after one of them went", function()
    local w, bob, ada, twin = copied(5, 3)
    for _ = 1, 15 do
      w:run(2 * MINUTE)
      assert.is_truthy(bob.comms.clones:of(ada.id))
      assert.is_true(ada.comms.clones:own())
    end
    twin:stop()
    w:run(11 * MINUTE)
    assert.is_nil(bob.comms.clones:of(ada.id))
    assert.is_false(ada.comms.clones:own())
  end)
end)

-- FROM is in another network than TO, and they have a connection.
local function join_from_afar(w, from, to)
  local a, b = sim_links.stream(w.world, from.host, to.host)
  local traits = {}
  for name, value in pairs(a.traits) do traits[name] = value end -- any order
  traits.near = false
  a.traits, b.traits = traits, traits
  from.routing:add(a, {})
  to.routing:add(b, { quiet = true, wakes = true })
end

local function status_at(node, id)
  for _, row in ipairs(node.discovery:nodes()) do
    if row.id == id then return row.status end
  end
end

describe("a node that knows others by their records only", function()
  it("shows the key that two machines use, and no more eleven minutes after the copy has a new one", function()
    local w, bob, ada, twin = copied(21, 3)
    local eve = w:add("eve", { medium = sim_links.medium(w.world) })
    join_from_afar(w, eve, bob)
    local took
    for minute = 1, 15 do
      w:run(MINUTE)
      if not took and status_at(eve, ada.id) == "clone?" then took = minute end
    end
    assert.is_truthy(took)
    assert.is_nil(eve.comms.clones:of(ada.id)) -- she asked nobody
    twin:stop()
    local owner = key.generate(("r"):rep(32))
    local renewed = w:add("ada", { boot = 4, identity = { id = owner:id(), key = owner } })
    w:run(11 * MINUTE)
    for _, node in ipairs { bob, ada, renewed, eve } do
      for _, row in ipairs(node.discovery:nodes()) do
        assert.not_equal("clone?", row.status, ("%s shows it of %s"):format(node.name, row.label))
      end
      assert.is_truthy(status_at(node, renewed.id))
    end
  end)
end)

local SAID <const> = 1000 -- frames that are recorded at most, and said again

-- The frames that arrive in W from here on, as text.
local function recorded(w)
  local lines, trace = {}, w.world.trace
  function w.world.trace(form, from, to, text)
    if #lines < SAID then lines[#lines + 1] = text end
    trace(form, from, to, text)
  end
  return lines
end

-- Says LINES again, in their order and from the first one again, SAID in all.
local function replay(w, lines, nodes)
  for i = 0, SAID - 1 do
    local line = lines[i % #lines + 1]
    for _, node in ipairs(nodes) do
      node.routing:frame(stub.source(node.routing.list[1], "10.9.0.1", { received = #line }), frame.read(line))
    end
    w:run(200)
  end
end

describe("no clone is", function()
  local function nobody_is(nodes)
    for _, node in ipairs(nodes) do
      for _, other in ipairs(nodes) do assert.is_nil(node.comms.clones:of(other.id)) end
    end
  end

  it(("who restarts, whose older disk is put back once, who has another's name (%d seeds)"):format(SEEDS), function()
    for seed = 1, SEEDS do
      local w, first = world(seed), disk.memory(seed)
      local bob, ada = w:add "bob", w:add("ada", { boot = 5 * 65536 + seed, disk = first })
      local identity, owner = ada.identity, key.generate(("n"):rep(32))
      local namesake = w:add("ada", { boot = 5 * 65536 + seed, identity = { id = owner:id(), key = owner } })
      for _, boot in ipairs { 6, 7, 3 } do -- the last is the older disk
        w:run(MINUTE)
        ada:stop()
        for i, node in ipairs(w.nodes) do
          if node == ada then table.remove(w.nodes, i) end
        end
        ada = w:add("ada", { boot = boot * 65536 + w.random:integer(65536), identity = identity })
      end
      w:run(3 * MINUTE)
      assert.equal("ready", status_at(bob, namesake.id))
      nobody_is { bob, ada, namesake }
    end
  end)

  it("whose beacons, answers and statements a stranger recorded and says again", function()
    local w = world(77)
    local bob, ada = w:add "bob", w:add("ada", { boot = 5 * 65536 })
    local lines = recorded(w)
    w:run(10 * MINUTE)
    local identity = ada.identity
    ada:stop()
    table.remove(w.nodes)
    ada = w:add("ada", { boot = 6 * 65536 + 1, identity = identity })
    w:run(10 * MINUTE)
    assert.is_true(#lines > 30, #lines .. " lines")
    replay(w, lines, { bob, ada })
    nobody_is { bob, ada }
  end)
end)
