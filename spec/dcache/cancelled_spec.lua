-- cancelled_spec.lua - robots of a token that is cancelled lose nothing while the grants for them are on their way.
local cancelled = require "dcache.cancelled"
local kit = require "spec.clients.trust_kit"
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
end)
