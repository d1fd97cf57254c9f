-- view_spec.lua - networks that lost each other for a day and whose addresses changed meanwhile find each other again,
-- without a restart, as soon as one way exists. Virtual time; counted is what was dialled.
local file_key = require "spec.file_key"
local key = require "core.key"
local hash = require "core.hash"
local policies = require "policy"
local sim = require "sim"
local wan = require "sim.wan"

local SECOND <const>, MINUTE <const>, HOUR <const> = 1000, 60 * 1000, 3600 * 1000
local SOAK <const> = os.getenv "DT_SWARM_SOAK" == "1"
local DAYS <const>, SEEDS <const> = SOAK and 7 or 1, SOAK and 20 or 2
local CROWDED <const> = 4 -- seeds

local function policy(name, links)
  local text = ('local p = extend "%s"\np.comms.links = %d\nreturn p\n'):format(name, links)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local loaded = assert(policies.load(path, { shipped = "policies" }))
  os.remove(path)
  return loaded
end

local function share(node, name)
  assert(node.comms:propose("share/files", { class = "lab", names = { name }, size = 1 }, { key = file_key(name) }))
end

-- Two LANs, in which one robot was told of the first server, and two servers, of which the second knows the first. In
-- soak the first seeds have one robot more in each LAN. → world
local function four_sites(seed, links)
  local robot, server = policy("duckiebot", links or 6), policy("server", links or 6)
  local world = wan.new(sim.new { seed = seed, policy = robot })
  local first, second = world:site("first", true), world:site("second", true)
  local north, south = world:site "north", world:site "south"
  world:add(first, "ada", { policy = server })
  local other = world:add(second, "bea", { policy = server })
  local told = { world:add(north, "carl"), world:add(south, "dora") }
  if SOAK and seed <= CROWDED then
    world:add(north, "emma")
    world:add(south, "fred")
  end
  local stop = { world:name(second, other, first.public), world:name(north, told[1], first.public),
    world:name(south, told[2], first.public) }
  world.sim:run(10 * MINUTE)
  for _, one in ipairs(stop) do one() end -- from here on nobody's policy names anybody
  world.sim:run(10 * MINUTE)
  return world
end

-- All that anybody shared, on all nodes?
local function are_equal(world, n)
  for _, node in ipairs(world.sim.nodes) do
    if #node.dcache:statements "share/files" ~= n then return false end
  end
  return true
end

-- Each site is alone for HOURS; all addresses but that of the site KEPT change. Each node says something meanwhile.
local function part(world, kept, hours)
  for _, site in ipairs(world.sites) do site.up = false end
  world.sim:run(hours * HOUR // 2)
  for _, site in ipairs(world.sites) do
    if site ~= kept then world:move(site) end
  end
  for _, node in ipairs(world.sim.nodes) do share(node, node.name) end
  world.sim:run(hours * HOUR // 2)
end

-- One way to each site is there again. → seconds until all hold what all said | nil: not within MOST
local function healed(world, most)
  local n = #world.sim.nodes
  assert.is_false(are_equal(world, n))
  for _, site in ipairs(world.sites) do site.up = true end
  for seconds = 1, most do
    world.sim:run(SECOND)
    if are_equal(world, n) then return seconds end
  end
end

describe("networks that were apart for a day", function()
  for seed = 1, SEEDS do
    it("are one again within a minute of one way, seed " .. seed, function()
      local world = four_sites(seed)
      part(world, world.sites[seed % 2 + 1], 24 * DAYS)
      local took = healed(world, 300)
      assert.is_true(took ~= nil and took <= 60, ("after %s s"):format(took))
    end)
  end

  it("stay apart where nobody keeps a link (negative control)", function()
    local world = four_sites(1, 0)
    part(world, world.sites[1], 1)
    assert.is_nil(healed(world, 600))
  end)

  it("stay apart where no address is right any more (negative control)", function()
    local world = four_sites(1)
    part(world, nil, 1)
    assert.is_nil(healed(world, 600))
  end)
end)

describe("a node that knows a thousand who are gone", function()
  -- → node, its world; it was alone for an hour
  local function alone(n)
    local world = wan.new(sim.new { seed = 3, policy = policy("duckiebot", 6) })
    local site = world:site "north"
    local node = world:add(site, "ada")
    local rows = {}
    for i = 1, n do
      rows[i] = { key.generate(hash.blake2b("dead " .. i)):id(), { ("/ip4/203.0.%d.%d/tcp/3825/dswarm-line"):format(
        i // 200, i % 200 + 1) } }
    end
    node.comms.view:load { read = function() return rows end, soon = function() end }
    return node, world
  end

  it("dials one in ten seconds, each of them in the end, and forgets none", function()
    local node, world = alone(1000)
    world.sim:run(HOUR)
    local dials = world.dials.ada
    assert.is_true(dials >= 300 and dials <= 366, dials .. " dials in an hour") -- each has two SYNs
    local reached = {}
    for _, _, one in node.comms.view.members:each() do
      if one.turn > 0 then reached[#reached + 1] = one end
    end
    assert.is_true(#reached >= 150, #reached .. " of them were tried")
    assert.equal(1000, node.comms.view.members:count())
    assert.equal(1000, #node.comms.view:data())
  end)

  it("dials nobody where it knows nobody (negative control)", function()
    local _, world = alone(0)
    world.sim:run(HOUR)
    assert.is_nil(world.dials.ada)
  end)
end)
