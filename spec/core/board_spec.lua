-- board_spec.lua - facts of boards that specs make up as trees of files; and of the one that runs this.
local board, kernel = require "board", require "core.board"
local disks = require "core.disk"
local uv = require "luv"

local root

local function facts(at) return board.facts(disks.real(), at) end

local function write(path, content)
  local folder = ""
  for name in path:gmatch "([^/]+)/" do
    folder = folder .. "/" .. name
    uv.fs_mkdir(root .. folder, 448)
  end
  local file = assert(io.open(root .. "/" .. path, "w"))
  file:write(content)
  file:close()
end

local function interface(name, address, more)
  local at = "sys/class/net/" .. name .. "/"
  write(at .. "address", address .. "\n")
  write(at .. "type", (more and more.type or "1") .. "\n")
  write(at .. "addr_assign_type", (more and more.assigned or "0") .. "\n")
  for _, folder in ipairs(more or { "device" }) do write(at .. folder .. "/x", "") end
end

describe("board facts", function()
  before_each(function() root = assert(uv.fs_mkdtemp(os.tmpname() .. "XXXXXX")) end)
  after_each(function() os.execute("rm -rf '" .. root .. "' '" .. root:sub(1, -7) .. "'") end)

  it("are those of a Raspberry Pi", function()
    write("proc/device-tree/serial-number", "10000000abcdef01\0")
    interface("lo", "00:00:00:00:00:00", { type = "772" })
    interface("eth0", "b8:27:eb:12:34:56")
    interface("wlan0", "b8:27:eb:47:61:03")
    write("sys/block/mmcblk0/device/cid", "035344534333324780a1b2c3d4012345\n")
    assert.same({
      serial = "10000000abcdef01", mac = "b8:27:eb:12:34:56", card = "035344534333324780a1b2c3d4012345",
    }, facts(root))
  end)

  it("are unknown where there is nothing, never a guess", function()
    assert.same({}, facts(root))
    assert.same({}, facts "/nonexistent")
    write("proc/device-tree/serial-number", "\0")
    write("proc/cpuinfo", "model name : x\nSerial\t\t: 0000000000000000\n")
    write("sys/class/dmi/id/product_uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\n")
    write("sys/class/dmi/id/product_serial", "To Be Filled By O.E.M.\n")
    write("sys/class/dmi/id/board_serial", "  \n")
    write("sys/block/sda/device/serial", "None\n")
    interface("eth0", "00:00:00:00:00:00")
    interface("can0", "02:11:22:33:44:55", { type = "280", "device" })
    interface("docker0", "02:42:00:11:22:33", { "bridge" })
    interface("tun0", "02:42:00:11:22:34", { "tun_flags" })
    assert.same({}, facts(root))
  end)

  it("take the serial number from where it stands", function()
    write("sys/class/dmi/id/board_serial", "B1\n")
    assert.equal("B1", facts(root).serial)
    write("sys/class/dmi/id/product_serial", " P1 \n")
    assert.equal("P1", facts(root).serial)
    write("sys/class/dmi/id/product_uuid", "2f4c0a2e-1111-2222-3333-444455556666\n")
    assert.equal("2f4c0a2e-1111-2222-3333-444455556666", facts(root).serial)
    write("proc/cpuinfo", "processor\t: 0\n\nHardware\t: BCM2835\nSerial\t\t: 00000000deadbeef\n")
    assert.equal("00000000deadbeef", facts(root).serial)
  end)

  it("prefer a maker's own MAC, then the lowest", function()
    interface("eth0", "02:42:ac:11:00:02", {})
    assert.equal("02:42:ac:11:00:02", facts(root).mac)
    interface("usb0", "02:00:00:00:00:01")
    assert.equal("02:00:00:00:00:01", facts(root).mac)
    interface("wlan1", "f0:00:00:00:00:01")
    assert.equal("f0:00:00:00:00:01", facts(root).mac)
    interface("wlan0", "e8:00:00:00:00:01")
    interface("wlan2", "00:00:00:00:00:01", { assigned = "3", "device" })
    interface("wlan3", "00:00:00:00:00:02", { assigned = "1", "device" })
    interface("br0", "00:00:00:00:00:03", { "bridge" })
    assert.equal("e8:00:00:00:00:01", facts(root).mac)
  end)

  it("know a disk by its card, its serial number, or the root filesystem", function()
    write("proc/mounts", "proc /proc proc rw 0 0\n/dev/sdb1 /boot ext4 rw 0 0\n/dev/sdb2 / ext4 rw 0 0\n")
    write("dev/disk/by-uuid/.keep", "")
    assert(uv.fs_symlink("../../sdb1", root .. "/dev/disk/by-uuid/1111-2222"))
    assert(uv.fs_symlink("../../sdb2", root .. "/dev/disk/by-uuid/3333-4444"))
    assert.equal("3333-4444", facts(root).card)
    write("sys/block/sdb/device/wwid", "naa.5000\n")
    write("sys/block/loop0/size", "0\n")
    assert.equal("naa.5000", facts(root).card)
    write("sys/block/mmcblk1/device/cid", "ff5344534333324780a1b2c3d4012345\n")
    write("sys/block/mmcblk0/device/cid", "1b5344534333324780a1b2c3d4012345\n")
    write("sys/block/mmcblk2/device/cid", "short\n")
    assert.equal("1b5344534333324780a1b2c3d4012345", facts(root).card)
  end)

  it("are cut, not overrun", function()
    write("proc/device-tree/serial-number", ("s"):rep(5000))
    assert.equal(("s"):rep(255), facts(root).serial)
    write("proc/cpuinfo", "Serial : " .. ("s"):rep(5000))
    assert.has_error(function() facts(("/x"):rep(4000)) end)
  end)

  it("are read from regular files, up to a limit, whatever stands in their place", function()
    write("proc/device-tree/.keep", "")
    os.execute("mkfifo '" .. root .. "/proc/device-tree/serial-number'") -- who opens it for reading waits for ever
    write("sys/firmware/devicetree/base/serial-number/x", "a folder")
    write("sys/class/dmi/id/product_serial", "\tP1\27[2J \0behind\n")
    write("proc/cpuinfo", ("processor : 0\n"):rep(200000) .. "Serial : 00000000deadbeef\n")
    write("sys/class/net/eth0/address", "zz:27:eb:12:34:56\n")
    write("sys/class/net/eth1/address", ":::::::::::::::::\n")
    for i = 1, 40 do interface("tap" .. i, ("02:00:00:00:00:%02x"):format(i), { "device" }) end
    local disk = disks.real()
    assert.same({ serial = "P1\27[2J", mac = "02:00:00:00:00:01" }, board.facts(disk, root))
    assert.is_true(disk:counts().read < 2000, "pieces read: " .. disk:counts().read)
  end)
end)

describe("this board", function()
  it("has a clock, room and links", function()
    local clock = assert(kernel.clock())
    assert.equal("boolean", type(clock.synchronised))
    assert.equal("integer", math.type(clock.error_us))
    local file = assert(io.open "/proc/uptime")
    local before = file:read "n"
    file:close()
    assert.is_true(math.abs(kernel.uptime() - before) < 60)
    local free, total = kernel.space "/"
    assert.truthy(free >= 0 and total >= free and math.type(total) == "integer")
    local got, message, word = kernel.space "/nonexistent"
    assert.is_nil(got)
    assert.equal("ENOENT", word)
    assert.truthy(message:find "^ENOENT: /nonexistent: ")
    assert.truthy(kernel.link "/proc/self":find "^%d+$")
    assert.is_true(kernel.may_write "/tmp")
    assert.equal("ENOENT", select(3, kernel.may_write "/nonexistent"))
    assert.equal("EINVAL", select(3, kernel.link "/"))
    assert.equal("ENOENT", select(3, kernel.link "/nonexistent"))
    assert.same(facts(), facts "/")
  end)
end)
