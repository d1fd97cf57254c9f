-- When roles are acted on: after what is known of the lab was compared with a member, or nobody held anything else.
local labs = require "spec.labs"
local policies = require "spec.policy.policies"
local sim = require "sim"
local statement = require "core.statement"

local MINUTE = 60 * 1000

-- COUNT members of a lab in one simulated network; each knows the grants of all.
local function world(count)
  local policy = assert(policies.with "")
  local lab = labs.new { name = "robotics", robots = count }
  local w, grants = sim.new { seed = 1, policy = policy }, {}
  for i, robot in ipairs(lab.robots) do grants[i] = lab:grant(lab.root, robot.id, "member") end
  for _, line in ipairs(grants) do table.insert(lab.lab.lines, line) end
  local function start(i, more)
    local given = { lab = lab.lab, identity = { id = lab.robots[i].id, key = lab.robots[i].key } }
    for name, value in pairs(more or {}) do given[name] = value end
    return w:add("r" .. i, given)
  end
  return { w = w, lab = lab, start = start, close = function() policy:close() end }
end

local function take(node, line) assert(node.dcache:take(assert(statement.parse(line)))) end

describe("trust", function()
  it("is settled by a member who holds the same, and by nobody else for ten minutes", function()
    local one = world(2)
    local a = one.start(1)
    local events = a.events:reader({ "trust" }, function() end)
    one.w:run(MINUTE)
    local ok, text, code = a.dcache.trust:settled()
    local rows = a.why:of { code = "permission" }
    assert.equal("trust not compared with anybody yet; at the latest in 9 min", rows[#rows].seen)
    assert.same({ nil, "permission: trust not compared with anybody yet; at the latest in 9 min", "permission" },
      { ok, text, code })
    one.start(2)
    one.w:run(20000)
    assert.is_true((a.dcache.trust:settled()))
    assert.equal("settled", (events:next()).event)
    one.close()
  end)

  it("of a node alone is settled after ten minutes, not before", function()
    local one = world(1)
    local a = one.start(1)
    one.w:run(10 * MINUTE - 2000)
    assert.is_nil((a.dcache.trust:settled()))
    assert.is_truthy(select(2, a.dcache.trust:settled()):find "at the latest in 1 min")
    one.w:run(4000)
    assert.is_true((a.dcache.trust:settled()))
    one.close()
  end)

  it("is not settled while a member says otherwise, and says whose words differ", function()
    local one = world(3)
    local lab = one.lab
    local a, b = one.start(1), one.start(2)
    for _, node in ipairs { a, b } do node.comms.dial = function() return nil, "address: none", "address" end end
    take(b, lab:revoke(lab.root, lab.robots[3].id))
    one.w:run(12 * MINUTE)
    assert.equal("permission: trust differs from what r2 holds: not compared to the end yet",
      select(2, a.dcache.trust:settled()))
    take(a, lab:revoke(lab.root, lab.robots[3].id, { at = lab.at }))
    one.w:run(MINUTE)
    assert.is_true((a.dcache.trust:settled()))
    one.close()
  end)

  it("is not settled by a stranger's equal digest", function()
    local one = world(1)
    local a, stranger = one.start(1), labs.key "a stranger"
    local b = one.w:add("ghost", { lab = one.lab.lab, identity = { id = stranger:id(), key = stranger },
      clients = { "clients.discovery" } }) -- not the one that would let him in by the token
    one.w:run(MINUTE)
    for _, class in ipairs { "root", "trust" } do
      assert.equal((a.dcache:digest(class, a.time:tick())), (b.dcache:digest(class, a.time:tick())))
    end
    assert.is_nil((a.dcache.trust:settled()))
    assert.is_true((b.dcache.trust:settled())) -- he met a member
    one.close()
  end)
end)
