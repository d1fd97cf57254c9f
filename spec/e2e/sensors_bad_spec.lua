-- sensors_bad_spec.lua - a whole daemon whose sensors are pipes, folders, of ten megabytes, garbage, or may not be
-- read: each such value is unknown, with a reason; the rest goes on; what is mended is measured again.
-- mostly waits: for looks at the sensors
local folder = require "spec.folder"
local metrics = require "policy.metrics"
local patience = require "spec.patience"
local servers = require "spec.net.servers"
local swarm = require "spec.e2e.swarm"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local EVERY <const> = 1 -- s between two looks
local POLICY <const> = ('local p = extend "duckiebot"\np.clients.diagnostics.every = %d\nreturn p\n'):format(EVERY)
-- DIR: of the spec. Root without the right to read what its mode forbids.
local BAD <const> = [[#!/bin/sh
set -e
cd DIR
mkfifo pipe
head -c 10000000 /dev/zero | tr '\0' 7 >big
printf '\0\377\001\n\200' >binary
echo -1 >negative
echo 9223372036854775808 >great
: >empty
mount --bind pipe /proc/loadavg
mount --bind big /proc/meminfo
mount --bind binary /proc/vmstat
mount --bind negative /proc/uptime
mount --bind empty /proc/stat
mount --bind great /proc/pressure/cpu
mount --bind big /proc/pressure/memory
mount --bind pipe /proc/pressure/io
mount -t tmpfs none /sys
cd /sys
mkdir -p devices/system/cpu/online devices/system/cpu/cpu0/cpufreq class/thermal/thermal_zone0 class/hwmon/hwmon0
mkdir -p class/power_supply/BAT0/type block/sda fs/ext4/sda1 bus/usb/devices/usb1/idVendor devices/gpu.0
mkdir -p block/mmcblk0/device/life_time
cp DIR/negative devices/system/cpu/cpu0/cpufreq/scaling_cur_freq
cp DIR/great devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq
cp DIR/big class/hwmon/hwmon0/fan1_input
cp DIR/binary block/sda/stat
cp DIR/great fs/ext4/sda1/errors_count
mkfifo devices/gpu.0/load
echo cpu-thermal >class/thermal/thermal_zone0/type
echo 48312 >class/thermal/thermal_zone0/temp
chmod 000 class/thermal/thermal_zone0
exec setpriv --bounding-set -dac_override,-dac_read_search -- "$@"
]]
-- What is told without a file, and what stands in files that are as they were.
local GOOD <const> = { disk_size_bytes = true, disk_free_bytes = true, state_free_bytes = true }
local NETWORK <const> = { network_received_bytes_total = true, network_sent_bytes_total = true,
  network_errors_total = true, network_drops_total = true }

local WHY <const> = { load1 = "is no file", memory_size_bytes = "longer than 4 KiB", uptime_seconds = "not as",
  cpu_temperature_celsius = "may not be read", cpu_cores = "is a folder" }

