-- deadline_spec.lua - how long a file keeps its place. Fetches nothing.
local deadline = require "dcache.content.deadline"
local sim = require "sim.loop"

describe("a file's deadline", function()
  it("counts the time in which several streams did not come about once", function()
    local loop = sim.new()
    local one = deadline.new { loop = loop, stall = 100 * 1000, pressed = function() return true end }
    loop:run_until(loop:now() + 30 * 1000)
    for _ = 1, 4 do one:in_vain(30 * 1000) end
    assert.equal(70 * 1000, one:waits())
    one:asked()
    loop:run_until(loop:now() + 10 * 1000)
    one:in_vain(5 * 1000)
    one:in_vain(10 * 1000)
    assert.equal(60 * 1000, one:waits())
  end)
end)
