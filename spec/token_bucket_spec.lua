-- token_bucket_spec.lua - the one token bucket: its burst, its rate, its debts. Waits for nothing.
local token_bucket = require "token_bucket"

describe("a token bucket", function()
  local now, bucket
  before_each(function()
    now = 0
    bucket = token_bucket.new { now = function() return now end, rate = 3, burst = 10 }
  end)

  it("gives its burst at once, then its rate", function()
    assert.is_false(bucket:take(11))
    assert.is_true(bucket:take(10))
    assert.is_false(bucket:take(1))
    assert.equal(334, bucket:wait(1))
    now = 333
    assert.is_false(bucket:take(1))
    now = 334
    assert.is_true(bucket:take(1))
    now = 1000 * 1000
    assert.equal(10, bucket:left())
  end)

  it("loses no part of a token to how often it is asked", function()
    bucket:take(10)
    for _ = 1, 2000 do
      now = now + 1
      bucket:left()
    end
    assert.equal(6, bucket:left())
  end)

  it("pays a debt first, and is never drained below nothing", function()
    bucket:charge(13)
    assert.equal(-3, bucket:left())
    bucket:drain(5)
    assert.equal(-3, bucket:left())
    now = 1000
    assert.equal(0, bucket:left())
    now = 2000
    bucket:drain(5)
    assert.equal(0, bucket:left())
  end)

  it("takes back no more than its burst, and does not mind a clock that stands still or steps back", function()
    bucket:take(4)
    bucket:put_back(9)
    assert.equal(10, bucket:left())
    bucket:take(10)
    now = -5000
    assert.equal(0, bucket:left())
  end)
end)
