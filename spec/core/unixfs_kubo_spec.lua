-- unixfs_kubo_spec.lua - our CIDs beside those of a real Kubo, in the same run. No daemon, no network.
local peers = require "spec.net.peers"
local randoms = require "core.random"
local unixfs = require "core.unixfs"
local worker = require "core.worker"
local uv = require "luv"

local MIB = unixfs.chunk

local SOAK = os.getenv "DT_SWARM_SOAK"

describe("CIDs beside Kubo's", function()
  local program = peers.kubo()
  if not program then
    return pending "NO KUBO >= 0.43: our CIDs were not compared with a real one's"
  end

  local folder, pool, kubo
  setup(function()
    folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/kubo-XXXXXX"))
    pool = assert(worker.new {})
    kubo = peers.repository(program, folder)
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

  local function ours(name)
    assert(unixfs.hash(pool, { folder = folder, name = name or "file" }))
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

  -- COUNT files of random sizes up to 16 MiB, every power of two as likely, in one call of Kubo's.
  local function compare_many(random, count)
    assert(os.execute("rm -rf " .. folder .. "/many && mkdir " .. folder .. "/many"))
    for i = 1, count do
      local file = assert(io.open(("%s/many/%03d"):format(folder, i), "wb"))
      local left = random:integer(2 << random:integer(24))
      while left > 0 do
        local n = math.min(left, 65536)
        file:write(random:bytes(n))
        left = left - n
      end
      file:close()
    end
    local pipe, n = io.popen(("cd %s && %s add -r --only-hash --progress=false many"):format(folder, kubo)), 0
    for cid, name in pipe:read "a":gmatch "added (%w+) (many/%d+)\n" do
      assert.equal(cid, ours(name), name)
      n = n + 1
    end
    pipe:close()
    assert.equal(count, n)
    assert(os.execute("rm -rf " .. folder .. "/many"))
  end

  local batches, batch = SOAK and 10 or 1, SOAK and 100 or 60
  it(("are equal for %d random sizes"):format(batches * batch), function()
    local random = randoms.seeded(7)
    for _ = 1, batches do compare_many(random, batch) end
  end)

  for _, size in ipairs(SOAK and { 1024 * MIB, 1024 * MIB + 1, 3000 * MIB } or { 1024 * MIB + 1 }) do
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
