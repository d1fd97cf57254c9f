-- look_spec.lua - looks at made-up sensors: what nobody tells is unknown, and what was there and goes is no old value.
local look = require "clients.diagnostics.look"
local metrics = require "policy.metrics"
local sim = require "sim.loop"
local values = require "clients.diagnostics.values"

describe("a look", function()
  local loop, known, result, one, looks, delay

  -- A worker that gives `result` after `delay` (ms), or never where it is nil.
  local function worker_of(made)
    return { run = function(_, _, _, done)
      looks = looks + 1
      if made() then loop:after(delay, function() done(made()) end) end
      return {}
    end, close = function() end }
  end

  local function file(path, text) result.files[path] = text and { text = text, cut = false } or { code = "ENOENT" } end

  before_each(function()
    loop, looks, delay = sim.new(), 0, 1
    known = values.new { loop = loop }
    result = { files = {}, disks = {}, interfaces = {}, throttled = { code = "ENOENT" }, clock = { code = "EPERM" } }
    one = look.new { loop = loop, sensor = {}, values = known, every = function() return 60000 end,
      places = function() return { share = "/a", state = "/b" } end, interfaces = function() return {} end,
      worker = function() return worker_of(function() return result end) end }
  end)

  it("at a machine that tells nothing knows no value at all, and says why of each", function()
    one:start()
    loop:run_until(loop.time + 3000)
    for _, row in ipairs(known:rows()) do
      assert.is_nil(row.value, row.name)
      assert.is_true(row.quality == "unknown" or row.quality == "unsupported", row.name)
      assert.is_string(row.why, row.name)
    end
    assert.equal(#metrics.list, #known:rows())
  end)

  it("says of what was there and went that it is unknown, not what it was", function()
    file("/proc/loadavg", "0.50 0.40 0.30 1/100 7\n")
    one:start()
    loop:run_until(loop.time + 3000)
    assert.same({ 0.5, "measured" }, { known:get("load1").value, known:get("load1").quality })
    file "/proc/loadavg"
    loop:run_until(loop.time + 60000)
    assert.is_nil(known:get("load1").value)
    assert.equal("unknown", known:get("load1").quality)
    assert.matches("any more", known:get("load1").why, 1, true)
  end)

  it("takes no garbage for a value", function()
    for _, text in ipairs { "", "x", "-1.0 2 3 1/1 1\n", "0.5", "nan 1 1 1\n", "\0\255", ("9"):rep(400),
      ("9"):rep(400) .. ".0 1.0 1.0 1/1 1\n", "9223372036854775808.00 1.0 1.0 1/1 1\n" } do
      file("/proc/loadavg", text)
      file("/proc/uptime", text .. "!")
      one:now()
      loop:run_until(loop.time + 10)
      assert.is_nil(known:get("load1").value, text)
      assert.is_nil(known:get("uptime_seconds").value, text)
    end
  end)

  it("that hangs makes all unknown, and no second one begins", function()
    file("/proc/loadavg", "0.50 0.40 0.30 1/100 7\n")
    one:now()
    loop:run_until(loop.time + 10)
    assert.equal(0.5, known:get("load1").value)
    result = nil
    one:start()
    loop:run_until(loop.time + 300000)
    assert.equal(2, looks)
    assert.same({ nil, "unknown" }, { known:get("load1").value, known:get("load1").quality })
    assert.matches("slow", known:get("load1").why, 1, true)
  end)

  it("that comes back too late brings nothing: the next one does", function()
    file("/proc/loadavg", "0.50 0.40 0.30 1/100 7\n")
    delay = 3600000
    one:now()
    loop:run_until(loop.time + delay + 10)
    assert.equal(1, looks)
    assert.same({ nil, "unknown" }, { known:get("load1").value, known:get("load1").quality })
    assert.matches("too late", known:get("load1").why, 1, true)
    delay = 1
    one:now()
    loop:run_until(loop.time + 10)
    assert.equal(0.5, known:get("load1").value)
  end)

  it("takes no swap of less than nothing", function()
    for free, used in pairs { [4] = 6 * 1024, [10] = 0, [11] = "unknown" } do -- any order
      file("/proc/meminfo", ("SwapTotal:  10 kB\nSwapFree:  %d kB\n"):format(free))
      one:now()
      loop:run_until(loop.time + 10)
      local row = known:get "swap_used_bytes"
      assert.equal(used, row.value or row.quality)
    end
  end)

  it("tells the bits of now from those since the start", function()
    for word, now in pairs { [0x80008] = { 0, 0, 0, 1 }, [0x50000] = { 0, 0, 0, 0 } } do
      result.throttled = { word = word }
      one:now()
      loop:run_until(loop.time + 10)
      local names, got, since = { "under_voltage", "frequency_capped", "throttled", "soft_limited" }, {}, {}
      for i, name in ipairs(names) do
        got[i], since[i] = known:get(name).value, known:get(name .. "_since_boot").value
      end
      assert.same(now, got)
      assert.same(word == 0x50000 and { 1, 0, 1, 0 } or { 0, 0, 0, 1 }, since)
    end
    result.throttled = { word = 0x100000 }
    one:now()
    loop:run_until(loop.time + 10)
    assert.is_nil(known:get("under_voltage").value)
  end)
end)
