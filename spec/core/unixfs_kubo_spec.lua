-- unixfs_kubo_spec.lua - our CIDs beside those of a real Kubo, in the same run. No daemon, no network.
local unixfs = require "core.unixfs"
local worker = require "core.worker"
local uv = require "luv"

local MIB = unixfs.chunk

-- Kubo 0.43 or later: the one that `make` built, or the user's own.
local function find_kubo()
  local cache = os.getenv "XDG_CACHE_HOME" or (os.getenv "HOME" or "") .. "/.cache"
  for _, path in ipairs { cache .. "/dt-swarm/ipfs-0.43.0", "ipfs" } do
    local pipe = io.popen(path .. " version --number 2>/dev/null")
    local major, minor = (pipe:read "l" or ""):match "^(%d+)%.(%d+)"
    pipe:close()
    if major and (tonumber(major) > 0 or tonumber(minor) >= 43) then return path end
  end
end

describe("CIDs beside Kubo's", function()
  local kubo = find_kubo()
  if not kubo then
    return pending "NO KUBO >= 0.43: our CIDs were not compared with a real one's"
  end

  local folder, pool
  setup(function()
    folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/kubo-XXXXXX"))
    pool = assert(worker.new {})
    kubo = "IPFS_PATH=" .. folder .. "/ipfs " .. kubo
    assert(os.execute(kubo .. " init --profile=test >/dev/null 2>&1"))
    assert(os.execute(kubo .. " config profile apply unixfs-v1-2025 >/dev/null 2>&1"))
  end)
  teardown(function()
    pool:close()
    os.execute("rm -rf " .. folder)
  end)

  local function kubos()
    local pipe = io.popen(kubo .. " add -Q --only-hash " .. folder .. "/file")
    local cid = pipe:read "l"
    pipe:close()
    return cid
  end

  local function ours()
    assert(unixfs.hash(pool, { folder = folder, name = "file" }))
    while true do
      local result = pool:collect()[1]
      if result then return result.cid end
      uv.sleep(1)
    end
  end

  local function fill(size)
    local random, file = assert(io.open("/dev/urandom", "rb")), assert(io.open(folder .. "/file", "wb"))
    if size > 0 then file:write(random:read(size)) end
    file:close()
    random:close()
  end

  for _, size in ipairs { 0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB - 1, 2 * MIB, 5 * MIB + 3, 16 * MIB } do
    it(("are equal for %d random bytes"):format(size), function()
      fill(size)
      local cid = ours()
      assert.equal(kubos(), cid)
      assert.is_string(cid)
    end)
  end

  for _, size in ipairs { 1024 * MIB, 1024 * MIB + 1 } do
    it(("are equal for a sparse file of %d bytes"):format(size), function()
      os.execute(("truncate -s 0 %s/file && truncate -s %d %s/file"):format(folder, size, folder))
      assert.equal(kubos(), ours())
    end)
  end

  it("differ where one byte differs", function()
    fill(2 * MIB)
    local before = kubos()
    local file = assert(io.open(folder .. "/file", "r+b"))
    file:seek("set", MIB)
    local byte = file:read(1):byte()
    file:seek("set", MIB)
    file:write(string.char(byte ~ 1))
    file:close()
    assert.not_equal(before, ours())
  end)
end)
