-- metrics.lua - what can be measured of a robot's body: the one table, in the order of showing. Measures nothing.
local metrics = {}

local CPU, POWER <const> = "/sys/devices/system/cpu/cpu0/cpufreq/", "/sys/class/power_supply/*/"
local ZONES <const> = { "/sys/class/thermal/thermal_zone*/type", "/sys/class/thermal/thermal_zone*/temp" }
local DOCKER <const> = "dt-swarm does not ask Docker"
local DRIVER <const> = "needs the driver's netlink family, which dt-swarm does not speak"
local ROS <const> = "needs a bridge to ROS"
local HEALTH <const> = "needs the battery's own interface"

--- name     one name in Lua, in JSON and behind dtswarm_host_ for Prometheus, with its unit at the end
--- unit     text, as people read it; nil: a number without
--- step     a change that is smaller is not told
--- class    "swarm", "lab" or "robot": how far it may go
--- sample   a value as it may be, with which policies are tried
--- help     what it is, in a few words
--- files    what is read for it: paths, in which `*` stands for any name; nil: something else than a file
--- missing  text: why no node can know it in this version; nil: some can
--- counts   true: it only grows, until the machine is started anew
local function row(name, unit, step, class, sample, help, more)
  local made = { name = name, unit = unit, step = step, class = class, sample = sample, help = help }
  for key, value in pairs(more or {}) do made[key] = value end -- any order
  return made
end

local function missing(name, unit, class, sample, help, why)
  return row(name, unit, 0, class, sample, help, { missing = why })
end

local COUNTS <const> = true

