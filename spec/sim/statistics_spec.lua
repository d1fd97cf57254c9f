-- statistics_spec.lua - several nodes of a site that gather the counters of its robots: one of them publishes, in
-- virtual time. What one makes of them: spec/clients/statistics_gather_spec.lua.
local memory = require "core.sim".memory
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"

local MINUTE <const>, HOUR <const> = 60 * 1000, 3600 * 1000
local WEEK <const> = 7 * 24 * HOUR

describe("servers of one site", function()
  local world, disks, number

  -- NAME as it ran before, if it did.
  local function start(name, boot)
    disks[name] = disks[name] or memory(3)
    return world:add(name, { disk = disks[name], boot = boot })
  end

  -- They have heard of six robots each, and ada of one whom bob missed, when the week is over.
  local function gathered(site)
    local text = 'local p = extend "server"\np.site = %s\nreturn p'
    world = sim.new { seed = 3, policy = assert(policies.load(text:format(site))) }
    disks = {}
    world:run(WEEK - world.loop:wall() % WEEK - 30 * MINUTE)
    number = world.loop:wall() // WEEK
    local ada, bob = start "ada", start "bob"
    world:run(MINUTE)
    local function line(i)
      local robot = labs.key("robot " .. i)
      return labs.sign(robot, "duckietown", { bucket = ("pri/%s/stats"):format(robot:id()), at = world.loop:wall(),
        data = { list = 1, week = number, on = 3 } }).line
    end
    local lines = {}
    for i = 1, 6 do lines[i] = line(i) end
    ada.comms:offer(lines, function() end)
    bob.comms:offer(lines, function() end)
    world:run(MINUTE)
    world.deaf["10.0.0.1 10.0.0.2"] = true
    ada.comms:offer({ line(7) }, function() end)
    world:run(25 * MINUTE)
    world.deaf["10.0.0.1 10.0.0.2"] = nil
    world:run(5 * MINUTE)
    local function count(node)
      local one, n = node.statistics.gather.weeks[number], 0
      for _ in pairs(one.rows) do n = n + 1 end -- any order: a sum
      return n
    end
    assert.same({ 7, 6 }, { count(ada), count(bob) })
    return ada, bob
  end

  -- Names of who published the week, as NODE knows.
  local function publishers(node)
    local list = {}
    for _, one in ipairs(world.nodes) do
      local st = node.dcache:statement_of(("pri/%s/info/statistics"):format(one.id), one.id, one.id)
      if st then list[#list + 1] = one.name end
    end
    return list
  end

  it("publish one set of sums, whether the site has a name or not", function()
    for _, site in ipairs { "false", '"room"' } do
      local ada, bob = gathered(site)
      world:run(24 * HOUR)
      assert.same({}, publishers(ada))
      world:run(13 * HOUR)
      assert.equal(1, #publishers(ada))
      assert.same(publishers(ada), publishers(bob))
      assert.same({}, ada.statistics.gather.weeks)
      assert.same({}, bob.statistics.gather.weeks)
    end
  end)

  it("publish one though they were off when it was time, and start together", function()
    local ada, bob = gathered "false"
    ada:stop()
    bob:stop()
    world.nodes = {}
    world:run(48 * HOUR)
    ada, bob = start("ada", 2), start("bob", 2)
    world:run(45 * MINUTE)
    assert.equal(1, #publishers(ada))
    assert.same(publishers(ada), publishers(bob))
    assert.same({ {}, {} }, { ada.statistics.gather.weeks, bob.statistics.gather.weeks })
  end)
end)
