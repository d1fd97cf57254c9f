-- health_checks_spec.lua - what the checks make of what is measured, look after look: the shipped ones by the shipped
-- policy, each made to fail and to recover; how calm a level is; what operators' own may not do.
local checks = require "clients.diagnostics.checks"
local levels = require "clients.diagnostics.levels"
local policies = require "spec.policy.policies"
local simloop = require "sim.loop"

local MINUTE <const> = 60 * 1000

-- Of each shipped check by sensors: { what makes it fail, its level, what it says, what heals it }.
local FAULTS <const> = {
  card_worn = { { card_used_ratio = 0.9 }, "warn", "90 % of it", { card_used_ratio = 0.2 } },
  writes_wait = { { pressure_io_ratio = 0.7 }, "warn", "70 % of a minute", { pressure_io_ratio = 0.1 } },
  hot = { { cpu_temperature_celsius = 86 }, "error", "86 °C", { cpu_temperature_celsius = 60 } },
  overloaded = { { load5 = 13, cpu_cores = 4 }, "warn", "3 processes for each core", { load5 = 1, cpu_cores = 4 } },
  battery_low = { { battery_ratio = 0.15 }, "warn", "15 %", { battery_ratio = 0.5 } },
  memory_low = { { memory_available_bytes = 3, memory_size_bytes = 100 }, "error", "3 % available",
    { memory_available_bytes = 50, memory_size_bytes = 100 } },
  swap_full = { { swap_used_bytes = 95, swap_size_bytes = 100 }, "warn", "95 % of it in use",
    { swap_used_bytes = 5, swap_size_bytes = 100 } },
  share_low = { { disk_free_bytes = 2, disk_size_bytes = 100 }, "error", "2 % free",
    { disk_free_bytes = 50, disk_size_bytes = 100 } },
  inodes_low = { { disk_inodes_free = 9, disk_inodes = 100 }, "warn", "9 % of its files free",
    { disk_inodes_free = 90, disk_inodes = 100 } },
  wifi_weak = { { wifi_signal_dbm = -80 }, "warn", "-80 dBm", { wifi_signal_dbm = -60 } },
  share_readonly = { { share_readonly = 1 }, "error", "it is mounted read-only", { share_readonly = 0 } },
  fs_errors = { { filesystem_errors = 3 }, "warn", "3 errors so far", { filesystem_errors = 0 } },
  under_voltage = { { under_voltage = 1 }, "error", "the board says so now",
    { under_voltage = 0, under_voltage_since_boot = 1 } },
  throttled = { { throttled = 1, frequency_capped = 0 }, "warn", "the board says so now",
    { throttled = 0, frequency_capped = 0, throttled_since_boot = 1 } },
}
local FOUND <const> = { "port_taken", "other_swarm", "law", "time_unproved", "clock_off", "clone", "name_twice",
  "disk_errors", "disk_readonly", "disk_full", "oom_killed", "daemon_crashed" }
local PROBED <const> = { "no_lan", "bridge_only", "same_subnet", "mtu", "no_route", "gateway_dead", "dns_dead",
  "dns_no_name", "isolated", "broadcast_out", "broadcast_in", "one_way" }

