-- sensors_spec.lua - what a whole daemon measures: nothing at all where there is nothing to read, what other programs
-- say where there is, and unknown, not the old value, where a file goes while it runs.
-- mostly waits: for looks at the sensors
local folder = require "spec.folder"
local metrics = require "policy.metrics"
local patience = require "spec.patience"
local swarm = require "spec.e2e.swarm"

local EVERY <const> = 1 -- s between two looks
local OFTEN <const>, LOOKS <const> = 0.1, 60 -- s between two looks of another daemon, and how many are counted
local POLICY <const> = 'local p = extend "duckiebot"\np.clock = "system"\np.clients.diagnostics.every = %s\nreturn p\n'
-- A root in which the kernel tells of processes alone, and of no device.
local EMPTY <const> = "unshare -pfm --mount-proc sh -c 'mount -t proc -o subset=pid proc /proc && mount -t tmpfs none \z
  /sys && exec \"$@\"' sh"
-- A load average of our own, which may go.
local FILES <const> = "unshare -m sh -c 'mkdir -p DIR/proc && printf \"1.25 0.50 0.25 1/100 7\\n\" >DIR/load && \z
  mount --bind DIR/load /proc/loadavg && exec \"$@\"' sh"

describe("the sensors of a daemon", function()
  local s, why

  setup(function()
    s, why = swarm.new { "ada", "bob", "cem" }
    if not s then return end
    swarm.sh(("cp policies/*.lua %s"):format(s.dir))
    folder.write(s.dir .. "/my.lua", POLICY:format(EVERY))
    folder.write(s.dir .. "/often.lua", POLICY:format(OFTEN))
    s:start("ada", s.dir .. "/my.lua", EMPTY)
    s:start("bob", s.dir .. "/my.lua", (FILES:gsub("DIR", s.dir)))
    s:start("cem", s.dir .. "/often.lua")
    for _, host in ipairs { "ada", "bob", "cem" } do
      assert(swarm.within(15, function() return s:ask(host, "health " .. host) end), s:logs())
    end
  end)
  teardown(function() if s then s:close() end end)

  -- The processes of HOST's daemon, and of no other world's host of that name.
  local function pids(host)
    local found = swarm.sh(("pgrep -f -- '--state %s'"):format(s:path(host, "state")))
    return assert(found:find "%d" and found, "no process of " .. host)
  end

  -- The values of HOST by name.
  local function values(host)
    local by_name = {}
    for _, row in ipairs(s:ask(host, "health " .. host).values) do by_name[row.name] = row end
    return by_name
  end

  local DISK <const> = { disk_size_bytes = true, disk_free_bytes = true, disk_inodes = true, disk_inodes_free = true,
    share_readonly = true, state_size_bytes = true, state_free_bytes = true, state_inodes_free = true,
    clock_synchronised = true, clock_error_seconds = true } -- by calls, of what is there

  it("know nothing on an empty root: each metric of the table says why, and no number is told", function()
    if not s then return pending(why) end
    os.execute("sleep " .. 2 * EVERY + 1)
    local found = values "ada"
    for _, metric in ipairs(metrics.list) do
      local row = assert(found[metric.name], metric.name)
      if not DISK[metric.name] then
        assert.is_nil(row.value, metric.name)
        assert.is_true(row.quality == "unknown" or row.quality == "unsupported", metric.name)
        assert.is_true(#row.why > 3, metric.name)
      end
    end
    local text = s.world:run("ada", "curl -s http://localhost:3827/metrics")
    for name in text:gmatch "\ndtswarm_host_([%w_]+) " do assert.is_true(DISK[name], name) end
    local row = s:ask("ada", "health").nodes[1]
    for _, check in ipairs(s:ask("ada", "health ada").checks) do assert.is_not_equal("ok", check.level, check.id) end
    for _, name in ipairs { "level", "battery", "temperature", "memory", "load", "wifi", "uptime", "power_now" } do
      assert.is_nil(row[name], name)
    end
  end)

  -- What COMMAND prints on bob, a number.
  local function other(command) return tonumber((s.world:run("bob", command):match "%-?[%d.]+")) end

  it("say what other programs say, each within its step", function()
    if not s then return pending(why) end
    local state = s:path("bob", "state")
    local COMMANDS <const> = {
      uptime_seconds = "cut -d. -f1 /proc/uptime",
      memory_size_bytes = "free -b | awk '/^Mem/ { print $2 }'",
      memory_available_bytes = "free -b | awk '/^Mem/ { print $7 }'",
      swap_size_bytes = "free -b | awk '/^Swap/ { print $2 }'",
      swap_used_bytes = "free -b | awk '/^Swap/ { print $3 }'",
      state_size_bytes = "df -B1 --output=size " .. state .. " | tail -1",
      state_free_bytes = "df -B1 --output=avail " .. state .. " | tail -1",
      state_inodes_free = "df --output=iavail " .. state .. " | tail -1",
      cpu_cores = "getconf _NPROCESSORS_ONLN",
      network_received_bytes_total = "python3 -c \"print(sum(int(l.split(':')[1].split()[0]) for l in \z
        open('/proc/net/dev') if ':' in l and not l.strip().startswith('lo')))\"",
      oom_kills_total = "awk '/^oom_kill / { print $2 }' /proc/vmstat",
    }
    for name, command in pairs(COMMANDS) do -- any order
      local metric = metrics.by_name[name]
      local said, told
      local step = math.max(metric.step, metric.unit == "B" and 100 * 1000 * 1000 or 0)
      local agrees = swarm.within(5, function()
        told, said = tonumber(values "bob"[name].value), other(command)
        return told and said and math.abs(told - said) <= step
      end)
      assert.is_truthy(agrees, ("%s: %s here, %s there"):format(name, told, said))
    end
  end)

  it("write nothing to the disk over sixty looks, ten a second", function()
    if not s then return pending(why) end
    local function written()
      local sum
      for pid in pids "cem":gmatch "%d+" do -- the shell that asks for them is one, and gone
        local bytes = (folder.read(("/proc/%s/io"):format(pid)) or ""):match "\nwrite_bytes: (%d+)"
        sum = bytes and (sum or 0) + tonumber(bytes) or sum
      end
      return assert(sum, "no process of cem")
    end
    local looked = swarm.within(30, function() -- what the start wrote is on the disk
      local before, ages = written(), 0
      for _ = 1, 10 do
        os.execute("sleep " .. OFTEN * LOOKS / 10)
        ages = math.max(ages, values "cem".load1.age_ms)
      end
      return ages < 5000 and written() == before -- looks that were held up do not count
    end)
    assert.is_truthy(looked, "each few looks something is written, or there are none")
  end)

  it("say that a value is unknown within two looks after its file went, and never the old one", function()
    if not s then return pending(why) end
    assert.is_truthy(swarm.within(5, function()
      local row = values "bob".load1
      return row.value == "1.25" and row.quality == "measured"
    end), s:cli("bob", "health bob"))
    for pid in pids "bob":gmatch "%d+" do
      swarm.sh(("nsenter -t %s -m sh -c 'umount /proc/loadavg; mount --bind %s/proc /proc/loadavg 2>/dev/null || \z
        mount --bind /dev/null /proc/loadavg' 2>/dev/null"):format(pid, s.dir))
    end
    local took = swarm.within(2 * EVERY + 1, function() return values "bob".load1.value == nil end)
    assert.is_truthy(took, tostring(values "bob".load1.value))
    patience.took("a value without its file is unknown", took, 2 * EVERY)
    assert.is_truthy(values "bob".load1.why)
  end)
end)
