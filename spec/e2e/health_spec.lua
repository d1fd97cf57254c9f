-- health_spec.lua - a robot whose body is made ill, fault by fault: its checks name each with evidence and cure, a host
-- of its site knows soon, and all is well again when it is mended. Whole daemons; files of the kernel replaced by bind
-- mounts, devices by spec/net/board.c; disks that are full and read-only are real ones.
-- mostly waits: for looks at the sensors
local folder = require "spec.folder"
local json = require "core.json"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local EVERY <const> = 1 -- s between two looks
local KNOWN <const> = 2 * EVERY + 5 -- s until another host knows
local POLICY <const> = [[
local p = extend "duckiebot"
p.clock = "system"
p.clients.diagnostics.every = %d
return p
]]
-- In the mount namespace of the daemon: all of /sys is as it is, but for what is made in DIR/sys.
local MOUNT <const> = [[#!/bin/sh
cd DIR && mkdir -p real && mount --rbind /sys real || exit 9
for one in devices bus dev kernel module class/net; do
  mkdir -p sys/$one && mount --rbind real/$one sys/$one || exit 9
done
mount --rbind sys /sys || exit 9
for one in loadavg meminfo vmstat pressure/io; do mount --bind proc/$one /proc/$one || exit 9; done
exec "$@"
]]

local MEMINFO <const> = [[
MemTotal:        1000000 kB
MemFree:          100000 kB
MemAvailable:     %d kB
SwapTotal:        100000 kB
SwapFree:         %d kB
]]
local IO <const> = [[
some avg10=0.00 avg60=%d.50 avg300=0.00 total=1
full avg10=0.00 avg60=0.00 avg300=0.00 total=1
]]

-- Files by which a robot is well, and those by which it is ill.
local WELL <const> = {
  ["proc/loadavg"] = "0.10 0.10 0.10 1/100 1000\n", ["proc/meminfo"] = MEMINFO:format(500000, 90000),
  ["proc/vmstat"] = "nr_free_pages 1\noom_kill 4\n", ["proc/pressure/io"] = IO:format(0),
  ["sys/class/thermal/thermal_zone0/type"] = "cpu-thermal\n", ["sys/class/thermal/thermal_zone0/temp"] = "52000\n",
  ["sys/class/power_supply/bat/type"] = "Battery\n", ["sys/class/power_supply/bat/capacity"] = "63\n",
  ["sys/class/power_supply/bat/status"] = "Discharging\n", ["sys/fs/ext4/mmcblk0p2/errors_count"] = "0\n",
  ["sys/block/mmcblk0/device/life_time"] = "0x01 0x02\n", ["board/throttled"] = "0x80008\n", ["board/dbm"] = "-61\n",
}
local ILL <const> = {
  { "hot", "error", "91 °C", { ["sys/class/thermal/thermal_zone0/temp"] = "91000\n" } },
  { "battery_low", "error", "7 %", { ["sys/class/power_supply/bat/capacity"] = "7\n" } },
  { "card_worn", "error", "100 % of it", { ["sys/block/mmcblk0/device/life_time"] = "0x0b 0x02\n" } },
  { "writes_wait", "warn", "80 % of a minute", { ["proc/pressure/io"] = IO:format(80) } },
  { "fs_errors", "warn", "3 errors so far", { ["sys/fs/ext4/mmcblk0p2/errors_count"] = "3\n" } },
  { "overloaded", "warn", nil, { ["proc/loadavg"] = "0.10 9000.00 0.10 1/100 1000\n" } },
  { "wifi_weak", "error", "-88 dBm", { ["board/dbm"] = "-88\n" } },
  { "under_voltage", "error", "the board says so now", { ["board/throttled"] = "0xd000d\n" } },
  { "throttled", "warn", "the board says so now", {}, "under_voltage" },
  { "memory_low", "error", "3 % available", { ["proc/meminfo"] = MEMINFO:format(30000, 5000) } },
  { "swap_full", "warn", "95 % of it in use", {}, "memory_low" },
  { "oom_killed", "warn", "3 in the last hour", { ["proc/vmstat"] = "nr_free_pages 1\noom_kill 7\n" }, "memory_low" },
}

