-- wants_spec.lua - what is missing on one channel is asked for until it came: lost, overheard, too often.
local simloop = require "sim.loop"
local wants = require "comms.wants"

describe("what is wanted on a channel", function()
  local L, held, asked, one, gone
  before_each(function()
    L, held, asked, gone = simloop.new(), {}, {}, false
    one = wants.new { loop = L, most = 4, has = function(short) return held[short] end,
      idle = function() return 2000 end, over = function() return gone end,
      ask = function(shorts, holder) asked[#asked + 1] = holder .. ": " .. table.concat(shorts, " ") end }
  end)

  local function run(ms) L:run_until(L:now() + ms) end

  it("is asked for in batches, two under way, of one holder each", function()
    for i = 1, 12 do one:add("s" .. i, i < 10 and "ada" or "bob", 0) end
    run(300)
    assert.same({ "ada: s1 s2 s3 s4", "ada: s5 s6 s7 s8" }, asked)
    for i = 1, 8 do held["s" .. i] = true end
    run(500)
    assert.same({ "ada: s9", "bob: s10 s11 s12" }, { asked[3], asked[4] })
    for i = 9, 12 do held["s" .. i] = true end
    run(500)
    assert.equal(0, one:count())
    assert.is_nil(one.timer)
  end)

  it("is asked for again at once when a later question was answered and it was not", function()
    for i = 1, 8 do one:add("s" .. i, "ada", 0) end
    run(300)
    for _, i in ipairs { 1, 2, 4, 5, 6, 7, 8 } do held["s" .. i] = true end
    run(500)
    assert.equal("ada: s3", asked[3])
  end)

  it("is asked for again after a silence, four times in all", function()
    one:add("s1", "ada", 0)
    run(60000)
    assert.same({ "ada: s1", "ada: s1", "ada: s1", "ada: s1" }, asked)
    assert.equal(0, one:count())
  end)

  it("is only waited for where somebody else asked, and asked for where the answer did not come", function()
    one:add("s1", "ada", 1000)
    one:overheard("s1", "ada")
    one:overheard("unknown", "ada")
    run(1900)
    assert.same({}, asked)
    run(1500)
    assert.same({ "ada: s1" }, asked)
  end)

  it("is asked for no later where somebody asks one who never listed it", function()
    one:add("s1", "ada", 1000)
    for _ = 1, 6 do
      one:overheard("s1", "eve")
      run(250)
    end
    assert.same({ "ada: s1" }, asked)
    one:add("s2", "ada", 1000)
    one:add("s2", "bob", 1000)
    one:overheard("s2", "bob")
    run(1500)
    assert.equal(1, #asked)
  end)

  it("is asked of somebody else who lists it, where the first one did not give it", function()
    one:add("s1", "ada", 0)
    run(300)
    for _ = 1, 20 do
      one:add("s1", "bob", 0)
      run(300)
    end
    assert.same({ "ada: s1", "bob: s1" }, { asked[1], asked[2] })
  end)

  it("is soon asked no more of who lists what he does not give, and of others is", function()
    for i = 1, 1000 do one:add("lie" .. i, "liar", 0) end
    for i = 1, 4 do one:add("s" .. i, "ada", 0) end
    local n = 0
    run(600000)
    for _, question in ipairs(asked) do n = n + (question:find "^liar" and 1 or 0) end
    assert.is_true(n <= 20, n)
    assert.equal("ada: s1 s2 s3 s4", asked[#asked])
    assert.equal(0, one:count())
  end)

  it("makes no list of those who list things that grows without an end", function()
    for i = 1, 200 do one:add("s" .. i, "holder " .. i, 0) end
    run(1000)
    assert.equal(64, one.holders:count())
  end)

  it("is bounded, and forgotten with its channel", function()
    for i = 1, 4096 do assert.is_true(one:add("s" .. i, "ada", 0)) end
    assert.is_false(one:add("more", "ada", 0))
    gone = true
    run(500)
    assert.same({ 0, nil }, { one:count(), one.timer })
    local n = #asked
    run(5000)
    assert.equal(n, #asked)
  end)
end)
