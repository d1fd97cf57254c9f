-- call_spec.lua - calls between a caller and a callee, on a wire that loses, doubles, reorders, and is listened to.
require "spec.helper"
local calls = require "spec.routing.calls"

local soak = os.getenv "DT_SWARM_SOAK"

describe("a call", function()
  it("asks, runs once and is answered, in four lines", function()
    local net = calls.new()
    local one = net:call "hello"
    net:go { one }
    assert.same({ true, n = 1 }, one.ended)
    assert.equal("did hello", one.answer)
    assert.same({ hello = 1 }, net.ran)
    assert.equal(4, #net.wire)
    assert.same({}, net.refused)
  end)

  it("brings long requests and long answers, in parts and in order", function()
    local net, long = calls.new { late = 40 }, {}
    for i = 1, 4000 do long[i] = ("%d "):format(i) end
    long = table.concat(long)
    net.run = function(request, answer)
      assert.equal(long, request.text)
      for at = 1, 10 * #long, 999 do assert.is_true(answer:write(long:rep(10):sub(at, at + 998))) end
      answer:finish "end"
    end
    for _, part in ipairs { 512, 4096 } do
      local one = net:call(long, { part = part })
      net:go { one }
      assert.same({ true, n = 1 }, one.ended)
      assert.equal(long:rep(10) .. "end", one.answer)
    end
  end)

  local function lossy(count)
    local times, twice, wrong, late = {}, 0, 0, 0
    for seed = 1, count do
      local long = seed % 2 == 0 and ("%d "):format(seed):rep(500)
      local net = calls.new { seed = seed, loss = 30, doubling = 10, late = 200,
        run = long and function(_, answer) answer:finish(long) end or nil }
      local one = net:call "hello"
      net:go { one }
      twice = twice + ((net.ran.hello or 0) > 1 and 1 or 0)
      late = late + ((not one.ended[1] or net.time > 30 * 1000) and 1 or 0)
      wrong = wrong + ((one.ended[1] and one.answer ~= (long or "did hello")) and 1 or 0)
      times[#times + 1] = net.time
    end
    table.sort(times)
    return { twice = twice, wrong = wrong, late = late, median = times[#times // 2] }
  end

  it("never runs twice where lines are lost, doubled and reordered, and is answered within 30 s", function()
    local count = soak and 10000 or 200
    local got = lossy(count)
    print(("  %d lossy calls: %d twice, %d not answered in 30 s (1 of 100 may be); median %d ms"):format(count,
      got.twice, got.late, got.median))
    assert.equal(0, got.twice)
    assert.equal(0, got.wrong)
    assert.is_true(got.late * 100 <= count)
  end)
end)
