-- past_spec.lua - what is remembered of a body, and who is told: history over restarts, event files once each, alerts
-- once until somebody was well, the owner's program one run at a time. Virtual time; the program itself in spec/e2e.
local alert = require "clients.diagnostics.alert"
local events = require "clients.diagnostics.events"
local history = require "clients.diagnostics.history"
local json = require "core.json"
local text = require "core.text"
local notify_program = require "clients.diagnostics.notify_program"
local simloop = require "sim.loop"

local MINUTE <const>, HOUR <const> = 60 * 1000, 60 * 60 * 1000
local EPOCH <const> = 500000 * HOUR

describe("the history of a body", function()
  local loop, values, stored, proved, rejected

  local function new()
    return history.new { loop = loop, time = { proved_now = function() return proved and EPOCH + loop.time end },
      of = function(name) return values[name] end,
      kept = function()
        return { read = function() return stored end, start = function() end, stop = function() end,
          reject = function() rejected = rejected + 1 end }
      end }
  end

  before_each(function() loop, values, stored, proved, rejected = simloop.new(), {}, nil, true, 0 end)

  local function pass(one, minutes)
    for _ = 1, minutes do
      loop:run_until(loop.time + MINUTE)
      one:look()
    end
  end

  it("has a value a minute, what was unknown as unknown, and least, mean and most of each hour", function()
    local one = new()
    values.cpu_temperature_celsius = 40
    pass(one, 30)
    values.cpu_temperature_celsius = nil
    pass(one, 10)
    values.cpu_temperature_celsius = 60.5
    pass(one, 20)
    local day = one:day(2)
    assert.same({ 60, 40.0, false, 60.5 }, { #day, day[1], day[35], day[60] })
    assert.is_false(one:day(1)[1])
    pass(one, 1)
    local hour = one:all_hours()[1]
    assert.same({ 40.0, 60.5 }, { hour.values[2][1], hour.values[2][3] })
    assert.is_true(hour.values[2][2] > 40 and hour.values[2][2] < 60.5)
    assert.is_false(hour.values[1])
  end)

  it("keeps the hours over a restart, the one that went on among them, two weeks of them in 24 KiB", function()
    local one = new()
    values.load1, values.battery_ratio = 1.5, 0.5
    pass(one, 20 * 24 * 60)
    local line = json.encode { data = one:data(), hash = ("x"):rep(43), schema = 1 }
    assert.is_true(#line <= 24 * 1024, #line .. " bytes")
    stored = json.decode(json.encode(one:data()))
    local again = new()
    local hours = again:all_hours()
    assert.equal(14 * 24, #hours)
    assert.same({ 1.5, 1.5, 1.5 }, hours[#hours].values[4])
    assert.equal((EPOCH + loop.time) // HOUR, hours[#hours].hour)
  end)

  it("knows no hour of the day while nobody proves the time, and remembers all the same", function()
    proved = false
    local one = new()
    values.load1 = 1
    pass(one, 61)
    assert.is_nil(one:all_hours()[1].hour)
    assert.equal(60, one:all_hours()[1].minutes)
  end)

  it("begins anew where what is kept is no history, and has that put aside", function()
    local least_above_mean = ("<I4Bi2i2i2"):pack(500000, 60, 9, 5, 9) .. ("\0"):rep(42)
    for i, data in ipairs { 7, "x", {}, { hours = 7 }, { hours = "!" }, { hours = "AAAA" },
      { hours = text.base64url(("\0"):rep(53 * 337)) }, { hours = text.base64url(least_above_mean) } } do
      stored = data
      assert.same({}, new():all_hours())
      assert.equal(i, rejected)
    end
    stored = { hours = "" }
    assert.same({}, new():all_hours())
    assert.equal(8, rejected)
  end)
end)

describe("event files", function()
  local told, log

  local function new(known)
    told, log = {}, {}
    return events.new { loop = simloop.new(), known = known, now = function() return EPOCH end,
      ring = { add = function(_, _, event) told[#told + 1] = event end },
      log = { once = function(_, _, _, _, what, facts) log[#log + 1] = what .. " " .. facts[1][2] end } }
  end

  local BOOT <const> = { path = "/data/stats/events/1.json",
    text = '{"type":"boot","stamp":1700000000123456789,"data":{"x":1.5}}' }

  it("are told once each, over restarts, too", function()
    local one = new()
    one:take { BOOT }
    one:take { BOOT }
    assert.equal(1, #told)
    assert.same({ "told", "boot", 1700000000123 }, { told[1].event, told[1].type, told[1].at })
    one = new(one:known())
    one:take { BOOT }
    assert.equal(0, #told)
  end)

  it("that are no such thing are said and left, one stamped in 1970 has no time", function()
    local one = new()
    one:take { { path = "a", text = "no" }, { path = "b", text = "[1]" }, { path = "c", text = '{"type":7}' },
      { path = "d", text = ("x"):rep(4096), cut = true }, { path = "e", code = "EISDIR" },
      { path = "f", text = '{"type":"boot","stamp":5}' }, { path = "g", text = '{"type":"\\u001b[31m"}' } }
    assert.equal(5, #log)
    assert.equal(2, #told)
    for _, event in ipairs(told) do
      assert.is_nil(event.at)
      assert.is_nil(event.type:find "\27")
    end
  end)

  it("stamped in the future have no age: that clock was wrong, and nobody knows by how much", function()
    local one, ages = new(), {}
    for i, ms in ipairs { -5000, 30000, 3600000 } do
      one:take { { path = "a", text = ('{"type":"x%d","stamp":%d}'):format(i, (EPOCH + ms) * 1000000) } }
    end
    for i, event in ipairs(one:last()) do ages[i] = event.age_ms or "unknown" end
    assert.same({ 5000, 0, "unknown" }, ages)
  end)
end)

describe("an alert", function()
  local loop, rows, missing, told, one, stored, soon, rejected

  local function new()
    one = alert.new { loop = loop, rows = function() return rows end, missing = function() return missing end,
      failing = function() return "disk_full", "ENOSPC" end, here = function() return {} end,
      now = function() return EPOCH end, told = function(change) told[#told + 1] = change end,
      policy = function()
        return { ask = function(_, _, change) return change.level == "error" or change.lost end }
      end, kept = function(name, data)
        assert.equal("alerts", name)
        return { read = function() return stored end, start = function() end, stop = function() end,
          reject = function() rejected = rejected + 1 end,
          soon = function()
            soon = soon + 1
            stored = json.decode(json.encode(data()))
          end }
      end }
  end

  before_each(function()
    loop, rows, missing, told, stored, soon, rejected = simloop.new(), {}, {}, {}, nil, 0, 0
    new()
  end)

  local function look(level, status)
    rows = { { id = "a", label = "ada", level = level, status = status or "ready", seen_ms = 5000 } }
    one:look()
    loop:run_until(loop.time + MINUTE)
  end

  it("comes once of each trouble, and again only after the robot was well", function()
    for _, level in ipairs { "ok", "error", "error", "warn", "error", "warn", "error" } do look(level) end
    assert.equal(1, #told)
    assert.same({ "error", "ok", "disk_full", "ada", 5 },
      { told[1].level, told[1].before, told[1].check, told[1].name, told[1].age })
    look(nil)
    look "error"
    assert.equal(1, #told)
    look "ok"
    look "error"
    assert.equal(2, #told)
  end)

  it("comes of one of the roster who is lost, and of nobody else who is", function()
    look "ok"
    look(nil, "lost")
    assert.equal(0, #told)
    missing = { { id = "a" } }
    look(nil, "lost")
    look(nil, "lost")
    assert.equal(1, #told)
    assert.is_true(told[1].lost)
  end)

  it("is not forgotten by a start: it comes again only after the robot was well, or where it got worse", function()
    look "error"
    assert.same({ 1, 1 }, { #told, soon })
    for _ = 1, 3 do
      new()
      rows = {} -- nobody is heard yet
      one:look()
      loop:run_until(loop.time + MINUTE)
      look(nil)
      look "error"
      look "warn"
      look "error"
    end
    assert.same({ 1, 1 }, { #told, soon })
    missing = { { id = "a" } }
    look(nil, "lost")
    new()
    look(nil, "lost")
    assert.same({ 2, true, "error" }, { #told, told[2].lost, told[2].before })
    new()
    look "ok"
    new()
    look "error"
    assert.equal(3, #told)
  end)

  it("begins anew where what is kept is no list of alerts, which is put aside; remembers 1,024 robots", function()
    for i, data in ipairs { 7, "x", {}, { told = 7 }, { told = { 7 } }, { told = { a = 1 } },
      { told = json.array { json.array { "a", "error" }, json.array { "a", "ok" } } },
      { told = json.array { json.array { ("a"):rep(65), "error" } } }, { told = json.array { json.array {} } },
      { told = json.array { json.array { 7, "error" } } } } do
      stored, told = data, {}
      new()
      assert.equal(i, rejected)
      look "error"
      assert.equal(1, #told)
    end
    for i = 1, 1500 do rows[i] = { id = "n" .. i, label = "n", level = "error", status = "ready" } end
    one:look()
    loop:run_until(loop.time + MINUTE)
    assert.equal(1024, #one:data().told)
    assert.same({ "alerts", 1024, 1024 }, { one:bounds()[1].name, one:bounds()[1].count, one:bounds()[1].limit })
    assert.is_true(#json.encode(one:data()) < 256 * 1024)
  end)

  it("does not come of what somebody who left said before", function()
    look("error", "left")
    assert.equal(0, #told)
  end)
end)

describe("the owner's program", function()
  local loop, runs, living, said, found, lacking

  local function new()
    loop, runs, living, said, found, lacking = simloop.new(), {}, 0, {}, { "/etc/dt-swarm/notify" }, nil
    return notify_program.new { loop = loop, find = function() return table.unpack(found, 1, 3) end,
      log = { warn = function(_, _, _, facts) said[#said + 1] = facts.why end },
      spawn = function(options)
        if lacking then return nil, lacking end
        living = living + 1
        assert.equal(1, living, "two at once")
        local child = { options = options }
        function child.write(_, line) child.line = line end
        function child.end_input() child.is_ended = true end
        function child.kill()
          living = living - 1
          loop:post(function() options.on_exit(0, 15) end)
        end
        function child.exit(code)
          living = living - 1
          options.on_exit(code, 0)
        end
        function child.close() end
        runs[#runs + 1] = child
        return child
      end }
  end

  it("gets a minute's changes as one line, and is run one at a time", function()
    local one = new()
    one:tell { name = "ada" }
    one:tell { name = "bob" }
    loop:run_until(3000)
    assert.equal(1, #runs)
    assert.is_true(runs[1].is_ended)
    local changes = json.decode((runs[1].line:gsub("\n$", ""))).changes
    assert.same({ "ada", "bob" }, { changes[1].name, changes[2].name })
    one:tell { name = "cem" }
    loop:run_until(9000)
    assert.equal(1, #runs)
    runs[1].exit(0)
    loop:run_until(61000)
    assert.equal(1, #runs)
    loop:run_until(63000)
    assert.equal(2, #runs)
    runs[2].exit(0)
    assert.same({}, said)
  end)

  it("is ended where it hangs or writes without end, and that is said", function()
    local one = new()
    one:tell { name = "ada" }
    loop:run_until(20000)
    assert.matches("longer than 10 s", said[1], 1, true)
    one:tell { name = "ada" }
    loop:run_until(63000)
    runs[2].options.on_output(("x"):rep(10 << 20))
    loop:run_until(64000)
    assert.matches("wrote more than", said[2], 1, true)
    assert.equal(0, living)
  end)

  it("that cannot be ended is waited for: no second one is begun", function()
    local one = new()
    one:tell { name = "ada" }
    loop:run_until(3000)
    runs[1].kill = function() end
    one:tell { name = "bob" }
    loop:run_until(10 * MINUTE)
    assert.equal(1, #runs)
  end)

  it("that cannot be started now is started later, with all that happened", function()
    local one = new()
    lacking = "EAGAIN: too many processes"
    one:tell { name = "ada" }
    loop:run_until(3 * MINUTE)
    assert.same({ lacking }, said)
    one:tell { name = "bob" }
    lacking = nil
    loop:run_until(5 * MINUTE)
    assert.equal(1, #runs)
    local changes = json.decode((runs[1].line:gsub("\n$", ""))).changes
    assert.same({ 2, "ada", "bob" }, { #changes, changes[1].name, changes[2].name })
  end)

  it("that may not be run is not, and is said once; where there is none nothing is said", function()
    local one = new()
    found = { nil, "permission: it may be written by others", "permission" }
    for _ = 1, 3 do
      one:tell { name = "ada" }
      loop:run_until(loop.time + 70000)
    end
    assert.same({ "permission: it may be written by others" }, said)
    one = new()
    found = { nil, "missing: there is none", "missing" }
    one:tell { name = "ada" }
    loop:run_until(loop.time + 70000)
    assert.same({ 0, {} }, { #runs, said })
  end)
end)
