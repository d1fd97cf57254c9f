-- updates_crowd_spec.lua - a plan among many simulated robots whose words are lost, whose network is cut, whose clocks
-- are wrong, whose power goes: never more are down, or fail, than the plan says, and all that stay on finish.
-- With DT_SWARM_SOAK=1 50 seeds of 40 robots and 3 of 300.
local json = require "core.json"
local random = require "core.random"
local rollout = require "sim.rollout"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local MINUTE <const> = 60 * 1000
local YEAR <const> = 365 * 24 * 60 * MINUTE
local QUICK <const> = { stage = 1000, apply = 12000, rollback = 5000 } -- ms

local policy = rollout.policy "policies"

local function plan_of(names, waves, more)
  local plan = { order = json.array { table.unpack(names) }, absent = { after = 60, most = 2 }, clock = "proved",
    max_failures = 100, patience = 120, release = "demos/42", run = 1, unknown = "commit", waves = json.array(waves) }
  for name, value in pairs(more or {}) do plan[name] = value end -- any order
  return plan
end

local function names_of(n)
  local names = {}
  for i = 1, n do names[i] = "robot-" .. i end
  return names
end

-- One in eight has a clock that is none, and shows 1970 or 2099; one in eleven has one that is a few minutes wrong.
local function wrong_clocks(one, name)
  local i = tonumber(name:match "%d+$")
  if not i then return end
  if i % 8 == 3 then one.clock, one.ahead = false, i % 16 == 3 and -53 * YEAR or 76 * YEAR end
  if i % 11 == 5 then one.ahead = 3 * MINUTE end
end

-- What goes wrong in a fleet, a second after the other, while `on`: power of single robots, the network between two
-- halves, that of one robot.
local function trouble(fleet, seed)
  local chance, self = random.seeded(seed * 7919), { cuts = 0, on = true }
  local dark, till, lonely = {}, nil, {}
  local function lose_power(now)
    for _, one in ipairs(fleet.robots) do
      if dark[one] and (now >= dark[one] or not self.on) then
        dark[one] = nil
        fleet:on(one)
      elseif one.node and not dark[one] and self.on and chance:integer(400) == 0 then
        dark[one], self.cuts = now + 5000 + chance:integer(MINUTE), self.cuts + 1
        fleet:off(one)
      end
    end
  end
  local function lose_network(now)
    if till and (now >= till or not self.on) then fleet.world.sides, till = nil, nil end
    if not till and self.on and chance:integer(60) == 0 then
      local sides = {}
      till = now + 30000 + chance:integer(MINUTE)
      for _, one in ipairs(fleet.robots) do sides[one.host] = chance:integer(2) end
      sides[fleet.desk.host] = 0
      fleet.world.sides = sides
    end
    for one, its in pairs(lonely) do -- any order
      if now >= its or not self.on then lonely[one], fleet.world.cut[one.host] = nil, nil end
    end
    local one = fleet.robots[1 + chance:integer(#fleet.robots)]
    if self.on and chance:integer(30) == 0 and not lonely[one] then
      lonely[one], fleet.world.cut[one.host] = now + chance:integer(MINUTE), true
    end
  end
  function self.step()
    local now = fleet:ms()
    lose_power(now)
    lose_network(now)
  end
  return self
end

-- Rolls out among N robots in SEED, two of whom are off all the time, with trouble for TROUBLED ms.
local function crowd(seed, n, waves, troubled)
  collectgarbage() -- the fleet before this one: the collector knows little of what it holds in C
  collectgarbage()
  local names, began = names_of(n), os.clock()
  local chance = random.seeded(seed)
  local off, fail = {}, {}
  for _ = 1, n // 10 do fail[names[1 + chance:integer(n)]] = true end
  while not off[2] do
    local name = names[1 + chance:integer(n)]
    if not off[name] then off[name], off[#off + 1] = true, name end
  end
  local plan, most = plan_of(names, waves), 0
  for _, wave in ipairs(waves) do most = math.max(most, wave.max_unavailable) end
  local fleet = rollout.new { seed = seed, loss = 0.3, policy = policy, off = off, fail = fail, plan = plan,
    takes = QUICK, robot = wrong_clocks }
  fleet:start()
  local wrong = trouble(fleet, seed)
  local function each()
    wrong.on = fleet:ms() < troubled
    wrong.step()
    assert.is_true(fleet.down <= most + plan.absent.most, ("%d down"):format(fleet.down))
    return not wrong.on and fleet:is_done()
  end
  fleet:run(troubled, each)
  local done = fleet:run(60 * MINUTE, each)
  local ends = {}
  for _, one in ipairs(fleet.robots) do ends[one.state] = (ends[one.state] or 0) + 1 end
  print(("    seed %d: %d committed, %d rolled back, %d off; never over %d down (limit %d); %d power cuts; \z
    %d min, %.1f s"):format(seed, ends.committed or 0, ends.rolled_back or 0, ends.waits or 0, fleet.down_most,
    most + plan.absent.most, wrong.cuts, fleet:ms() // MINUTE, os.clock() - began))
  assert.is_true(done, "some that are on never finish")
  assert.equal(2, ends.waits)
  assert.is_true((ends.committed or 0) >= n * 2 // 3)
end

describe("a rollout among 40 robots", function()
  local function waves(n)
    return { { robots = 1, max_unavailable = 1, soak = 30 }, { robots = n // 4, max_unavailable = n // 8, soak = 10 },
      { robots = n - n // 4 - 1, max_unavailable = n // 4, soak = 10 } }
  end
  for seed = 1, SOAK and 50 or 2 do
    it("keeps its bound and reaches all that are on, whatever breaks: seed " .. seed, function()
      crowd(seed, 40, waves(40), 4 * MINUTE)
    end)
  end
  for seed = 1, SOAK and 3 or 0 do
    it("of 300 likewise: seed " .. seed, function() crowd(seed, 300, waves(300), 3 * MINUTE) end)
  end
end)

describe("a rollout of what is bad", function()
  for seed = 1, SOAK and 50 or 2 do
    it("stops, and no more fail than the plan says: seed " .. seed, function()
      local names, fail = names_of(12), {}
      local chance = random.seeded(seed)
      for i = 1, 12 do fail[names[i]] = chance:integer(3) > 0 or nil end
      local plan = plan_of(names, { { robots = 12, max_unavailable = 2, soak = 0 } }, { max_failures = 2,
        absent = { after = 60, most = 1 } })
      local fleet = rollout.new { seed = seed, loss = 0.3, policy = policy, fail = fail, plan = plan, takes = QUICK }
      fleet:start()
      local wrong = trouble(fleet, seed)
      fleet:run(15 * MINUTE, function()
        wrong.on = fleet:ms() < 10 * MINUTE
        wrong.step()
        assert.is_true(fleet.failed <= 2 + 2 + 1 - 1, fleet.failed .. " failed")
        assert.is_true(fleet.down <= 2 + 1, fleet.down .. " down")
      end)
      assert.is_true(fleet.failed >= 2, fleet.failed .. " failed")
      assert.is_false(fleet:is_done())
      assert.equal(0, fleet.down)
    end)
  end
end)
