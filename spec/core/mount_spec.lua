-- mount_spec.lua - what tells one file system from another, with real mounts in a namespace of mounts.
local folder = require "spec.folder"
local mount = require "core.mount"
local uv = require "luv"

local PRINT = [[
local mount = require "core.mount"
local place, _, word = mount.of(arg[1])
print(word or ("%s %s %s %s %s"):format(place.mounted, place.id, place.type, place.source, place.root))
]]

describe("mount", function()
  local home
  before_each(function() home = folder.new() end)
  after_each(function() home.remove() end)

  -- COMMANDS run in a namespace of mounts of their own, `look` prints what is told of the folder.
  local function inside(commands)
    folder.write(home.path .. "/look.lua", PRINT)
    local look = ("lua5.4 -e 'package.preload[\"core.mount\"] = package.loadlib(%q, \"luaopen_core_mount\")' %s %s")
      :format(uv.cwd() .. "/.build/core.so", home.path .. "/look.lua", home.path .. "/share")
    folder.write(home.path .. "/run.sh", ("cd %s\nlook() { %s; }\n%s"):format(home.path, look, commands))
    local pipe = io.popen("unshare -m sh " .. home.path .. "/run.sh 2>&1")
    local lines = {}
    for line in pipe:lines() do lines[#lines + 1] = line end
    pipe:close()
    return lines
  end

  it("tells a plain folder of a disk, and the same again", function()
    local place = assert(mount.of(home.path))
    assert.is_false(place.mounted)
    assert.is_truthy(place.type)
    assert.same(place, mount.of(home.path))
    assert.equal(mount.key(home.path), mount.key(home.path))
    os.execute("mkdir " .. home.path .. "/sub")
    assert.are_not.equal(mount.key(home.path), mount.key(home.path .. "/sub"))
    assert.is_true(mount.of("/proc").mounted)
  end)

  it("says why there is none", function()
    assert.equal("ENOENT", select(3, mount.of(home.path .. "/nobody")))
    assert.equal("ENOENT", select(3, mount.key(home.path .. "/nobody")))
    folder.write(home.path .. "/file", "x")
    assert.equal("ENOTDIR", select(3, mount.of(home.path .. "/file")))
  end)

  it("tells an image from another, and knows it again under another device number", function()
    local lines = inside [[
mkdir share; look
for i in 1 2; do truncate -s 4M $i.img; mkfs.ext4 -q $i.img; done
mount -o loop 1.img share || { echo no mount; exit; }; look; umount share; look
mount -o loop 2.img share; look; umount share
mount -o loop 2.img /mnt; mount -o loop 1.img share; look; umount share; umount /mnt
mount -t tmpfs one share; look; umount share; mount -t tmpfs one share; look; umount share
mkdir other; mount --bind other share; look; umount share; rmdir share; look]]
    if lines[2] == "no mount" or #lines < 5 then return pending "no mounts to be had here" end
    assert.equal(lines[1], lines[3])
    assert.is_truthy(lines[2]:find "^true %x+ ext4 /dev/loop%d+ /$", lines[2])
    local function id(line) return line:match "^true (%x+)" end
    assert.are_not.equal(id(lines[2]), id(lines[4]))
    assert.equal(id(lines[2]), id(lines[5]))
    assert.are_not.equal(lines[6], lines[7], "two tmpfs of one source")
    assert.is_truthy(lines[8]:find "^true .*/other$", lines[8])
    assert.equal("ENOENT", lines[9])
  end)
end)
