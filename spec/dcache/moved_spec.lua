-- moved_spec.lua - what is under way from a peer who has another address now: begun anew, and nothing else is.
local jobs = require "dcache.content.job"

describe("a file that is being fetched", function()
  local one, cancelled, http

  before_each(function()
    cancelled = {}
    http = { cancel = function(_, id) cancelled[#cancelled + 1] = id end }
    one = jobs.new("bafkreibmrmenuxhgaomod4m26ds5ztdujxzhjobgvpsyl2v2ndcskq2iay", 5, "a", nil, 0)
    one.links = {}
    one.suppliers = { address = function(_, id) return id == "ada" and "http://10.0.0.9:1" or nil end }
    for i, source in ipairs { { "ada", "http://10.0.0.1:1" }, { "ada", "http://10.0.0.9:1" },
      { "bea", "http://10.0.0.2:1" }, { "ada", "http://10.0.0.1:1" } } do
      one.flying[i] = { offset = i, client = http, source = { id = source[1], url = source[2] } }
    end
    one.in_flight = 4
  end)

  it("asks who has moved anew, at once, for what was asked at his old address", function()
    assert.equal(0, jobs.moved(one, "ada"))
    assert.same({ 1, 4 }, cancelled)
    assert.same({ 2, 2 }, { one.in_flight, #one.links })
    assert.same({ 1, 4 }, { one.links[1].offset, one.links[2].offset })
    assert.is_nil(one.flying[1] or one.flying[4])
  end)

  it("leaves alone who has not, and who is known nowhere any more", function()
    assert.is_nil(jobs.moved(one, "bea"))
    one.flying[1], one.flying[4], one.in_flight = nil, nil, 2
    assert.is_nil(jobs.moved(one, "ada"))
    assert.same({}, cancelled)
    assert.equal(2, one.in_flight)
  end)
end)
