-- quota_spec.lua - wasted work is bounded by source and in all; an honest source never meets it.
local quota = require "comms.quota"
local simloop = require "sim.loop"

local function new()
  local loop = simloop.new()
  return quota.new { loop = loop, rate = 10, burst = 20, total = 100, total_burst = 200 }, loop
end

describe("a quota of wasted work", function()
  it("lets a source that never failed go on for ever", function()
    local q = new()
    for _ = 1, 100000 do assert.is_true(q:allows "a") end
  end)

  it("stops a source at its burst, and forgives with time", function()
    local q, loop = new()
    for _ = 1, 20 do
      assert.is_true(q:allows "bad")
      q:charge "bad"
    end
    assert.is_false(q:allows "bad")
    assert.is_true(q:allows "good")
    loop:run_until(1000)
    local n = 0
    while q:allows "bad" do
      q:charge "bad"
      n = n + 1
    end
    assert.equal(10, n)
  end)

  it("bounds a crowd of invented sources by the total, while a proved one goes on", function()
    local q, wasted = new(), 0
    for i = 1, 5000 do
      if q:allows("host " .. i) then
        q:charge("host " .. i)
        wasted = wasted + 1
      end
    end
    assert.equal(200, wasted)
    assert.is_false(q:allows "host 9999")
    assert.is_true(q:allows("honest", true))
    assert.is_true(q.sources:count() <= 1024)
  end)
end)