describe("a daemon with bad sensors", function()
  local s, why

  setup(function()
    s, why = swarm.new { "ada" }
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/my.lua", POLICY)
    folder.write(s.dir .. "/bad.sh", (BAD:gsub("DIR", s.dir)))
    s:start("ada", s.dir .. "/my.lua", "unshare -m sh " .. s.dir .. "/bad.sh")
    assert(swarm.within(15, function() return s:ask("ada", "health ada") end), s:logs())
  end)
  teardown(function() if s then s:close() end end)

  local function values()
    local by_name = {}
    for _, row in ipairs(s:ask("ada", "health ada").values) do by_name[row.name] = row end
    return by_name
  end

  -- The first of what FOUND tells otherwise than it is | nil
  local function wrong(found)
    for _, metric in ipairs(metrics.list) do
      local row = found[metric.name]
      local is_good = GOOD[metric.name] or NETWORK[metric.name]
      local fits = not is_good and not metric.files or row.quality == (is_good and "measured" or "unknown")
        and (is_good or row.value == nil and #row.why > 3)
      if not fits then return ("%s: %s %s"):format(metric.name, row.quality, row.why) end
    end
    for name, words in pairs(WHY) do -- any order
      if not found[name].why:find(words, 1, true) then return name .. ": " .. found[name].why end
    end
  end

  it("knows of each that nobody knows it, and why; lacks none of them, and goes on", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(10, function() -- until it has looked: before, all is "nothing yet"
      local found = values()
      return found.load1.why:find "is no file" and found.disk_free_bytes.quality == "measured"
        and found.network_received_bytes_total.quality == "measured"
    end), s:cli("ada", "health ada"))
    os.execute("sleep " .. 2 * EVERY + 1)
    local fault, text
    assert.is_truthy(swarm.within(10, function() -- a look that took too long on a busy machine tells that for once
      fault = wrong(values())
      text = s.world:run("ada", "curl -s http://localhost:3827/metrics")
      return not fault and text:find "\ndtswarm_host_disk_free_bytes "
    end), fault or text)
    for _, metric in ipairs(metrics.list) do
      if metric.files and not NETWORK[metric.name] then
        assert.is_nil(text:find("\ndtswarm_host_" .. metric.name, 1, true), metric.name)
      end
    end
    assert.equal(0, select(2, s:cli("ada", "status")))
  end)

  it("measures again within two looks what was mended", function()
    if not s then return pending(why) end
    for pid in swarm.sh(("pgrep -f -- '--state %s'"):format(s:path("ada", "state"))):gmatch "%d+" do
      swarm.sh(("nsenter -t %s -m sh -c 'umount /proc/loadavg; chmod 755 /sys/class/thermal/thermal_zone0'")
        :format(pid))
    end
    local took = swarm.within(2 * EVERY + 1, function()
      local found = values()
      return found.load1.value and found.cpu_temperature_celsius.value == "48.312"
    end)
    assert.is_truthy(took, s:cli("ada", "health ada"))
    patience.took("a sensor that was mended is measured", took, 2 * EVERY)
  end)
end)

-- A root of its own, with /data in it, and event files there as robots leave them, and as nobody should.
local EVENTS <const> = [[#!/bin/sh
set -e
cd DIR
mkdir root
mount -t tmpfs none root
for name in $(ls / | grep -vx data); do
  if [ -L /$name ]; then cp -P /$name root/; continue; fi
  if [ -d /$name ]; then mkdir root/$name; mount --rbind /$name root/$name; fi
done
mkdir -p root/data/stats/events
cd root/data/stats/events
i=100; while [ $i -lt 300 ]; do
  echo "{\"type\":\"old$i\",\"stamp\":1700000000${i}000000,\"data\":{}}" >1700000000${i}000000.json; i=$((i + 1))
done
echo '{"type":"duckiebot/update","stamp":1800000000000000000,"data":{"x":1.5}}' >1800000000000000000.json
echo '{"type":"first_boot","stamp":5000000000,"data":{}}' >1800000000000000001.json
echo 'no JSON' >1800000000000000002.json
truncate -s 1G 1800000000000000003.json
mkfifo 1800000000000000004.json
mkdir 1800000000000000005.json
exec chroot DIR/root "$@"
]]

