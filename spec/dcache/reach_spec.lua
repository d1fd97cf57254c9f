-- reach_spec.lua - which class of files goes to whom over a stream.
local reach = require "dcache.content.reach"

local ADA <const>, BOB <const> = "12D3KooWM82bDYYgzgXaayHDdVciFe3bGvJ69qHnbSztNUJ933VQ",
  "12D3KooWMbbPVGsZYh3ChQjue712NHHGNybRRXwnuSpezYjGbCDS"

describe("class lab", function()
  local function of(id, more)
    local given = { id = id, holders = {}, lines = {} }
    for name, value in pairs(more or {}) do given[name] = value end
    return reach.of(given)
  end

  it("goes to members, to named holders, and to the keys that own lines expect; to nobody else", function()
    assert.equal("swarm", of(ADA))
    assert.equal("lab", of(ADA, { is_member = true }))
    assert.equal("lab", of(ADA, { holders = { BOB, ADA } }))
    assert.equal("swarm", of(ADA, { holders = { BOB } }))
    local lines = { { address = "/ip4/10.0.0.1/tcp/3825/dswarm-line" },
      { address = "/ip4/10.0.0.2/tcp/3825/dswarm-line/dswarm/" .. ADA } }
    assert.equal("lab", of(ADA, { lines = lines }))
    assert.equal("swarm", of(BOB, { lines = lines }))
  end)

  it("does not go to whom a line names only on its way", function()
    assert.equal("swarm", of(ADA, { lines = { { address = "/dswarm/" .. ADA .. "/dswarm/" .. BOB } } }))
    assert.equal("swarm", of(ADA, { lines = { { address = "/ip4/10.0.0.2/tcp/3825/dswarm-line/dswarm/" .. ADA
      .. "/control" } } }))
  end)
end)
