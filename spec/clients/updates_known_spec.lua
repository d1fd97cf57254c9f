-- updates_known_spec.lua - which releases and rollouts count, by which word they do not, and what robots said: from
-- signed statements alone, by the shipped policy.
local kit = require "spec.clients.updates_kit"

local RUN <const> = "demos/42/1"

-- A lab with a release and a rollout of it that count. → kit, the release's DATA as text, the plan's bytes
local function world(given)
  local k = kit.new(given)
  local data = k:release "demos/42"
  local _, bytes = k:plan(RUN)
  k:rollout(RUN, data, bytes)
  return k, data, bytes
end

describe("what is known of updates", function()
  it("is each release and rollout that people signed, with who signed it, and the plan", function()
    local k, data, bytes = world()
    local row = assert(k:row(RUN))
    assert.same({ true, "demos", 42, 1 }, { row.counts, row.name, row.seq, row.run }, row.text)
    assert.same({ kit.cid(bytes), #bytes, kit.hash(data) }, { row.plan_cid, row.plan_size, row.release.hash })
    assert.equal("files", row.release.data.kind)
    assert.equal(k.known:release "demos/42", row.release)
    assert.same({ 1, {}, nil }, { #row.signers, row.skipped, row.pause })
    assert.is_true(row.ends > k.node.time:now())
    assert.same({}, k.known:refused())
    k:close()
  end)
end)
