-- doctor_machine_spec.lua - what the doctor reads of a machine's mounts, by files as the kernel writes them.
local folder = require "spec.folder"
local machine = require "clients.doctor.machine"

describe("the doctor's look at the disk", function()
  -- Is STATE said to be read-only where /proc/self/mountinfo has LINES?
  local function readonly(lines, trouble)
    local root = folder.new()
    os.execute(("mkdir -p %s/proc/self"):format(root.path))
    folder.write(root.path .. "/proc/self/mountinfo", table.concat(lines, "\n") .. "\n")
    local node = { state = "/var/lib/dt-swarm", state_health = { trouble = trouble } }
    local board = { space = function() end, link = function() end }
    local found = machine.disk(node, board, root.path)
    root.remove()
    return found.disk_readonly
  end

  it("waits for no pipe that stands in the place of a file", function()
    local root = folder.new()
    os.execute(("mkdir -p %s/proc/self && mkfifo %s/proc/self/mountinfo"):format(root.path, root.path))
    local found = machine.disk({ state = "/x", state_health = {} }, { space = function() end, link = function() end },
      root.path)
    root.remove()
    assert.is_nil(found.disk_readonly)
  end)

  local PROC <const> = "22 1 0:21 / /proc rw,nosuid - proc proc rw"

  it("takes no disk for read-only that is to become so at an error, as most roots are", function()
    assert.is_false(readonly { PROC, "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro" })
    assert.is_false(readonly { "28 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw,errors=remount-ro,stripe=4" })
  end)

  it("finds one that is, by its mount or by its file system, as whichever lies on top of the folder", function()
    local root = "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro"
    for _, line in ipairs { "40 28 8:2 / /var/lib ro,relatime - ext4 /dev/sda2 rw,errors=remount-ro",
      "40 28 8:2 / /var/lib/dt-swarm rw,relatime - ext4 /dev/sda2 ro", "40 28 8:2 / / ro - ext4 /dev/sda2 ro",
      "40 28 8:2 / /var/lib rw,relatime - ext4 /dev/sda2 rw,errors=remount-ro,emergency_ro" } do
      assert.equal("/var/lib/dt-swarm is mounted read-only", readonly { root, line })
    end
    assert.is_false(readonly { root, "40 28 8:2 / /var/lib/dt ro,relatime - ext4 /dev/sda2 ro" })
    assert.equal("EROFS: no", readonly({ root }, { word = "EROFS", text = "EROFS: no" }))
  end)
end)

describe("ports that others have", function()
  it("are said in few words, each once, with their numbers", function()
    local rows = { { kind = "tcp", state = "up", taken = "EADDRINUSE: tcp 0.0.0.0 port 3825: Address already in use" },
      { kind = "tcp", state = "up", taken = "EADDRINUSE: tcp :: port 3825: Address already in use" },
      { kind = "udp", state = "waiting", reason = "EADDRINUSE: udp :: port 3825: Address already in use" },
      { kind = "irc", state = "waiting", reason = "ECONNREFUSED: nobody" }, { kind = "tcp", state = "up" } }
    local node = { routing = { channels = function() return rows end },
      listener = { port = 3826, taken = "EADDRINUSE: ::: Address already in use" },
      web = { wanted = 3827, reason = "EADDRINUSE: 127.0.0.1: Address already in use" } }
    assert.equal("tcp port 3825; udp port 3825; http port 3826; http port 3827", machine.ports(node))
    assert.is_false(machine.ports { routing = { channels = function() return { rows[4], rows[5] } end },
      listener = { port = 3826 } })
  end)
end)