metrics.list = {
  row("uptime_seconds", "s", 600, "swarm", 5000, "since the machine was switched on", { files = { "/proc/uptime" } }),
  row("load1", nil, 0.2, "swarm", 0.5, "processes that run or wait, mean of 1 min", { files = { "/proc/loadavg" } }),
  row("load5", nil, 0.2, "swarm", 0.5, "processes that run or wait, mean of 5 min", { files = { "/proc/loadavg" } }),
  row("load15", nil, 0.2, "swarm", 0.5, "processes that run or wait, mean of 15 min", { files = { "/proc/loadavg" } }),
  row("cpu_cores", nil, 1, "swarm", 4, "processors that are on", { files = { "/sys/devices/system/cpu/online" } }),
  row("cpu_busy_ratio", "ratio", 0.2, "swarm", 0.3, "how busy all cores were since the look before",
    { files = { "/proc/stat" } }),
  row("cpu_frequency_hertz", "Hz", 200000000, "swarm", 1500000000, "at which the first core runs",
    { files = { CPU .. "scaling_cur_freq" } }),
  row("cpu_frequency_most_hertz", "Hz", 0, "swarm", 1500000000, "at which the first core may run",
    { files = { CPU .. "cpuinfo_max_freq" } }),
  row("cpu_temperature_celsius", "°C", 3, "swarm", 55, "heat of the processor", { files = ZONES }),
  row("gpu_temperature_celsius", "°C", 3, "lab", 55, "heat of the graphics processor", { files = ZONES }),
  row("gpu_busy_ratio", "ratio", 0.2, "lab", 0.1, "how busy the graphics processor is (Jetson)",
    { files = { "/sys/devices/gpu.0/load", "/sys/devices/platform/gpu.0/load" } }),
  row("fan_speed_rpm", "1/min", 500, "lab", 3000, "speed of the first fan",
    { files = { "/sys/class/hwmon/hwmon*/fan1_input" } }),
  row("under_voltage", nil, 1, "swarm", 0, "1: the supply gives too little now"),
  row("frequency_capped", nil, 1, "swarm", 0, "1: the processor is held back now"),
  row("throttled", nil, 1, "swarm", 0, "1: the processor is throttled now"),
  row("soft_limited", nil, 1, "swarm", 0, "1: at the soft limit of temperature now"),
  row("under_voltage_since_boot", nil, 1, "swarm", 0, "1: the supply gave too little at least once"),
  row("frequency_capped_since_boot", nil, 1, "swarm", 0, "1: the processor was held back at least once"),
  row("throttled_since_boot", nil, 1, "swarm", 0, "1: the processor was throttled at least once"),
  row("soft_limited_since_boot", nil, 1, "swarm", 0, "1: the soft limit was reached at least once"),
  row("battery_ratio", "ratio", 0.01, "swarm", 0.6, "how full the battery is",
    { files = { POWER .. "type", POWER .. "capacity" } }),
  row("battery_charging", nil, 1, "swarm", 1, "1: the battery is being charged, or full",
    { files = { POWER .. "type", POWER .. "status" } }),
  row("mains_power", nil, 1, "swarm", 1, "1: power comes from outside; 0: from the battery",
    { files = { POWER .. "type", POWER .. "status" } }),
  row("battery_voltage_volts", "V", 0.2, "lab", 12, "voltage of the battery",
    { files = { POWER .. "type", POWER .. "voltage_now" } }),
  row("memory_size_bytes", "B", 0, "swarm", 4000000000, "memory of the machine", { files = { "/proc/meminfo" } }),
  row("memory_available_bytes", "B", 100000000, "swarm", 2000000000, "memory that programs may still take",
    { files = { "/proc/meminfo" } }),
  row("swap_size_bytes", "B", 0, "swarm", 1000000000, "swap of the machine", { files = { "/proc/meminfo" } }),
  row("swap_used_bytes", "B", 100000000, "swarm", 0, "swap in use", { files = { "/proc/meminfo" } }),
  row("oom_kills_total", nil, 1, "swarm", 0, "programs ended because memory was full",
    { files = { "/proc/vmstat" }, counts = COUNTS }),
  row("pressure_cpu_ratio", "ratio", 0.1, "lab", 0.1, "part of a minute in which something waited for a processor",
    { files = { "/proc/pressure/cpu" } }),
  row("pressure_memory_ratio", "ratio", 0.1, "lab", 0, "part of a minute in which something waited for memory",
    { files = { "/proc/pressure/memory" } }),
  row("pressure_io_ratio", "ratio", 0.1, "lab", 0.1, "part of a minute in which something waited for a disk",
    { files = { "/proc/pressure/io" } }),
  row("disk_size_bytes", "B", 0, "swarm", 60000000000, "size of the disk of the shared files"),
  row("disk_free_bytes", "B", 1000000000, "swarm", 30000000000, "what is free of the disk of the shared files"),
  row("disk_inodes", nil, 0, "swarm", 4000000, "files that fit on the disk of the shared files"),
  row("disk_inodes_free", nil, 100000, "swarm", 3000000, "files that still fit there"),
  row("share_readonly", nil, 1, "swarm", 0, "1: the disk of the shared files takes nothing"),
  row("state_size_bytes", "B", 0, "swarm", 60000000000, "size of the disk of the state folder"),
  row("state_free_bytes", "B", 1000000000, "swarm", 30000000000, "what is free of the disk of the state folder"),
  row("state_inodes_free", nil, 100000, "swarm", 3000000, "files that still fit on the disk of the state folder"),
  row("disk_written_bytes_total", "B", 1000000000, "lab", 5000000000, "written by all disks of the machine",
    { files = { "/sys/block/mmcblk*/stat", "/sys/block/sd*/stat", "/sys/block/nvme*/stat", "/sys/block/vd*/stat" },
      counts = COUNTS }),
  row("filesystem_errors", nil, 1, "lab", 0, "errors that ext4 found in itself",
    { files = { "/sys/fs/ext4/*/errors_count" } }),
  row("card_used_ratio", "ratio", 0.1, "lab", 0.2, "how much of its life the card has used, as it says itself",
    { files = { "/sys/block/mmcblk*/device/life_time" } }),
  row("network_received_bytes_total", "B", 100000000, "lab", 1000000, "received by all interfaces but lo",
    { files = { "/proc/net/dev" }, counts = COUNTS }),
  row("network_sent_bytes_total", "B", 100000000, "lab", 1000000, "sent by all interfaces but lo",
    { files = { "/proc/net/dev" }, counts = COUNTS }),
  row("network_errors_total", nil, 100, "lab", 0, "frames that came or went wrongly",
    { files = { "/proc/net/dev" }, counts = COUNTS }),
  row("network_drops_total", nil, 100, "lab", 0, "frames that were dropped",
    { files = { "/proc/net/dev" }, counts = COUNTS }),
  row("wifi_signal_dbm", "dBm", 5, "swarm", -60, "strength at which the access point is heard"),
  row("clock_synchronised", nil, 1, "swarm", 1, "1: a time service holds the machine's clock"),
  row("clock_error_seconds", "s", 1, "swarm", 0.1, "the greatest error that the kernel reckons with"),
  row("usb_devices", nil, 1, "swarm", 3, "USB devices that are plugged in",
    { files = { "/sys/bus/usb/devices/usb*/idVendor", "/sys/bus/usb/devices/*-*/idVendor" } }),
  missing("battery_cycles", nil, "swarm", 20, "times that the battery was filled", HEALTH),
  missing("battery_current_amperes", "A", "swarm", 1, "current that the battery gives", HEALTH),
  missing("battery_temperature_celsius", "°C", "swarm", 30, "heat of the battery", HEALTH),
  missing("core_voltage_volts", "V", "lab", 1.2, "voltage of the processor",
    "needs vcgencmd, which dt-swarm does not run"),
  missing("wifi_bitrate_bits", "bit/s", "swarm", 54000000, "bit rate of the link to the access point", DRIVER),
  missing("wifi_roams_total", nil, "swarm", 0, "changes of access point", DRIVER),
  missing("containers_running", nil, "swarm", 5, "containers of Docker that run", DOCKER),
  missing("container_restarts_total", nil, "swarm", 0, "restarts of Docker's containers", DOCKER),
  missing("ros_nodes", nil, "lab", 20, "ROS nodes that run", ROS),
  missing("drive_seconds_total", "s", "swarm", 100, "time in which the wheels turned", ROS),
  missing("kernel_faults_total", nil, "swarm", 0, "oopses and hung tasks", "needs to read the kernel's log"),
}

--- The same rows by name.
metrics.by_name = {}
for _, one in ipairs(metrics.list) do metrics.by_name[one.name] = one end

return metrics
