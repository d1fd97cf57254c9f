-- mount_spec.lua - what tells one file system from another, with real mounts in a namespace of mounts.
local folder = require "spec.folder"
local mount = require "core.mount"
local uv = require "luv"

local PRINT = [[
local mount = require "core.mount"
local place, _, word = mount.of(arg[1])
print(word or ("%s %s %s %s %s"):format(place.mounted, place.id, place.type, place.source, place.root))
]]

-- Two sticks one after the other in the same slot, seen by one process: again while other programs mounted something
-- between them, which took a number of the kernel's.
local SWAP = [[
local mount = require "core.mount"
local keys = {}
for _ = 1, 50 do
  for i, image in ipairs { "1.img", "2.img", "1.img" } do
    if not os.execute("losetup " .. arg[2] .. " " .. image) then os.exit(1) end -- somebody else has the slot now
    os.execute("mount " .. arg[2] .. " share")
    keys[i] = mount.key(arg[1])
    os.execute "umount share"
    os.execute("losetup -d " .. arg[2])
  end
  print(keys[1], keys[2], keys[3])
  if keys[1] == keys[3] then break end
end
]]

describe("mount", function()
  local home
  before_each(function() home = folder.new() end)
  after_each(function() home.remove() end)

  local function lua_of(name)
    return ("lua5.4 -e 'package.preload[\"core.mount\"] = package.loadlib(%q, \"luaopen_core_mount\")' %s/%s %s/share")
      :format(uv.cwd() .. "/.build/core.so", home.path, name, home.path)
  end

  -- COMMANDS run in a namespace of mounts of their own, `look` prints what is told of the folder.
  local function inside(commands)
    folder.write(home.path .. "/look.lua", PRINT)
    folder.write(home.path .. "/swap.lua", SWAP)
    folder.write(home.path .. "/run.sh", ("cd %s\nlook() { %s; }\nswap() { %s $1; }\n%s"):format(home.path,
      lua_of "look.lua", lua_of "swap.lua", commands))
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

  it("tells a folder from another that a link to it is set to, and where it is in truth", function()
    os.execute(("cd %s && mkdir one two && ln -s one latest"):format(home.path))
    local link, one = home.path .. "/latest", home.path .. "/one"
    local key, place = mount.key(link), mount.of(link)
    assert.same({ mount.key(one), mount.of(one).inode }, { key, place.inode })
    assert.equal(uv.fs_realpath(one), place.path)
    os.execute(("ln -sfn two %s"):format(link))
    assert.are_not.equal(key, mount.key(link))
    assert.are_not.equal(place.inode, mount.of(link).inode)
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

  it("tells a stick from the one before it in the same slot, though all numbers of the kernel are the same", function()
    local lines = inside [[
mkdir share; for i in 1 2; do truncate -s 4M $i.img; mkfs.ext4 -q $i.img; done
for try in 1 2 3 4 5 6 7 8 9; do
  slot=$(losetup -f --show 1.img) && losetup -d $slot && swap $slot 2>/dev/null && break
done]]
    local same = false
    for _, line in ipairs(lines) do
      local one, two, again = line:match "^(%-?%d+)%s+(%-?%d+)%s+(%-?%d+)$"
      if not one then return pending "no loop devices to be had here" end
      assert.are_not.equal(one, two)
      same = one == again
    end
    assert.is_true(same, table.concat(lines, "\n"))
  end)
end)
