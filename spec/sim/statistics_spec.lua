-- statistics_spec.lua - the counters of robots on a simulated medium: said while the owner agrees, gathered by several
-- nodes of a site, of which one publishes. What one makes of them: spec/clients/statistics_gather_spec.lua.
local json = require "core.json"
local memory = require "core.sim".memory
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"

local MINUTE <const>, HOUR <const> = 60 * 1000, 3600 * 1000
local WEEK <const> = 7 * 24 * HOUR

describe("a robot", function()
  -- A robot and a server → world, robot, what its owner allows, DATA of all its words of counters on the medium
  local function watched(options)
    local world = sim.new { seed = 4, policy = assert(policies.load 'local p = extend "duckiebot" return p') }
    local allowed, found, trace = {}, {}, world.world.trace
    function world.world.trace(form, from, to, said, ...)
      for line in (type(said) == "string" and said or ""):gmatch "[^\n]+" do
        if line:find("/stats ", 1, true) then found[#found + 1] = line:match "{.*}" or "dismissed" end
      end
      return trace(form, from, to, said, ...)
    end
    world:add "server"
    options.here = function() return { permission = { stats = allowed.stats } } end
    return world, world:add("ada", options), allowed, found
  end

  local function shown(node)
    local answer
    local reply = { run = function(_, fn) fn() end }
    node.commands:run({ command = "stats" }, setmetatable(reply, { __call = function(_, it) answer = it end }))
    return answer.data
  end

  it("says nothing of its use in five periods where the owner does not agree, or nobody proves the time", function()
    for _, case in ipairs { { stats = false }, {}, { stats = "1" }, { stats = true, clock = false } } do
      local world, ada, allowed, found = watched { clock = case.clock }
      allowed.stats = case.stats
      world:run(26 * MINUTE)
      assert.same({}, found)
      assert.is_nil(shown(ada))
    end
  end)

  it("says what was shown, byte for byte, while he does, and nothing any more once he does not", function()
    local world, ada, allowed, found = watched {}
    allowed.stats = true
    world:run(29 * 1000)
    local text = shown(ada)
    world:run(5 * 1000)
    assert.is_true(#found >= 1 and json.decode(text) ~= nil)
    for _, data in ipairs(found) do assert.equal(text, data) end
    world:run(26 * MINUTE)
    assert.is_true(#found >= 6)
    local n = #found
    allowed.stats = false
    world:run(2000)
    assert.is_true(#found > n)
    for i = n + 1, #found do assert.equal("dismissed", found[i]) end
    world:run(26 * MINUTE)
    for i = n + 1, #found do assert.equal("dismissed", found[i]) end
  end)
end)

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