describe("a robot", function()
  local s, home

  local function put(files)
    for name, text in pairs(files) do folder.write(home .. name, text) end -- in place: they are bound
  end

  setup(function()
    local why
    s, why = swarm.new { "ada", "bob" }
    assert(s, why)
    home = s:path("ada", "")
    for host, other in pairs { ada = "bob", bob = "ada" } do -- any order: each has a router
      s.world:run(host, "ip route add default via " .. s.world:address(other))
    end
    s:disk("ada", "share", 64)
    for name in pairs(WELL) do s.sh("mkdir -p " .. home .. name:match "^(.*)/") end
    put(WELL)
    folder.write(home .. "mount.sh", (MOUNT:gsub("DIR", (home:gsub("/$", "")))))
    folder.write(s.dir .. "/p.lua", POLICY:format(EVERY))
  end)
  teardown(function() s:close() end)

  local function start_ada()
    local board = ("%s/%s/board.so"):format(s.here, os.getenv "DT_SWARM_BUILD" or ".build")
    s:start("ada", s.dir .. "/p.lua",
      ("sh %smount.sh env LD_PRELOAD=%s DT_SPEC_BOARD=%sboard"):format(home, board, home))
  end

  -- What is known at HOST of the robot ada: the answer of `health ada`
  local function health(host)
    local ok, answer = pcall(s.request, s, host, { command = "health", robot = "ada" })
    return ok and not answer.error and answer or nil
  end

  local function shown(host)
    local known, failing = health(host) or { checks = {} }, {}
    for _, row in ipairs(known.checks or {}) do
      if row.level ~= "ok" then failing[#failing + 1] = row end
    end
    return json.encode { node = known.node, checks = json.array(failing) }
  end

  local function check(id)
    for _, row in ipairs((health "ada" or { checks = {} }).checks) do
      if row.id == id then return row end
    end
  end

  -- Waits until TEST is true; → seconds
  local function wait(bar, what, test)
    local took = s.within(bar, test)
    if not took then error(("%s\nada: %s\nbob: %s\n%s"):format(what, shown "ada", shown "bob", s:logs())) end
    return took
  end

  local function is(row, level, under) return row and row.level == level and row.under == under end

  it("whose body is made ill says of what, its neighbour knows, and both say so when it is well again", function()
    start_ada()
    s:start("bob", s.dir .. "/p.lua")
    wait(30, "well", function()
      local known = health "bob"
      return known and known.node.level == "ok" and known.node.battery == 63 and known.node.temperature and
        known.node.power_now and known.node.wifi and is(check "hot", "ok")
    end)
    local known = health("bob").node
    assert.same({ 8, 8, -61, false }, { known.power_now, known.power_since, known.wifi, known.stale },
      "what is now and what was are told apart")
    for _, row in ipairs(ILL) do wait(10, row[1], function() return is(check(row[1]), "ok") end) end

    put { ["sys/class/thermal/thermal_zone0/temp"] = "91000\n" }
    local took = wait(KNOWN, "one fault", function()
      local node = health("bob").node
      return node.level == "error" and node.failing and node.failing[1].id == "hot"
    end)
    patience.took("a hot robot is known to another host", took, KNOWN)

    for _, row in ipairs(ILL) do put(row[4]) end
    for _, row in ipairs(ILL) do
      wait(10, row[1], function() return is(check(row[1]), row[2], row[5]) end)
      local found = check(row[1])
      assert.equal(row[3] or found.reason, found.reason)
      assert.is_true(#found.summary > 0 and #found.cure > 0)
    end
    wait(KNOWN, "all that counts", function()
      local node = health("bob").node
      return #(node.failing or {}) + (node.more or 0) == 9 and node.power_now == 13
    end)

    put(WELL)
    put { ["board/throttled"] = "0x50000\n", ["proc/vmstat"] = "nr_free_pages 1\noom_kill 7\n" }
    for _, row in ipairs(ILL) do
      if row[1] ~= "oom_killed" then wait(15, row[1] .. " is over", function() return is(check(row[1]), "ok") end) end
    end
    wait(15, "well again", function()
      local node = health("bob").node
      return node.level == "warn" and #node.failing == 1 and node.power_now == 0 and node.power_since == 5
    end)
    assert.equal("oom_killed", health("bob").node.failing[1].id, "what happened within the hour still counts")
  end)

  it("whose disk is full, has too many files or takes nothing, and whose daemon crashed, says so", function()
    local share = s:path("ada", "share")
    s.sh(("mkdir %s/.fill && dd if=/dev/zero of=%s/.fill/large bs=1M"):format(share, share))
    wait(10, "full", function() return is(check "share_low", "error") end)
    s.sh(("rm %s/.fill/large; cd %s/.fill && seq 20000 | xargs touch"):format(share, share))
    wait(20, "too many files", function() return is(check "inodes_low", "error") and is(check "share_low", "ok") end)
    s.sh(("rm -r %s/.fill"):format(share))
    local function remount(how)
      local text, code = s.sh(("nsenter -t %d -m mount -o remount,%s %s"):format(s.running.ada.pid, how, share))
      assert(code == 0, text)
    end
    remount "ro"
    wait(10, "read-only", function() return is(check "share_readonly", "error") and is(check "inodes_low", "ok") end)
    remount "rw"
    wait(10, "mended", function() return is(check "share_readonly", "ok") and is(check "daemon_crashed", "ok") end)
    s:stop("ada", "KILL")
    start_ada()
    wait(20, "crashed", function() return is(check "daemon_crashed", "warn") end)
    wait(20, "its neighbour", function() return health("bob").node.level == "warn" end)
  end)

  it("gives no word of its health to who takes all its records away on a stick", function()
    folder.write(s:path("ada", "share") .. "/run.bag", ("x"):rep(1000))
    wait(20, "file", function() return s:file("ada", "run.bag") end)
    local path = s.dir .. "/stick"
    assert(select(2, s:cli("ada", "export " .. path)) == 0)
    local text = folder.read(path)
    assert.is_truthy(text:find("run.bag", 1, true))
    assert.is_nil(text:find("/health", 1, true))
  end)
end)
