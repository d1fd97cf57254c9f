-- parse_board.lua - what a look says of the board: processor, heat, power supply, battery. Reads nothing itself.
local reading = require "clients.diagnostics.reading"

local of = {}

function of.cpu_cores(found)
  local path, cores = "/sys/devices/system/cpu/online", 0
  for part in found:text(path):gmatch "[^,\n]+" do
    local first, last = part:match "^(%d+)%-?(%d*)$"
    first, last = tonumber(first), tonumber(last) or tonumber(first)
    if not first or last < first or last > 4096 then return reading.garbled(path) end
    cores = cores + last - first + 1
  end
  return cores > 0 and cores or reading.garbled(path)
end

-- user nice system idle iowait irq softirq steal, in ticks since the start (proc(5)).
function of.cpu_busy_ratio(found)
  local ticks, sum = {}, 0
  for tick in (found:text("/proc/stat", true):match "^cpu +([%d ]+)" or ""):gmatch "%d+" do
    ticks[#ticks + 1] = tonumber(tick)
    if #ticks <= 8 then sum = sum + ticks[#ticks] end
  end
  if #ticks < 8 then return reading.garbled "/proc/stat" end
  local idle, before = ticks[4] + ticks[5], found.kept.cpu
  found.kept.cpu = { sum = sum, idle = idle }
  if not before then return found.unknown "needs two looks" end
  local all = sum - before.sum
  if all <= 0 then return found.unknown "no time went by between two looks" end
  return math.max(0, math.min(1, (all - (idle - before.idle)) / all)), "derived"
end

local function kilohertz(path)
  return function(found) return reading.number(found:text(path), path, 1, 100000000) * 1000 end
end
of.cpu_frequency_hertz = kilohertz "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
of.cpu_frequency_most_hertz = kilohertz "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"

local WORD <const> = "^%a[%w_%. %-]*\n?$" -- as the kernel writes the type of a thing

-- By the name of its type, since which zone is which differs from board to board.
local function zone(what, ...)
  local types <const>, pattern <const> = { ... }, "/sys/class/thermal/thermal_zone*/type"
  return function(found)
    local zones = found:each(pattern)
    for _, form in ipairs(types) do
      for _, one in ipairs(zones) do
        if one.text and one.text:lower():find(form) then
          local path = one.path:gsub("type$", "temp")
          return reading.number(found:text(path), path, -60000, 200000) / 1000
        end
      end
    end
    return found:none(pattern, "there is no thermal zone of the " .. what, WORD)
  end
end
of.cpu_temperature_celsius = zone("processor", "^cpu[%-_]?therm", "^x86_pkg_temp", "^thermal%-fan%-est", "^soc",
  "^bcm2835", "^cpu", "^acpitz")
of.gpu_temperature_celsius = zone("graphics processor", "^gpu")

function of.gpu_busy_ratio(found)
  for _, path in ipairs { "/sys/devices/gpu.0/load", "/sys/devices/platform/gpu.0/load" } do
    local one = found.files[path]
    if one and not reading.is_none(one.code) then return reading.number(found:text(path), path, 0, 1000) / 1000 end
  end
  return found:none("/sys/devices/gpu.0/load", "there is no /sys/devices/gpu.0/load")
end

function of.fan_speed_rpm(found)
  local pattern <const> = "/sys/class/hwmon/hwmon*/fan1_input"
  local first = found:each(pattern)[1]
  if not first then return found:none(pattern, "there is no fan that tells its speed") end
  return reading.number(found:text(first.path), first.path, 0, 100000)
end

-- == the firmware's word of a Raspberry Pi: bits 0 to 3 are now, 16 to 19 since the machine was switched on
for bit, name in pairs { [0] = "under_voltage", "frequency_capped", "throttled", "soft_limited" } do -- any order
  for suffix, place in pairs { [""] = bit, _since_boot = bit + 16 } do -- any order
    of[name .. suffix] = function(found)
      local one = found.throttled
      if not one.word then return reading.failed("/dev/vcio", one) end
      if one.word & ~0xF000F ~= 0 then return found.unknown(("/dev/vcio says 0x%x"):format(one.word)) end
      return one.word >> place & 1
    end
  end
end

-- The NAME file of the first power supply that is a battery.
local function battery(found, name)
  local pattern <const> = "/sys/class/power_supply/*/type"
  for _, one in ipairs(found:each(pattern)) do
    if one.text and one.text:find "^Battery" then
      local path = one.path:gsub("type$", name)
      return found:text(path), path
    end
  end
  return found:none(pattern, "there is no battery that the kernel knows", WORD)
end

function of.battery_ratio(found)
  local text, path = battery(found, "capacity")
  return reading.number(text, path, 0, 100) / 100
end

-- The word that is its status as a number of NUMBERS.
local function status(numbers)
  return function(found)
    local text, path = battery(found, "status")
    local word = text:match "^(.-)%s*$"
    return numbers[word] or (word == "Unknown" and found.unknown "the battery does not say") or reading.garbled(path)
  end
end
of.battery_charging = status { Charging = 1, Full = 1, Discharging = 0, ["Not charging"] = 0 }
of.mains_power = status { Charging = 1, Full = 1, Discharging = 0, ["Not charging"] = 1 }

function of.battery_voltage_volts(found)
  local text, path = battery(found, "voltage_now")
  return reading.number(text, path, 0, 1000000000) / 1000000
end

return of
