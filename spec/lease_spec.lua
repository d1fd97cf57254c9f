-- lease_spec.lua - facts that are told for a time: which of several counts, when they end, what outlives a restart.
local disk = require "core.sim"
local kept = require "kept"
local lease = require "lease"
local loop = require "sim.loop"

local silent = { warn = function() end, info = function() end }

describe("leases", function()
  local l, of, told

  before_each(function()
    l = loop.new()
    of, told = lease.new { loop = l, log = silent }, {}
    of:on_change(function(fact) told[#told + 1] = fact end)
  end)

  local function run(ms) l:run_until(l.time + ms) end

  it("tell a fact until their time is over, then it is unknown, not no", function()
    assert.is_nil(of:value "busy")
    assert(of:add { fact = "busy", value = true, why = "exam", ms = 10000 })
    assert.is_true(of:value "busy")
    assert.equal("exam", of:why "busy")
    run(9999)
    assert.is_true(of:value "busy")
    run(1)
    assert.is_nil(of:value "busy")
    assert.is_nil(of:why "busy")
    assert.same({ "busy", "busy" }, told)
  end)

  it("believe a yes before a no, else the newest; of battery and charging the newest alone", function()
    local ends = assert(of:add { fact = "driving", value = true })
    assert(of:add { fact = "driving", value = false, ms = 60000 })
    assert.is_true(of:value "driving")
    ends()
    ends()
    assert.is_false(of:value "driving")
    for _, value in ipairs { true, false } do assert(of:add { fact = "charging", value = value, ms = 1000 }) end
    assert.is_false(of:value "charging")
    for _, value in ipairs { 80, 12 } do assert(of:add { fact = "battery", value = value, ms = 1000 }) end
    assert.equal(12, of:value "battery")
    local rows = of:rows()
    assert.same({ false, true }, { rows[2].counts, rows[3].counts })
  end)

  it("are 16 at most; all of one fact end together", function()
    for i = 1, 16 do assert(of:add { fact = "recording", value = i % 2 == 0, ms = 1000 * i }) end
    assert.equal("full", select(3, of:add { fact = "busy", value = true, ms = 1000 }))
    run(1000)
    assert(of:add { fact = "busy", value = true, ms = 1000 })
    assert.equal(15, of:finish "recording")
    assert.equal(0, of:finish "recording")
    assert.equal(1, #of:rows())
  end)

  it("refuse what is no fact, value, time or reason, with what would be right", function()
    for words, given in pairs {
      ["^missing: there is no fact drivin; did you mean driving%?"] = { fact = "drivin", value = true, ms = 1000 },
      ["^missing: there is no fact of that form"] = { fact = 7, value = true, ms = 1000 },
      ["^missing: there is no fact \\x1b%[2J"] = { fact = "\27[2J", value = true, ms = 1000 },
      ["^form: busy is yes or no"] = { fact = "busy", value = 1, ms = 1000 },
      ["^form: battery is a whole number of percent"] = { fact = "battery", value = 101, ms = 1000 },
      ["^form: a lease runs for 1 s to 24 h"] = { fact = "busy", value = true, ms = -1 },
      ["^form: a reason is a text of at most 40"] = { fact = "busy", value = true, ms = 1000, why = ("x"):rep(41) },
    } do
      local ok, text, code = of:add(given)
      assert.is_nil(ok)
      assert.matches(words, text)
      assert.equal(text:match "^%l+", code)
    end
    for _, ms in ipairs { 0, 999, 86400001, 1 << 60, 1.5 } do
      assert.equal("form", select(3, of:add { fact = "busy", value = true, ms = ms }))
    end
    assert.same({}, of:rows())
  end)

  it("end with the run, but for a hold, which goes on with the time that it had left", function()
    local d = disk.memory(1)
    d:mkdir "/s"
    local function open()
      return lease.new { loop = l, log = silent, kept = kept.new_firm { disk = d, log = silent, dir = "/s",
        name = "hold" } }
    end
    local first = open()
    first:add { fact = "hold", value = true, why = "race", ms = 60000 }
    first:add { fact = "hold", value = true } -- as long as a connection: that is gone, too
    first:add { fact = "busy", value = true, ms = 60000 }
    run(20000)
    first:stop()
    local second = open()
    assert.same({ { fact = "hold", value = true, why = "race", left_ms = 40000, counts = true } }, second:rows())
    run(40000)
    assert.is_nil(second:value "hold")
    second:stop()
    assert.same({}, open():rows())
  end)

  it("keep a hold over a power cut, too", function()
    local d = disk.memory(1)
    d:mkdir "/s"
    local first = lease.new { loop = l, log = silent, kept = kept.new_firm { disk = d, log = silent, dir = "/s",
      name = "hold" } }
    first:add { fact = "hold", value = true, ms = 60000 }
    local after = d:crash(3)
    local second = lease.new { loop = l, log = silent, kept = kept.new_firm { disk = after, log = silent, dir = "/s",
      name = "hold" } }
    assert.is_true(second:value "hold")
  end)
end)
