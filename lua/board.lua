-- board.lua - which board this is, by what files of the kernel tell. What follows from it is decided in identity.lua.
local kernel = require "core.board"

local board = {}

local VALUE_MAX = 255 -- bytes of one fact
local FILE_MAX = 256 * 1024 -- bytes that are read of a list of many lines
local ENTRIES_MAX = 1024 -- names of a folder that are looked at, the first in byte order
local ROOT_MAX = 200 -- bytes of what stands before each path

-- The first MOST bytes of a file, "" where it cannot be read. Files of the kernel come in pieces as it likes, so the
-- end is where nothing more comes. Only a regular file is opened: a pipe would hold up whoever reads it.
local function beginning(self, path, most)
  local file = self.disk:open(self.root .. "/" .. path, "read")
  local parts, size, part = {}, 0, nil
  while file and size < most and part ~= "" do
    part = file:pread(most - size, size) or ""
    parts[#parts + 1], size = part, size + #part
  end
  if file then file:close() end
  return table.concat(parts)
end

-- The first line of a file up to a NUL, without blanks about it; nil where nothing is left.
local function value(self, path)
  local line = beginning(self, path, VALUE_MAX):match "^[ \t]*([^\0\r\n]-)[ \t]*%f[\0\r\n]"
  return line ~= "" and line or nil
end

local function exists(self, path) return self.disk:stat(self.root .. "/" .. path) ~= nil end

-- Paths in a folder, hidden ones left out.
local function entries(self, folder)
  local paths = {}
  for _, name in ipairs(self.disk:list(self.root .. "/" .. folder) or {}) do
    if #paths == ENTRIES_MAX then break end
    if name:sub(1, 1) ~= "." then paths[#paths + 1] = folder .. "/" .. name end
  end
  return paths
end

-- == serial number ==

-- What makers write where they give none.
local FILLERS = { ["to be filled by o.e.m."] = true, ["default string"] = true, none = true, ["not specified"] = true,
  ["not applicable"] = true, ["system serial number"] = true, ["n/a"] = true, ["0123456789"] = true,
  ["123456789"] = true, unknown = true }

-- TEXT, or nil where it is no number: one that consists of zeros or of Fs is none either.
local function unless_filler(text)
  if not text or FILLERS[text:lower()] or text:find "^[0%-: ]*$" or text:find "^[fF%-: ]*$" then return nil end
  return text
end

-- "Serial : 10000000abcdef01" of /proc/cpuinfo, as older Raspberry Pi kernels have it.
local function cpuinfo_serial(self)
  for line in beginning(self, "proc/cpuinfo", FILE_MAX):gmatch "[^\n]+" do
    local found = line:match "^Serial%s*:%s*(%S+)"
    if found and unless_filler(found) then return found:sub(1, VALUE_MAX) end
  end
end

local function serial(self)
  local function read(path) return unless_filler(value(self, path)) end
  return read "proc/device-tree/serial-number" or read "sys/firmware/devicetree/base/serial-number"
    or cpuinfo_serial(self) or read "sys/class/dmi/id/product_uuid" or read "sys/class/dmi/id/product_serial"
    or read "sys/class/dmi/id/board_serial"
end

-- == MAC address ==

-- 0: a device's own address from its maker; 1: one that is locally administered; 2: of no device, as in a container;
-- nil: none to know a board by (loopback, bridge, tunnel, drawn at random).
local function rank(self, path, mac)
  if value(self, path .. "/type") ~= "1" then return nil end
  if exists(self, path .. "/bridge") or exists(self, path .. "/tun_flags") then return nil end
  if not exists(self, path .. "/device") then return 2 end
  if (value(self, path .. "/addr_assign_type") or "0"):match "^%-?%d+" ~= "0" then return nil end
  return tonumber(mac:sub(1, 2), 16) & 2 == 2 and 1 or 0
end

-- The address of the least rank, and of these the lowest.
local function mac_address(self)
  local best, best_rank
  for _, path in ipairs(entries(self, "sys/class/net")) do
    local mac = value(self, path .. "/address")
    local usable = mac and #mac == 17 and mac:find "^[%da-f][%da-f][%da-f:]+$" and not mac:find "^[0:]*$"
    local found = usable and rank(self, path, mac)
    if found and (not best or found < best_rank or found == best_rank and mac < best) then
      best, best_rank = mac, found
    end
  end
  return best
end

-- == SD card or disk ==

-- The lowest of several, since the kernel numbers cards in the order in which it finds them.
local function lowest(self, folder, read)
  local best
  for _, path in ipairs(entries(self, folder)) do
    local found = read(path)
    if found and (not best or found < best) then best = found end
  end
  return best
end

local function card_number(self)
  return lowest(self, "sys/block", function(path)
    local cid = path:find "/mmcblk[^/]*$" and value(self, path .. "/device/cid")
    return cid and #cid == 32 and cid or nil
  end)
end

local function disk_number(self)
  return lowest(self, "sys/block", function(path)
    return unless_filler(value(self, path .. "/device/serial") or value(self, path .. "/serial")
      or value(self, path .. "/device/wwid"))
  end)
end

-- Last name of the device that is mounted on /, such as "sda2". /proc/mounts is a link to the other file.
local function root_device(self)
  for _, path in ipairs { "proc/self/mounts", "proc/mounts" } do
    for line in beginning(self, path, FILE_MAX):gmatch "[^\n]+" do
      local device = line:match "^/dev/(%S+) / "
      if device then return device end
    end
  end
end

local function root_uuid(self)
  local device = root_device(self)
  for _, path in ipairs(device and entries(self, "dev/disk/by-uuid") or {}) do
    local target = kernel.link(self.root .. "/" .. path)
    if target and target:match "[^/]*$" == device then return path:match "[^/]*$" end
  end
end

-- { serial =, mac =, card = } of the board: texts of at most 255 bytes as somebody wrote them, each nil where unknown.
-- DISK: core.disk's; ROOT stands before every path ("" where it is left out).
function board.facts(disk, root)
  local self = { disk = disk, root = root or "" }
  assert(#self.root <= ROOT_MAX, "the root is too long")
  return { serial = serial(self), mac = mac_address(self), card = card_number(self) or disk_number(self)
    or root_uuid(self) }
end

return board
