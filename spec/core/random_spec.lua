-- random_spec.lua - random numbers: one seed one stream everywhere, and none favoured.
local random = require "core.random"
local text = require "core.text"

describe("random.seeded", function()
  it("gives the stream that stands here, on every machine", function()
    local r = random.seeded(42)
    assert.equal("ba125897ff225c851544bb9a80050f88", text.hex(r:bytes(16)))
    assert.same({ 858, 1258251299005295431, 0 }, { r:integer(1000), r:integer(1 << 62), r:integer(1) })
    assert.equal("0x1.e3478af31f215p-1", ("%a"):format(r:unit()))
  end)

  it("does not depend on how it is drawn", function()
    local a, b = random.seeded(7), random.seeded(7)
    local parts = {}
    for i = 1, 100 do parts[i] = a:bytes(i) end
    assert.equal(b:bytes(5050), table.concat(parts))
    assert.not_equal(random.seeded(8):bytes(16), random.seeded(7):bytes(16))
    assert.not_equal(random.seeded(-1):bytes(16), random.seeded(1):bytes(16))
  end)

  it("favours nobody", function()
    local r, counts = random.seeded(9), {}
    for i = 0, 6 do counts[i] = 0 end
    for _ = 1, 70000 do
      local n = r:integer(7)
      counts[n] = counts[n] + 1
    end
    local chi = 0
    for i = 0, 6 do chi = chi + (counts[i] - 10000) ^ 2 / 10000 end
    assert.truthy(chi < 22.5) -- 6 degrees of freedom, one in a thousand
    local sum = 0
    for _ = 1, 10000 do
      local unit = r:unit()
      assert.truthy(unit >= 0 and unit < 1)
      sum = sum + unit
    end
    assert.truthy(math.abs(sum / 10000 - 0.5) < 0.01)
  end)

  -- With three quarters of 2^64 as the bound a plain remainder would favour the lower third.
  it("throws away what would favour the small ones", function()
    local r, low, bound = random.seeded(10), 0, 3 << 61
    for _ = 1, 4000 do
      if r:integer(bound) < bound // 3 then low = low + 1 end
    end
    assert.truthy(math.abs(low - 4000 / 3) < 150)
  end)
end)

describe("random.system", function()
  it("differs each time", function()
    assert.not_equal(random.system():bytes(16), random.system():bytes(16))
    assert.equal("", random.system():bytes(0))
    for _ = 1, 1000 do assert.truthy(random.system():integer(3) <= 2) end
  end)

  it("throws on a caller's fault", function()
    local r = random.system()
    assert.has_error(function() r:integer(0) end)
    assert.has_error(function() r:bytes(-1) end)
    assert.has_error(function() r:bytes(1 << 40) end)
  end)
end)
