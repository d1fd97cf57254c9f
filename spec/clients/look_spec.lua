-- look_spec.lua - looks at made-up sensors: what nobody tells is unknown, and what was there and goes is no old value.
local look = require "clients.diagnostics.look"
local metrics = require "policy.metrics"
local sim = require "sim.loop"
local values = require "clients.diagnostics.values"

describe("a look", function()
  local loop, known, result, one, looks, delay, ended

  -- A worker that gives `result` after `delay` (ms), or never where it is nil.
  local function worker_of(made)
    return { run = function(_, _, _, done)
      looks = looks + 1
      if made() then loop:after(delay, function() done(made()) end) end
      return {}
    end, close = function() ended = "waited for" end, leave = function() ended = "left" end }
  end

  local function file(path, text) result.files[path] = text and { text = text, cut = false } or { code = "ENOENT" } end

  before_each(function()
    loop, looks, delay = sim.new(), 0, 1
    known = values.new { loop = loop }
    result = { files = {}, disks = {}, interfaces = {}, throttled = { code = "ENOENT" }, clock = { code = "EPERM" } }
    one = look.new { loop = loop, sensor = {}, values = known, every = function() return 60000 end,
      places = function() return { share = "/a", state = "/b" } end, interfaces = function() return {} end,
      worker = function() return worker_of(function() return result end) end, more = { "/data/*.json" } }
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
    one:stop()
    assert.equal("left", ended)
  end)

  it("that came back is no reason not to wait for the thread at the end", function()
    one:now()
    loop:run_until(loop.time + 10)
    one:stop()
    assert.equal("waited for", ended)
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

  it("lacks what is not there, though there are more event files than are read", function()
    result.more = "/data/*.json"
    one:now()
    loop:run_until(loop.time + 10)
    for _, name in ipairs { "load1", "cpu_temperature_celsius", "battery_ratio" } do
      assert.equal("unsupported", known:get(name).quality, name)
    end
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

  describe("at a machine that tells all", function()
    local GOOD <const> = {
      ["/proc/uptime"] = "100.5 1.0\n", ["/proc/loadavg"] = "0.50 0.40 0.30 1/100 7\n",
      ["/sys/devices/system/cpu/online"] = "0-3\n", ["/proc/stat"] = "cpu  1 2 3 4 5 6 7 8 9 0\ncpu0 1\n",
      ["/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"] = "600000\n",
      ["/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"] = "1500000\n",
      ["/sys/class/thermal/thermal_zone0/type"] = "cpu-thermal\n",
      ["/sys/class/thermal/thermal_zone0/temp"] = "48312\n",
      ["/sys/class/thermal/thermal_zone1/type"] = "gpu-thermal\n",
      ["/sys/class/thermal/thermal_zone1/temp"] = "48312\n",
      ["/sys/devices/gpu.0/load"] = "500\n", ["/sys/class/hwmon/hwmon0/fan1_input"] = "3000\n",
      ["/sys/class/power_supply/BAT0/type"] = "Battery\n", ["/sys/class/power_supply/BAT0/capacity"] = "87\n",
      ["/sys/class/power_supply/BAT0/status"] = "Discharging\n",
      ["/sys/class/power_supply/BAT0/voltage_now"] = "12000000\n",
      ["/proc/meminfo"] = "MemTotal:  9 kB\nMemAvailable:  5 kB\nSwapTotal:  4 kB\nSwapFree:  3 kB\n",
      ["/proc/vmstat"] = "nr_free_pages 7\noom_kill 2\n",
      ["/proc/pressure/cpu"] = "some avg10=1.00 avg60=2.00 avg300=0.00 total=1\n",
      ["/proc/pressure/memory"] = "some avg10=1.00 avg60=2.00 avg300=0.00 total=1\n",
      ["/proc/pressure/io"] = "some avg10=1.00 avg60=2.00 avg300=0.00 total=1\n",
      ["/sys/block/mmcblk0/stat"] = " 1 2 3 4 5 6 7 8 9 10 11\n",
      ["/sys/block/sda/stat"] = " 1 2 3 4 5 6 7 8 9 10 11\n",
      ["/sys/fs/ext4/sda1/errors_count"] = "0\n", ["/sys/block/mmcblk0/device/life_time"] = "0x01 0x02\n",
      ["/proc/net/dev"] = "Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
      ["/sys/bus/usb/devices/usb1/idVendor"] = "1d6b\n", ["/sys/bus/usb/devices/1-1/idVendor"] = "8087\n",
    }
    local BAD <const> = { empty = { text = "" }, binary = { text = "\0\255\1\n\200" }, negative = { text = "-1\n" },
      great = { text = "9223372036854775808\n" }, long = { text = ("7"):rep(4096), cut = true },
      folder = { code = "EISDIR" }, pipe = { code = "EINVAL" }, closed = { code = "EACCES" },
      broken = { code = "EIO" } }
    -- What these say is a value, though no good one, or only that they are there.
    local VALUE <const> = {
      ["/sys/class/thermal/thermal_zone0/temp"] = { negative = true },
      ["/sys/class/thermal/thermal_zone1/temp"] = { negative = true },
      ["/sys/bus/usb/devices/usb1/idVendor"] = "any", ["/sys/bus/usb/devices/1-1/idVendor"] = "any",
    }

    local function qualities(change)
      result.files = {}
      for path, text in pairs(GOOD) do file(path, text) end
      if change then change(result.files) end
      loop, looks = sim.new(), 0
      known = values.new { loop = loop }
      one = look.new { loop = loop, sensor = {}, values = known, every = function() return 60000 end,
        places = function() return {} end, interfaces = function() return {} end,
        worker = function() return worker_of(function() return result end) end }
      one:now()
      loop:run_until(loop.time + 10)
      if not change then file("/proc/stat", "cpu  2 4 6 8 10 12 14 16 18 0\n") end
      one:now()
      loop:run_until(loop.time + 10)
      local found = {}
      for _, row in ipairs(known:rows()) do found[row.name] = row end
      return found
    end

    local function is_of(metric, path)
      for _, pattern in ipairs(metric.files or {}) do
        if path:find("^" .. pattern:gsub("[%-%.]", "%%%0"):gsub("%*", "[^/]*") .. "$") then return true end
      end
      return false
    end

    local function check(found, good, path, kind)
      for _, metric in ipairs(metrics.list) do
        local row, what = found[metric.name], ("%s: %s, %s"):format(path, kind, metric.name)
        local fits = VALUE[path] and (VALUE[path] == "any" or VALUE[path][kind])
        if not is_of(metric, path) then
          if metric.name ~= "cpu_busy_ratio" then assert.equal(good[metric.name].value, row.value, what) end
        elseif row.value and not fits then -- of another line of the same file
          assert.equal(good[metric.name].value, row.value, what)
        elseif not row.value then
          assert.equal("unknown", row.quality, what .. ": " .. row.why)
          assert.is_true(#row.why > 3, what)
        end
      end
    end

    it("knows each metric that has a file", function()
      local good = qualities()
      for _, metric in ipairs(metrics.list) do
        if metric.files then assert.is_number(good[metric.name].value, metric.name .. good[metric.name].quality) end
      end
    end)

    it("knows not what a file says that cannot be read or is garbage, and lacks nothing for that", function()
      local good = qualities()
      for path in pairs(GOOD) do -- any order
        for kind, bad in pairs(BAD) do -- any order
          check(qualities(function(files) files[path] = { text = bad.text, cut = bad.cut, code = bad.code } end), good,
            path, kind)
        end
      end
    end)

    it("lacks nothing where a folder of sensors cannot be read, or more files are there than are read", function()
      for _, metric in ipairs(metrics.list) do
        local is_folder = metric.files and metric.files[1]:find("*", 1, true)
        local found = qualities(function(files)
          for path in pairs(GOOD) do -- any order
            if is_of(metric, path) then files[path] = nil end
          end
          for _, pattern in ipairs(is_folder and metric.files or {}) do files[pattern] = { code = "EACCES" } end
          result.more = not is_folder and metric.files and metric.files[1] or nil
        end)
        result.more = nil
        if metric.files then
          assert.equal("unknown", found[metric.name].quality, metric.name)
          assert.matches(is_folder and "EACCES" or "more files", found[metric.name].why, 1, true)
        end
      end
    end)
  end)

  it("tells a battery that is full enough, and so not charged, from one that gives power", function()
    file("/sys/class/power_supply/BAT1/type", "Battery\n")
    for status, wanted in pairs { ["Not charging"] = { 0, 1 }, Discharging = { 0, 0 }, Full = { 1, 1 },
      Charging = { 1, 1 }, Unknown = {} } do -- any order
      file("/sys/class/power_supply/BAT1/status", status .. "\n")
      one:now()
      loop:run_until(loop.time + 10)
      assert.same(wanted, { known:get("battery_charging").value, known:get("mains_power").value })
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
