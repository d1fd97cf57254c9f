-- parse_system.lua - what a look says of the system: load, memory, disks, network, clock. Reads nothing itself.
local reading = require "clients.diagnostics.reading"
local sorted = require "sorted"

local of = {}

local KIB <const>, SECTOR <const> = 1024, 512
local LOAD_MOST <const> = 1 << 22 -- processes that Linux can number
local SECOND_US <const> = 1000000

of.uptime_seconds = reading.alone "/proc/uptime"

for i, name in ipairs { "load1", "load5", "load15" } do
  of[name] = function(found)
    local text = found:text "/proc/loadavg"
    local words = { text:match "^(%d+%.%d+) (%d+%.%d+) (%d+%.%d+) " }
    return reading.number(words[i] or "", "/proc/loadavg", 0, LOAD_MOST)
  end
end

local function memory(found, name)
  local value = ("\n" .. found:text "/proc/meminfo"):match("\n" .. name .. ": +(%d+) kB\n")
  return reading.number(value or "", "/proc/meminfo", 0, 1 << 40) * KIB
end
function of.memory_size_bytes(found) return memory(found, "MemTotal") end
function of.memory_available_bytes(found) return memory(found, "MemAvailable") end
function of.swap_size_bytes(found) return memory(found, "SwapTotal") end
function of.swap_used_bytes(found)
  local used = memory(found, "SwapTotal") - memory(found, "SwapFree")
  return used >= 0 and used or reading.garbled "/proc/meminfo"
end

function of.oom_kills_total(found)
  local text = "\n" .. found:text("/proc/vmstat", true)
  local value = text:match "\noom_kill (%d+)\n"
  if value then return reading.number(value, "/proc/vmstat") end
  if not text:find "\nnr_free_pages %d" then return reading.garbled "/proc/vmstat" end
  return found.unsupported "/proc/vmstat does not tell it" -- Linux before 4.13
end

for _, name in ipairs { "cpu", "memory", "io" } do
  of[("pressure_%s_ratio"):format(name)] = function(found)
    local path = "/proc/pressure/" .. name
    local value = tonumber(found:text(path):match "^some avg10=[%d.]+ avg60=(%d+%.%d+) ")
    if not value or value > 100 then return reading.garbled(path) end
    return value / 100
  end
end

-- == room
local function disk(which, field)
  return function(found)
    local path = found.places[which]
    if not path then return found.unsupported "there is no such folder" end
    local one = found.disks[path]
    if not one or one.code then return reading.failed(path, one) end
    local value = one[field]
    if field:find "^inodes" and one.inodes == 0 then return found.unsupported "this file system counts no inodes" end
    if type(value) == "boolean" then return value and 1 or 0 end
    return value
  end
end
of.disk_size_bytes, of.disk_free_bytes = disk("share", "total"), disk("share", "free")
of.disk_inodes, of.disk_inodes_free = disk("share", "inodes"), disk("share", "inodes_free")
of.share_readonly = disk("share", "readonly")
of.state_size_bytes, of.state_free_bytes = disk("state", "total"), disk("state", "free")
of.state_inodes_free = disk("state", "inodes_free")

-- The seventh number of a disk's `stat` are the sectors of 512 bytes that were written (Documentation/block/stat.rst).
function of.disk_written_bytes_total(found)
  local sum
  for _, kind in ipairs { "mmcblk", "sd", "nvme", "vd" } do
    for _, one in ipairs(found:each("/sys/block/" .. kind .. "*/stat")) do
      local sectors = found:text(one.path):match("^" .. ("%s*%d+"):rep(6) .. "%s+(%d+)%s")
      sum = (sum or 0) + reading.number(sectors or "", one.path, 0, 1 << 50) * SECTOR
    end
  end
  return sum or found:none("/sys/block/sd*/stat", "there is no disk that the kernel knows")
end

function of.filesystem_errors(found)
  local sum
  for _, one in ipairs(found:each "/sys/fs/ext4/*/errors_count") do
    sum = (sum or 0) + reading.number(found:text(one.path), one.path, 0, 1 << 40)
  end
  return sum or found:none("/sys/fs/ext4/*/errors_count", "there is no ext4 file system that counts its errors")
end

-- Two numbers in hexadecimal, in tenths of the life; 0 is "not defined" (JEDEC eMMC 5.1, 7.4.86).
function of.card_used_ratio(found)
  local most
  for _, one in ipairs(found:each "/sys/block/mmcblk*/device/life_time") do
    if not found:text(one.path):find "^0x%x%x 0x%x%x" then return reading.garbled(one.path) end
    for word in found:text(one.path):gmatch "0x(%x%x)" do
      local tenths = tonumber(word, 16)
      if tenths >= 1 and tenths <= 11 then most = math.max(most or 0, tenths) end
    end
  end
  if most then return math.min(1, most / 10) end
  return found:none("/sys/block/mmcblk*/device/life_time", "there is no card that tells its age")
end

-- == network: bytes packets errs drop … of what came, then the same of what went (proc(5))
local function network(...)
  local columns <const> = { ... }
  return function(found)
    local sum
    if not found:text "/proc/net/dev":find "^Inter%-|" then return reading.garbled "/proc/net/dev" end
    for name, rest in found:text "/proc/net/dev":gmatch "([^%s:|]+):([^\n]*)" do
      local fields = {}
      for word in rest:gmatch "%d+" do fields[#fields + 1] = word end
      if #fields < 12 then return reading.garbled "/proc/net/dev" end
      for _, column in ipairs(name ~= "lo" and columns or {}) do
        sum = (sum or 0) + reading.number(fields[column], "/proc/net/dev")
      end
    end
    return sum or found.unsupported "there is no interface but lo"
  end
end
of.network_received_bytes_total, of.network_sent_bytes_total = network(1), network(9)
of.network_errors_total, of.network_drops_total = network(3, 11), network(4, 12)

function of.wifi_signal_dbm(found)
  local why
  for _, name in ipairs(sorted.keys(found.interfaces)) do
    local one = found.interfaces[name]
    if one.dbm then return one.dbm end
    if not one.code then why = name .. ": its driver does not say" end
    if one.code and not reading.is_none(one.code) then why = ("%s: %s"):format(name, one.code) end
  end
  return why and found.unknown(why) or found.unsupported "there is no Wi-Fi interface"
end

function of.clock_synchronised(found)
  if found.clock.code then return reading.failed("adjtimex", found.clock) end
  return found.clock.synchronised and 1 or 0
end

function of.clock_error_seconds(found)
  if found.clock.code then return reading.failed("adjtimex", found.clock) end
  if not found.clock.synchronised then return found.unknown "nobody synchronises the clock" end
  return found.clock.error_us / SECOND_US
end

-- Where there is USB at all, there is a root hub.
function of.usb_devices(found)
  local roots <const>, devices <const> = "/sys/bus/usb/devices/usb*/idVendor", "/sys/bus/usb/devices/*-*/idVendor"
  for _, pattern in ipairs { roots, devices } do
    for _, one in ipairs(found:each(pattern)) do found:text(one.path) end
  end
  if not found:each(roots)[1] then return found:none(roots, "there is no USB") end
  return #found:each(devices)
end

return of
