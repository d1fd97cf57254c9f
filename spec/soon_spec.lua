-- soon_spec.lua - much news is one look, a moment after the first; what is cancelled or stopped is none.
local loop = require "sim.loop"
local soon = require "soon"

describe("what is to be done soon", function()
  local l, done, of

  before_each(function()
    l, done = loop.new(), 0
    of = soon.new(l, 1000, function() done = done + 1 end)
  end)

  local function run(ms) l:run_until(l.time + ms) end

  it("is done once, a moment after it was asked for first, and again when it is asked for again", function()
    of:ask()
    run(900)
    of:ask()
    assert.same({ true, 0 }, { of:is_asked(), done })
    run(100)
    assert.same({ false, 1 }, { of:is_asked(), done })
    run(5000)
    assert.equal(1, done)
    of:ask()
    run(1000)
    assert.equal(2, done)
  end)

  it("may ask for itself", function()
    of.fn = function()
      done = done + 1
      of:ask()
    end
    of:ask()
    run(3000)
    assert.equal(3, done)
  end)

  it("is not done where that was taken back, or all is over", function()
    of:ask()
    of:cancel()
    run(2000)
    assert.equal(0, done)
    of:ask()
    run(1000)
    assert.equal(1, done)
    of:ask()
    of:stop()
    of:ask()
    run(2000)
    assert.same({ false, 1 }, { of:is_asked(), done })
  end)
end)