describe("the checks of a policy", function()
  local policy, loop, one, known, changes, blind

  local function use(body)
    policy = assert(policies.with(body or ""))
    loop, known, changes, blind = simloop.new(), {}, {}, false
    one = checks.new { loop = loop, policy = function() return policy end, here = function() return {} end,
      blind = function() return blind end, measures = function()
        local copy = {}
        for name, value in pairs(known) do copy[name] = value end
        return copy
      end }
    one:on_change(function(change) changes[#changes + 1] = change end)
  end
  after_each(function() policy:close() end)

  local function look(times)
    for _ = 1, times or 1 do
      one:look()
      loop:run_until(loop.time + MINUTE)
    end
  end

  local function row_of(id)
    for _, row in ipairs(one:rows()) do
      if row.id == id then return row end
    end
  end

  it("fail each by its cause and no other, and recover; with nothing known none is ok", function()
    use()
    look(3)
    assert.same({ ok = 0, warn = 0, error = 0, unknown = #one:rows() }, one:counts())
    assert.is_nil(one:level())
    local faults = {}
    for id, fault in pairs(FAULTS) do faults[id] = fault end
    for _, id in ipairs(FOUND) do faults[id] = { { [id] = "seen" }, nil, "seen", { [id] = false } } end
    for _, id in ipairs(PROBED) do
      faults[id] = { { ["net_" .. id] = "seen" }, nil, "seen", { ["net_" .. id] = false } }
    end
    for _, row in ipairs(one:rows()) do
      local fault = assert(faults[row.id], row.id .. " has no cause here")
      known = fault[1]
      look(2)
      local failed = row_of(row.id)
      assert.is_true(failed.level == "warn" or failed.level == "error", row.id)
      assert.equal(fault[2] or failed.level, failed.level, row.id)
      assert.equal(fault[3], failed.reason, row.id)
      assert.is_true(#failed.summary > 10 and #failed.cure > 10, row.id)
      local counts = one:counts()
      assert.equal(1, counts.warn + counts.error, row.id .. ": others fail with it")
      known = fault[4]
      look(3)
      assert.equal("ok", row_of(row.id).level, row.id)
      known = {}
      look(2)
      assert.is_nil(row_of(row.id).level, row.id)
    end
  end)

  it("say of nothing that it is well where no file of the sensors could be read, and what is wrong all the same",
    function()
      use()
      known = { cpu_temperature_celsius = 50, port_taken = false, disk_free_bytes = 50, disk_size_bytes = 100 }
      look(3)
      assert.same({ "ok", "ok", "ok" }, { row_of("hot").level, row_of("port_taken").level, one:level() })
      blind, known.cpu_temperature_celsius = true, nil
      look(2)
      assert.same({ 0, #one:rows() }, { one:counts().ok, one:counts().unknown })
      assert.is_nil(one:level())
      known.port_taken = "udp 3825"
      look(2)
      assert.same({ "warn", "udp 3825" }, { one:level(), row_of("port_taken").reason })
      known.port_taken = false
      look(3)
      assert.is_nil(one:level())
    end)

  it("say after two looks that it is worse, after three that it is better, one with hold 0 at once", function()
    use()
    known = { cpu_temperature_celsius = 50, under_voltage = 0 }
    look()
    assert.equal("ok", row_of("hot").level)
    known = { cpu_temperature_celsius = 90, under_voltage = 1 }
    look()
    assert.same({ "ok", "error" }, { row_of("hot").level, row_of("under_voltage").level })
    look()
    assert.equal("error", row_of("hot").level)
    known = { cpu_temperature_celsius = 50, under_voltage = 0 }
    look(2)
    assert.same({ "error", "error" }, { row_of("hot").level, row_of("under_voltage").level })
    assert.equal("90 °C", row_of("hot").reason, "what is told has its evidence")
    look()
    assert.is_nil(row_of("hot").reason)
    assert.same({ "ok", "ok" }, { row_of("hot").level, row_of("under_voltage").level })
  end)

  it("count one cause once: what follows from it stands under it", function()
    use()
    known = { net_no_route = "none", net_gateway_dead = "dead", net_dns_dead = "dead", cpu_temperature_celsius = 40 }
    look(3)
    assert.same({ nil, "no_route", "no_route" },
      { row_of("no_route").under, row_of("gateway_dead").under, row_of("dns_dead").under })
    local counts = one:counts()
    assert.same({ 1, 0, 1 }, { counts.warn, counts.error, counts.ok })
    assert.equal("warn", one:level())
  end)

  it("that change too often flap: told once, the worst stands, until it is calm for an hour", function()
    use()
    for _ = 1, 8 do
      known = { cpu_temperature_celsius = 90 }
      look(2)
      known = { cpu_temperature_celsius = 50 }
      look(3)
    end
    assert.is_true(row_of("hot").flapping)
    assert.equal("error", row_of("hot").level)
    local told = #changes
    for _ = 1, 4 do
      known = { cpu_temperature_celsius = 90 }
      look(2)
      known = { cpu_temperature_celsius = 50 }
      look(3)
    end
    assert.equal(told, #changes)
    look(62)
    assert.same({ false, "ok" }, { row_of("hot").flapping, row_of("hot").level })
  end)

  it("of an operator stand beside the shipped ones; one that throws, loops or answers 3 is unknown, the others go on",
    function()
      use [[
        local checks, shipped = p.clients.diagnostics.checks, p.clients.diagnostics.check
        local list = {}
        for i, row in ipairs(checks) do list[i] = row end
        for _, id in ipairs { "own", "throws", "loops", "three" } do
          list[#list + 1] = { id = id, summary = "A check of mine.", cure = "Do something." }
        end
        p.clients.diagnostics.checks = list
        function p.clients.diagnostics.check(check, m, here)
          if check.id == "own" then return m.load1 and (m.load1 > 2 and "warn" or "ok"), "mine" end
          if (m.load1 or 0) > 2 and check.id == "throws" then error "on purpose" end
          if (m.load1 or 0) > 2 and check.id == "loops" then while true do end end
          if (m.load1 or 0) > 2 and check.id == "three" then return 3 end
          return shipped(check, m, here)
        end
      ]]
      local failures = {}
      policy.on_failure = function(path, fault) failures[#failures + 1] = path .. " " .. tostring(fault) end
      known = { load1 = 3, cpu_temperature_celsius = 40 }
      look(2)
      assert.same({ "warn", "mine" }, { row_of("own").level, row_of("own").reason })
      for _, id in ipairs { "throws", "loops", "three" } do assert.is_nil(row_of(id).level, id) end
      assert.equal("ok", row_of("hot").level)
      assert.is_true(#failures >= 3)
      for _, failure in ipairs(failures) do
        assert.matches("^clients%.diagnostics%.check policy: my%.lua:%d+: ", failure)
      end
    end)

  it("are refused where one is ok with nothing known, or has an ID twice, by the line", function()
    for _, body in ipairs {
      "function p.clients.diagnostics.check() return 'ok' end",
      "p.clients.diagnostics.checks = { { id = 'a', summary = 'x', cure = 'y' },"
        .. " { id = 'a', summary = 'x', cure = 'y' } }",
    } do
      local made, faults = policies.with(body)
      assert.is_nil(made, body)
      assert.equal("my.lua", faults[1].file)
      assert.equal(2, faults[1].line)
    end
    use()
  end)
end)

describe("a level", function()
  it("that nobody knows any more is no old one", function()
    local one = levels.new(0)
    levels.look(one, "ok", nil, nil, 0)
    assert.equal("ok", one.level)
    levels.look(one, nil, nil, nil, MINUTE)
    levels.look(one, nil, nil, nil, 2 * MINUTE)
    assert.is_nil(one.level)
  end)
end)
