-- bounded_spec.lua - values by key up to a limit, what goes first, and the count of what went. Knows no user of it.
local bounded = require "bounded"

local function keys(things)
  local list = {}
  for i, key, value in things:each() do list[i] = key .. "=" .. value end
  return table.concat(list, " ")
end

describe("a bounded table", function()
  it("lets the oldest go for a new one, and counts that", function()
    local things = bounded.new { limit = 3 }
    for i, key in ipairs { "a", "b", "c" } do things:put(key, i) end
    things:put("a", 9) -- it is there: nothing goes, and it is as old as it was
    assert.equal("a=9 b=2 c=3", keys(things))
    things:put("d", 4)
    assert.equal("b=2 c=3 d=4", keys(things))
    assert.is_nil(things:get "a")
    assert.same({ name = "things", count = 3, limit = 3, dropped = 1 }, things:row "things")
  end)

  it("has room again for what was forgotten, and counts no drop", function()
    local things = bounded.new { limit = 2 }
    things:put("a", 1)
    things:put("b", 2)
    things:forget "a"
    things:forget "nobody"
    things:put("c", 3)
    assert.equal("b=2 c=3", keys(things))
    assert.equal(0, things.dropped)
    assert.equal(2, things:count())
  end)

  it("asks its user which one goes, if he wants to say it", function()
    local things = bounded.new { limit = 3, victim = function(things)
      local least, at
      for i, _, value in things:each() do
        if not least or value < least then least, at = value, i end
      end
      return at
    end }
    for i, value in ipairs { 7, 1, 5, 3 } do things:put("k" .. i, value) end
    assert.equal("k1=7 k3=5 k4=3", keys(things))
  end)

  it("never holds more than its limit, whatever comes", function()
    local things = bounded.new { limit = 16 }
    for i = 1, 10000 do
      things:put(i * 7919 % 101, i)
      if i % 3 == 0 then things:forget(i * 31 % 101) end
      assert.is_true(things:count() <= 16)
    end
    local n = 0
    for _ in pairs(things.values) do n = n + 1 end
    assert.equal(things:count(), n)
  end)
end)
