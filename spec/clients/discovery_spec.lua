-- discovery_spec.lua - the list of who is here, whatever others say of themselves. Uses the simulator's medium.
local policy = require "policy"
local sim = require "sim"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

local function row_of(node, id)
  for _, row in ipairs(node.discovery:nodes()) do
    if row.id == id then return row end
  end
end

local function word_of(node, id)
  for _, record in ipairs(node.dcache:records "peer") do
    if record.signer == id then return record end
  end
end

describe("the list of nodes", function()
  it("stands, with what can be told, when somebody's word about himself is of another kind", function()
    for i, data in ipairs { 7, "text", false, { { 1 } }, { name = { 1 }, type = { "duckiebot" }, clock = 3 } } do
      local w = sim.new { seed = i, policy = rules }
      local ada, odd = w:add "ada", w:add "odd"
      w:run(5000)
      assert.equal("laptop", row_of(ada, odd.id).type)
      w:run(10)
      assert(odd.comms:propose("peer", data))
      w:run(5000)
      assert.is_string(word_of(ada, odd.id).malformed, "it was heard")
      local row = row_of(ada, odd.id)
      assert.same({ "odd", nil, nil }, { row.name, row.type, row.clock })
    end
  end)
end)