describe("a daemon with bad event files", function()
  local s, why

  setup(function()
    s, why = swarm.new { "cem" }
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/my.lua", POLICY)
    folder.write(s.dir .. "/events.sh", (EVENTS:gsub("DIR", s.dir)))
    s:start("cem", s.dir .. "/my.lua", "unshare -m sh " .. s.dir .. "/events.sh")
    assert(swarm.within(15, function() return s:ask("cem", "health cem") end), s:logs())
  end)
  teardown(function() if s then s:close() end end)

  it("tells the newest that are some, once each, and says of the others what is wrong", function()
    if not s then return pending(why) end
    local function events() return s:ask("cem", "health cem").events end
    assert.is_truthy(swarm.within(10, function()
      for i = 2, 5 do
        if not s:log "cem":find(("180000000000000000%d.json"):format(i), 1, true) then return false end
      end
      for _, event in ipairs(events()) do
        if event.event == "told" and event.type == "old299" then return true end
      end
    end), s:log "cem")
    os.execute("sleep " .. 3 * EVERY)
    local times = {}
    for _, event in ipairs(events()) do
      if event.event == "told" then times[event.type] = (times[event.type] or 0) + 1 end
      if event.type == "first_boot" then assert.is_nil(event.age_ms) end
    end
    assert.same({ 1, nil }, { times["duckiebot/update"], times.old100 })
    assert.equal(1, times.old299)
    local log = s:log "cem"
    for i, words in pairs { [2] = "no object with a type", [3] = "longer than 4 KiB", [4] = "EINVAL",
      [5] = "EISDIR" } do -- any order
      local line = log:match(("[^\n]*180000000000000000%d%%.json[^\n]*"):format(i))
      assert.matches(words, line, 1, true)
      local _, times_said = log:gsub(("180000000000000000%d%%.json"):format(i), "")
      assert.equal(1, times_said)
    end
  end)
end)

-- A file system in user space whose server is stopped holds whoever reads a file of it, and nobody can end that thread.
if SOAK then
  local PINGS <const>, USUAL_MS <const> = 20, 1000
  local HUNG <const> = [[unshare -m sh -c 'cd DIR && mkdir -p real shown && echo "1.25 0.50 0.25 1/100 7" >real/load &&
    { PROGRAM -f real shown & echo $! >bindfs.pid; sleep 1; } && mount --bind shown/load /proc/loadavg &&
    exec "$@"' sh]]

  describe("a daemon one of whose sensors lies on a file system that hangs", function()
    local s

    setup(function()
      local why
      s, why = swarm.new { "ada", "bob" }
      assert(s, why)
      local program = assert(servers.program "bindfs", "no bindfs")
      swarm.sh(("cp policies/*.lua %s"):format(s.dir))
      folder.write(s.dir .. "/my.lua", POLICY)
      s:start("ada", s.dir .. "/my.lua")
      s:start("bob", s.dir .. "/my.lua", (HUNG:gsub("\n", " "):gsub("DIR", s.dir):gsub("PROGRAM", program)))
      assert(swarm.within(20, function()
        local answer = s:ask("bob", "health bob")
        for _, row in ipairs(answer and answer.values or {}) do
          if row.name == "load1" then return row.value == "1.25" end
        end
      end), s:logs())
      assert(swarm.within(20, function() return select(2, s:cli("ada", "ping bob --count 1")) == 0 end), s:logs())
    end)
    teardown(function()
      if not s then return end
      swarm.sh(("kill -KILL $(cat %s/bindfs.pid)"):format(s.dir)) -- what waits for it goes on
      s:close()
    end)

    local function signal(name) swarm.sh(("kill -%s $(cat %s/bindfs.pid)"):format(name, s.dir)) end

    -- ms of the longest of twenty pings, each of which is answered
    local function longest()
      local most = 0
      for _ = 1, PINGS do
        local answer = assert(s:ask("ada", "ping bob --count 1"), s:logs())
        most = math.max(most, answer.tries[1].rtt_us // 1000)
        swarm.sh "sleep 1"
      end
      return most
    end

    local function load()
      for _, row in ipairs(s:ask("bob", "health bob").values) do
        if row.name == "load1" then return row end
      end
    end

    it("answers pings in its usual time, knows nothing of its body, measures again later, and ends when it is told to",
      function()
        local usual = longest()
        signal "STOP"
        local most = longest()
        patience.took("a ping beside a sensor that hangs", most / 1000, usual / 1000)
        assert.is_true(most < math.max(10 * usual, USUAL_MS), ("%d ms, %d ms before"):format(most, usual))
        assert.same({ nil, "unknown" }, { load().value, load().quality })
        assert.matches("slow", load().why, 1, true)
        signal "CONT"
        assert(swarm.within(20, function() return load().value == "1.25" end), load().why)
        signal "STOP"
        swarm.sh "sleep 3"
        assert(s:stop("bob", "TERM"), "it does not end")
      end)
  end)
end
