-- lease_spec.lua - facts that are told for a time: which of several counts, when they end, what outlives a restart.
local atomic_write = require "atomic_write"
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

  describe("of a hold", function()
    local d, writes

    before_each(function()
      d = disk.memory(1)
      d:mkdir "/s"
      writes = nil
    end)

    local function open(on)
      local files = atomic_write.new { disk = on or d, log = silent }
      if writes then function files.put(_, ...) writes[#writes + 1] = { ... } end end
      return lease.new { loop = l, log = silent, atomic_write = files, kept = kept.new_firm { disk = on or d,
        log = silent, dir = "/s", name = "hold", atomic_write = files } }
    end

    local function rows_of(leases)
      local list = {}
      for i, row in ipairs(leases:rows()) do list[i] = { row.fact, row.value, row.why, row.left_ms } end
      return list
    end

    it("go on after a restart, with the time that they had left; no other does", function()
      local first = open()
      assert(first:add { fact = "hold", value = true, why = "race", ms = 60000 })
      assert(first:add { fact = "hold", value = false, ms = 50000 })
      assert(first:add { fact = "hold", value = true }) -- as long as a connection: that is gone, too
      assert(first:add { fact = "busy", value = true, ms = 60000 })
      run(20000)
      first:stop()
      local second = open()
      assert.same({ { "hold", true, "race", 40000 }, { "hold", false, nil, 30000 } }, rows_of(second))
      run(40000)
      assert.is_nil(second:value "hold")
      second:stop()
      assert.same({}, open():rows())
    end)

    it("stand after a power cut, and do not where they had ended before it", function()
      local first = open()
      first:add { fact = "hold", value = true, ms = 60000 }
      first:add { fact = "hold", value = true, ms = 70000 }
      run(10000)
      first:note_time()
      assert.same({ 50000, 60000 }, { rows_of(open(d:crash(3)))[1][4], rows_of(open(d:crash(4)))[2][4] })
      assert.equal(2, first:finish "hold")
      assert.same({}, open(d:crash(5)):rows())
      first:add { fact = "hold", value = true, ms = 1000 }
      run(1000)
      assert.same({}, open(d:crash(6)):rows())
    end)

    it("are told of once they are on the disk, and beside the loop; others at once", function()
      writes = {}
      local of_thread, done = open(), {}
      local function note(name) return function(...) done[#done + 1] = { name, ... } end end
      of_thread:add({ fact = "hold", value = true, ms = 60000 }, note "hold")
      of_thread:add({ fact = "busy", value = true, ms = 60000 }, note "busy")
      assert.same({ { "busy", true } }, done)
      assert.equal("/s/hold", writes[1][1])
      writes[1][4](nil, "ENOSPC: full", "ENOSPC")
      assert.same({ "hold", nil, "ENOSPC: full", "ENOSPC" }, done[2])
      assert.is_true(of_thread:value "hold")
      of_thread:note_time()
      assert.equal(2, #writes)
    end)

    it("stand where their file is damaged, until somebody ends them or tells another", function()
      open():add { fact = "hold", value = true, ms = 60000 }
      d:replace("/s/hold", d:read("/s/hold", 9999):sub(1, -20), 384)
      for _ = 1, 2 do -- over restarts, too
        local one = open()
        assert.same({ { "hold", true, "its file cannot be read" } }, rows_of(one))
        one:note_time()
        one:stop()
      end
      local last = open()
      assert.equal(1, last:finish "hold")
      last:stop()
      assert.same({}, open():rows())
    end)

    it("are read as what they are from a file that another program wrote", function()
      local one = kept.new_firm { disk = d, log = silent, dir = "/s", name = "hold" }
      local many = { 7, { ms = -1, value = true }, { ms = 5000, value = 3 }, { ms = 5000, value = true,
        why = ("x"):rep(41) }, { value = true }, { ms = 1 << 52, value = true } }
      for i = 1, 20 do many[#many + 1] = { ms = 5000 + i, value = true } end
      one:put(many)
      assert.equal(16, #open():rows())
      one:put "text"
      assert.same({}, open():rows())
      one:put(7)
      assert.same({}, open():rows())
    end)
  end)
end)
