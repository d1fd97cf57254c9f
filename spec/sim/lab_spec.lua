-- lab_spec.lua - robots of a lab under a virtual clock: a newcomer whose words depend on each other, and one that slept
-- through a revocation. The authority by itself is in spec/dcache.
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

-- A lab whose second root, rotated in, has an admin, who lets in all others: four levels of words that rest on each
-- other. → lab, its lines
local function deep()
  local lab = labs.new { name = "robotics", robots = MEMBERS + 3 }
  local second, admin = lab.robots[MEMBERS + 2], lab.robots[MEMBERS + 3]
  local lines = { lab:root_line(lab.root, 2, { lab.root, second.key }, 1),
    lab:root_line(second.key, 2, { lab.root, second.key }, 1), lab:grant(second.key, admin.id, "admin") }
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

-- Links that are opened from here on, and `want` lines over them, are counted in what this gives.
local function counted(node)
  local seen, dial, say_it = { dials = 0, wants = 0 }, node.comms.dial, node.comms.repair.say
  node.comms.dial = function(...)
    seen.dials = seen.dials + 1
    return dial(...)
  end
  node.comms.repair.say = function(link, message)
    if message.kind == "want" then seen.wants = seen.wants + 1 end
    return say_it(link, message)
  end
  return seen
end

describe("a newcomer to a lab", function()
  it("has all in one repair, though what it hears first is of keys that it does not know yet", function()
    local lab, lines = deep()
    local w = sim.new { seed = 5, policy = rules }
    local ada = robot(w, lab, 2)
    fill(w, ada, lines)
    function ada.comms.dial(_, _, done) done(nil, "ETIMEDOUT: only the newcomer asks", "ETIMEDOUT") end
    local one = robot(w, lab, 3, { boot = 2 })
    local seen = counted(one)
    local took
    for i = 1, 100 do
      w:run(100)
      if count(one) >= #lines then
        took = i / 10
        break
      end
    end
    assert.is_truthy(took, ("only %d of %d words came"):format(count(one), #lines))
    assert.equal(1, seen.dials)
    assert.is_true(seen.wants >= 4, "nothing had to be asked for anew")
    assert.equal(ada.dcache:digest("share", 0), (one.dcache:digest("share", 0)))
    assert.same(ada.dcache.trust:verdict().standing, one.dcache.trust:verdict().standing)
  end)
end)
