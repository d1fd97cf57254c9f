-- backoff_spec.lua - the one back-off: its two kinds, its bounds, its chance. Waits for nothing.
local backoff = require "backoff"
local random = require "core.random"

describe("back-off", function()
  local bounds = {
    quick = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 },
    slow = { 60000, 120000, 240000, 480000, 960000, 1920000, 3600000, 3600000 },
  }

  it("doubles with chance up to its bound, and begins anew", function()
    for kind, list in pairs(bounds) do
      local b, met = backoff[kind](random.seeded(1)), {}
      for _, bound in ipairs(list) do
        local wait = b:next()
        assert.is_true(wait >= bound // 2 and wait <= bound, wait)
        met[wait] = true
      end
      for _ = 1, 100 do
        local wait = b:next()
        assert.is_true(wait >= list[#list] // 2 and wait <= list[#list], wait)
      end
      assert.is_nil(met[list[2]], "the whole is met by chance only, as a part of it")
      b:reset()
      assert.is_true(b:next() <= list[1])
    end
  end)

  it("waits for the whole where nobody shares what is waited for", function()
    for kind, list in pairs(bounds) do
      local b = backoff[kind](nil)
      for _, bound in ipairs(list) do assert.equal(bound, b:next()) end
    end
  end)

  it("keeps to the bounds that its user names, however often it fails", function()
    local b = backoff.quick(nil, 500, 4000)
    for _, bound in ipairs { 500, 1000, 2000, 4000, 4000 } do assert.equal(bound, b:next()) end
    assert.equal(4000, backoff.wait(nil, math.maxinteger, 500, 4000))
  end)

  it("forgets failures down to so many, and makes up none", function()
    local b = backoff.quick()
    b:at_most(3)
    assert.equal(1000, b:next())
    for _ = 1, 9 do b:next() end
    b:at_most(3)
    assert.same({ 8000, 16000 }, { b:next(), b:next() })
  end)

  it("has robots that failed together come back apart", function()
    local together, first = 0, backoff.slow(random.seeded(1)):next()
    for seed = 2, 100 do
      if math.abs(backoff.slow(random.seeded(seed)):next() - first) < 300 then together = together + 1 end
    end
    assert.is_true(together < 10, together)
  end)
end)
