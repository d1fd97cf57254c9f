-- lab_spec.lua - robots of a lab under a virtual clock: a newcomer whose words depend on each other, and one that slept
-- through a revocation. The authority by itself is in spec/dcache.
local counted = require "spec.sim.counted"
local file_key = require "spec.file_key"
local json = require "core.json"
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"
local statement = require "core.statement"

local SECOND <const> = 1000
local rules = assert(policies.with "")
local MEMBERS <const>, FILES <const> = 40, 10 -- and files of each

local function say(lab, robot, name)
  return lab:line(robot.key, { bucket = "share/files", key = file_key(name), ttl = 20 * 86400,
    data = { class = "lab", names = json.array { name }, size = 1 } })
end

-- A lab whose second root has an admin, who lets in all others: four levels of words that rest on each other. APART:
-- that root has no key of the first one. → lab, its lines
local function deep(apart)
  local lab = labs.new { name = "robotics", robots = MEMBERS + 3 }
  local second, admin = lab.robots[MEMBERS + 2], lab.robots[MEMBERS + 3]
  local keys = { second.key, not apart and lab.root or nil }
  local lines = { lab:root_line(lab.root, 2, keys, 1), lab:root_line(second.key, 2, keys, 1),
    lab:grant(second.key, admin.id, "admin") }
  for i = 2, MEMBERS do
    lines[#lines + 1] = lab:grant(admin.key, lab.robots[i].id, "member")
    for n = 1, FILES do lines[#lines + 1] = say(lab, lab.robots[i], ("%d-%d.bag"):format(i, n)) end
  end
  return lab, lines, admin
end

local function robot(w, lab, i, more)
  local given = { lab = lab.lab, identity = { id = lab.robots[i].id, key = lab.robots[i].key } }
  for name, value in pairs(more or {}) do given[name] = value end -- any order
  return w:add("robot" .. i, given)
end

-- ONE takes in LINES, as often as it takes until it refuses none of them.
local function fill(w, one, lines)
  for _ = 1, 10 do
    local refused = 0
    for _, line in ipairs(lines) do
      local ok, _, code = one.dcache:take(assert(statement.parse(line)))
      if not ok and code ~= "duplicate" then refused = refused + 1 end
    end
    if refused == 0 then return end
    w:run(SECOND)
  end
  error "some are refused for ever"
end

local function count(node) return node.dcache.index:count() end

describe("a newcomer to a lab", function()
  local function joins(apart)
    local lab, lines = deep(apart)
    local w = sim.new { seed = 5, policy = rules }
    local ada = robot(w, lab, 2)
    fill(w, ada, lines)
    function ada.comms.dial(_, _, done) done(nil, "ETIMEDOUT: only the newcomer asks", "ETIMEDOUT") end
    local one = robot(w, lab, 3, { boot = 2 })
    local seen = counted(one)
    for _ = 1, 100 do
      w:run(100)
      if count(one) >= #lines then break end
    end
    assert.is_true(count(one) >= #lines, ("only %d of %d words came"):format(count(one), #lines))
    assert.is_true(seen.wants >= 4, "nothing had to be asked for anew")
    w:run(SECOND)
    assert.equal(ada.dcache:digest("share", 0), (one.dcache:digest("share", 0)))
    assert.same(ada.dcache.trust:verdict().standing, one.dcache.trust:verdict().standing)
    return seen.dials, one.dcache.trust:verdict(), lab
  end

  it("has all in one repair, though what it hears first is of keys that it does not know yet", function()
    assert.equal(1, (joins(false)))
  end)

  it("follows a root that has no key of the first one", function()
    local _, verdict, lab = joins(true)
    assert.equal(2, verdict.root.number)
    assert.is_false(verdict:stands(lab.root:id()))
    assert.same({ lab.root:id() }, verdict.former)
  end)
end)

-- Three robots, of whom the third may be a thief: an admin, whose grant is what is revoked.
local function three(seed)
  local lab = labs.new { name = "robotics", robots = 4 }
  local w = sim.new { seed = seed, policy = rules }
  local disk = require("core.sim").memory(seed)
  local ada = robot(w, lab, 2)
  local bob = robot(w, lab, 3, { disk = disk })
  local thief = lab.robots[4]
  local lines = { lab:grant(lab.root, lab.robots[2].id, "member"), lab:grant(lab.root, lab.robots[3].id, "member"),
    lab:grant(lab.root, thief.id, "admin") }
  fill(w, ada, lines)
  fill(w, bob, lines)
  return w, lab, ada, bob, thief, disk
end

-- Would NODE do now what THIEF tells it, as remote commands and releases are done?
local function obeys(node, thief)
  local trust = node.dcache.trust
  return trust:settled() == true and trust:role(thief.id) == "admin"
end

local function asleep(w, node)
  node:stop()
  for i, other in ipairs(w.nodes) do
    if other == node then table.remove(w.nodes, i) end
  end
  w:run(SECOND)
end

describe("a robot that slept through a revocation", function()
  it("obeys before, says that it is not compared after its start, and obeys no more once it met a member", function()
    for seed = 1, 3 do
      local w, lab, ada, bob, thief, disk = three(seed)
      w:run(60 * SECOND)
      assert.is_true(obeys(bob, thief), "before, he is an admin as any other")
      asleep(w, bob)
      fill(w, ada, { lab:revoke(lab.root, thief.id) })
      w:run(60 * SECOND)
      assert.is_nil(ada.dcache.trust:role(thief.id))

      bob = robot(w, lab, 3, { disk = disk, boot = 2 })
      w.cut[bob.host] = true
      for _ = 1, 290 do
        w:run(SECOND)
        assert.is_false(obeys(bob, thief))
      end
      local ok, text, code = bob.dcache.trust:settled()
      assert.same({ nil, "permission" }, { ok, code })
      assert.matches("not compared with anybody yet; at the latest in 6 min", text)
      assert.equal("admin", bob.dcache.trust:role(thief.id), "what he knows is shown")

      w.cut[bob.host] = nil
      local met
      for _ = 1, 700 do
        w:run(100)
        assert.is_false(obeys(bob, thief))
        met = met or bob.dcache.trust:settled()
      end
      assert.is_true(met)
      assert.is_nil(bob.dcache.trust:role(thief.id))
    end
  end)

  it("obeys a thief who is alone with it from the eleventh minute until it meets a member", function()
    local w, lab, ada, bob, thief, disk = three(4)
    asleep(w, bob)
    fill(w, ada, { lab:revoke(lab.root, thief.id) })
    bob = robot(w, lab, 3, { disk = disk, boot = 2 })
    w.cut[bob.host] = true
    w:run(9 * 60 * SECOND)
    assert.is_false(obeys(bob, thief))
    w:run(2 * 60 * SECOND)
    assert.is_true(obeys(bob, thief))
    w.cut[bob.host] = nil
    local till
    for i = 1, 900 do
      w:run(100)
      if not obeys(bob, thief) then
        till = i
        break
      end
    end
    assert.is_truthy(till)
    w:run(60 * SECOND)
    assert.is_false(obeys(bob, thief))
  end)
end)
