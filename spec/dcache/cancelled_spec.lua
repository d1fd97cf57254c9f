-- cancelled_spec.lua - robots of a token that is cancelled lose nothing while the grants for them are on their way.
local cancelled = require "dcache.cancelled"
local kit = require "spec.clients.trust_kit"
local labs = require "spec.labs"
local statement = require "core.statement"
local urgency = require "comms.urgency"

local function stands(k, id) return k.node.dcache.trust:stands(id) end

describe("a token that is cancelled", function()
  local function lab_of_two()
    local k = kit.new { robots = 2 }
    for _, robot in ipairs(k.lab.robots) do k:take(k.lab:enrol(robot)) end
    return k, k.lab, k.lab.robots
  end

  it("counts until the grants that were signed before it have come", function()
    local k, lab, robots = lab_of_two()
    local lost = {}
    k.node.dcache.trust:on_change(function(_, out) table.move(out, 1, #out, #lost + 1, lost) end)
    local grant = lab:grant(lab.root, robots[1].id, "member")
    k:take(lab:dismiss(lab.root, "trust/tokens", lab.token_id)) -- a second goes by before, and one behind
    assert.is_true(stands(k, robots[1].id))
    assert.same({}, lost)
    k:take(grant)
    k.world:run(cancelled.GRACE)
    assert.is_true(stands(k, robots[1].id))
    assert.is_false(stands(k, robots[2].id))
    assert.same({ robots[2].id }, lost)
  end)

  it("goes out behind the grants for its robots, and a revocation before them", function()
    local trust = { lab = {} }
    local function urgency_of(verb, bucket) return urgency.of_trust(trust, verb, bucket) end
    assert.equal(urgency_of("propose", "trust/grants"), urgency_of("dismiss", "trust/tokens"))
    assert.is_true(urgency_of("propose", "trust/revoked") > urgency_of("propose", "trust/grants"))
    assert.is_true(urgency_of("dismiss", "trust/grants") > urgency_of("propose", "trust/grants"))
  end)

  it("counts no longer where no grant comes; a revocation counts at once", function()
    local k, lab, robots = lab_of_two()
    k:take(lab:dismiss(lab.root, "trust/tokens", lab.token_id))
    k:take(lab:revoke(lab.root, robots[1].id))
    assert.is_false(stands(k, robots[1].id))
    k.world:run(cancelled.GRACE)
    assert.is_false(stands(k, robots[2].id))
  end)

  it("does not count again when its cancelling is said again, and lets nobody in from the first on", function()
    local k, lab, robots = lab_of_two()
    local late = labs.new { name = lab.name, robots = 3 }.robots[3]
    k:take(lab:grant(lab.root, robots[2].id, "admin"))
    local function lets_in() return (k.node.dcache.trust:lets_in(statement.parse(lab:enrol(late)))) end
    assert.is_true(lets_in())
    k:take(lab:dismiss(robots[2].key, "trust/tokens", lab.token_id)) -- not its maker
    assert.is_true(stands(k, robots[1].id))
    assert.is_false(lets_in())
    k.world:run(cancelled.GRACE)
    k:take(lab:dismiss(robots[2].key, "trust/tokens", lab.token_id)) -- as `trust renew` does
    assert.is_false(k.node.dcache.trust:verdict().tokens[lab.token_id].counts)
    assert.is_false(lets_in())
  end)
end)
