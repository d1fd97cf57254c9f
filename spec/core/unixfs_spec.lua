-- unixfs_spec.lua - CIDs against golden values, the tree's strictness, hashing on the worker. No Kubo.
local hash = require "core.hash"
local text = require "spec.codecs"
local unixfs = require "core.unixfs"
local worker = require "core.worker"
local uv = require "luv"

local MIB = unixfs.chunk

local function ramp(size)
  local bytes = {}
  for i = 0, 250 do bytes[#bytes + 1] = string.char(i) end
  return (table.concat(bytes):rep(size // 251 + 1)):sub(1, size)
end

local function vectors()
  local rows = {}
  for line in io.lines "spec/vectors/unixfs.txt" do
    local size, pattern, cid = line:match "^(%d+) (%l+) (%w+)$"
    if size then rows[#rows + 1] = { size = tonumber(size), pattern = pattern, cid = cid } end
  end
  return rows
end

local zero_leaf = hash.sha256(("\0"):rep(MIB))

local function leaves_of(row)
  local full, rest, leaves = row.size // MIB, row.size % MIB, {}
  local data = row.pattern == "ramp" and ramp(row.size)
  for i = 0, full - 1 do
    leaves[i + 1] = data and hash.sha256(data:sub(i * MIB + 1, (i + 1) * MIB)) or zero_leaf
  end
  if rest > 0 or full == 0 then
    leaves[#leaves + 1] = hash.sha256(data and data:sub(full * MIB + 1) or ("\0"):rep(rest))
  end
  return table.concat(leaves)
end

local function cid_of(codec, bytes)
  return "b" .. text.base32(string.char(1, codec, 0x12, 32) .. hash.sha256(bytes))
end

describe("unixfs.layout", function()
  it("gives the CIDs that Kubo gives", function()
    local rows = vectors()
    assert.is_true(#rows >= 20)
    for _, row in ipairs(rows) do
      local cid, blocks = unixfs.layout(row.size, leaves_of(row))
      assert.equal(row.cid, cid, row.pattern .. " " .. row.size)
      if row.size > MIB then assert.equal(cid, blocks[#blocks].cid) else assert.same({}, blocks) end
      for _, block in ipairs(blocks) do assert.equal(block.cid, cid_of(0x70, block.bytes)) end
    end
  end)

  it("throws when leaves and size do not fit", function()
    assert.error(function() unixfs.layout(MIB + 1, zero_leaf) end)
    assert.error(function() unixfs.layout(-1, zero_leaf) end)
    assert.error(function() unixfs.layout(unixfs.size_max + 1, zero_leaf) end)
  end)

  it("builds a tree of a terabyte, and no more than two levels", function()
    assert.same({ 0, 0, 0, 1, 1, 2, 2 }, {
      unixfs.height(0), unixfs.height(1), unixfs.height(MIB), unixfs.height(MIB + 1),
      unixfs.height(1024 * MIB), unixfs.height(1024 * MIB + 1), unixfs.height(unixfs.size_max),
    })
  end)
end)

describe("unixfs.decode", function()
  local size = 1026 * MIB + 5
  local cid, blocks = unixfs.layout(size, zero_leaf:rep(1026) .. hash.sha256("\0\0\0\0\0"))
  local by_cid = {}
  for _, block in ipairs(blocks) do by_cid[block.cid] = block.bytes end

  it("walks down from the root to leaves that cover the file once, in order", function()
    local function walk(link, offset)
      if link.height == 0 then return offset + link.size end
      for _, child in ipairs(assert(unixfs.decode(link.cid, by_cid[link.cid], link.size, link.height))) do
        assert.equal(offset - link.offset, child.offset)
        child.offset = offset
        offset = walk(child, offset)
      end
      return offset
    end
    assert.equal(size, walk({ cid = cid, size = size, offset = 0, height = 2 }, 0))
    assert.equal(1024, #unixfs.decode(blocks[1].cid, blocks[1].bytes, 1024 * MIB, 1))
    assert.equal(3, #unixfs.decode(blocks[2].cid, blocks[2].bytes, size - 1024 * MIB, 1))
  end)

  it("takes a leaf", function()
    assert.same({}, unixfs.decode(cid_of(0x55, "abc"), "abc", 3))
    assert.same({}, unixfs.decode(cid_of(0x55, ""), "", 0))
    assert.equal("size", select(3, unixfs.decode(cid_of(0x55, "abc"), "abc", 4)))
  end)

  it("refuses other bytes, other sizes and other levels", function()
    local root = by_cid[cid]
    assert.equal("block", select(3, unixfs.decode(cid, root:sub(1, -2), size)))
    assert.equal("block", select(3, unixfs.decode(cid, root .. "\0", size)))
    for _, wrong in ipairs { 1024 * MIB + 1, size - 1, size + 1, unixfs.size_max } do
      assert.equal("form", select(3, unixfs.decode(cid, root, wrong)))
    end
    assert.equal("size", select(3, unixfs.decode(cid, root, -1)))
    assert.equal("size", select(3, unixfs.decode(cid, root, unixfs.size_max + 1)))
    for _, height in ipairs { 0, 1, 3, 99, -1 } do
      assert.equal("form", select(3, unixfs.decode(cid, root, size, height)))
    end
    assert.equal("form", select(3, unixfs.decode("Qm" .. cid, root, size)))
    assert.equal("form", select(3, unixfs.decode(cid:upper(), root, size)))
    assert.equal("form", select(3, unixfs.decode(cid_of(0x71, root), root, size)))
  end)

  it("refuses every block with one byte changed, though it has the CID of its bytes", function()
    local root, n = by_cid[cid], 0
    for i = 1, #root do
      local changed = root:sub(1, i - 1) .. string.char(root:byte(i) ~ 1) .. root:sub(i + 1)
      local links, _, word = unixfs.decode(cid_of(0x70, changed), changed, size)
      if links then n = n + 1 else assert.equal("form", word) end
    end
    assert.equal(64, n) -- the bytes of its two digests, and nothing else, may be otherwise
  end)

  it("refuses a bomb: a small block that claims its own kind of child a thousand times", function()
    -- one level up, the same child 1,024 times, sizes and all consistent with each other
    local _, inner = unixfs.layout(1024 * MIB, zero_leaf:rep(1024))
    local _, outer = unixfs.layout(3 * 1024 * MIB, zero_leaf:rep(3 * 1024))
    local bomb = outer[#outer]
    assert.equal(3, #unixfs.decode(bomb.cid, bomb.bytes, 3 * 1024 * MIB)) -- honest: the same child thrice
    for _, claimed in ipairs { 64 * MIB, 1024 * MIB, 2 * 1024 * MIB, 4 * 1024 * MIB } do
      assert.equal("form", select(3, unixfs.decode(bomb.cid, bomb.bytes, claimed)))
    end
    assert.equal("form", select(3, unixfs.decode(inner[1].cid, inner[1].bytes, 1024 * MIB, 2)))
  end)
end)

describe("unixfs.hash", function()
  local folder, pool

  local function write(name, bytes)
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(bytes)
    file:close()
  end

  local function wait(job)
    for _ = 1, 12000 do
      for _, result in ipairs(pool:collect()) do
        if result.job == job then return result end
      end
      uv.sleep(5)
    end
    error "no result"
  end

  local function hash_of(name)
    return wait(assert(unixfs.hash(pool, { folder = folder, name = name })))
  end

  before_each(function()
    folder = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/unixfs-XXXXXX"))
    pool = assert(worker.new {})
  end)

  after_each(function()
    pool:close()
    os.execute("rm -rf " .. folder)
  end)

  it("hashes files in place and tells who they are", function()
    for _, row in ipairs(vectors()) do
      if row.size <= 16 * MIB and row.pattern == "ramp" then
        write("a.bag", ramp(row.size))
        local result = hash_of "a.bag"
        assert.equal(row.cid, result.cid)
        assert.equal(row.size, result.size)
        assert.equal(row.cid, (unixfs.layout(result.size, result.leaves)))
        local info = uv.fs_lstat(folder .. "/a.bag")
        assert.equal(info.ino, result.identity.ino)
        assert.equal(info.dev, result.identity.dev)
        assert.equal(info.size, result.identity.size)
        assert.equal(info.mtime.sec * 1000000000 + info.mtime.nsec, result.identity.mtime_ns)
        assert.equal(info.ctime.sec * 1000000000 + info.ctime.nsec, result.identity.ctime_ns)
      end
    end
  end)

  it("refuses what is no regular file beneath the folder, and never waits", function()
    os.execute("cd " .. folder ..
      " && mkdir d && ln -s d e && echo x > d/f && mkfifo p && ln -s /etc/passwd l")
    assert.is_string(hash_of("d/f").cid)
    for _, name in ipairs { "l", "e/f", "p", "d", "../" .. folder:match "[^/]+$" .. "/d/f", "/etc/passwd",
      "d//f", "d/./f", "", ".", "d/" } do
      local result = hash_of(name)
      assert.equal("link", result.word, name)
      assert.is_nil(result.cid)
    end
    assert.equal("ENOENT", hash_of("nobody").word)
    assert.error(function() unixfs.hash(pool, { folder = folder, name = "a\0b" }) end)
  end)

  -- What hashing NAME, of SIZE bytes, ends with where CHANGE() comes in the midst of it. A busy machine may have read
  -- all before that: then BACK(), and once more.
  local function changed_meanwhile(name, size, change, back)
    for _ = 1, 10 do
      local job = assert(unixfs.hash(pool, { folder = folder, name = name }))
      while job:progress() == 0 do uv.sleep(1) end
      change()
      local is_read = job:progress() >= size
      local word = wait(job).word
      if not is_read then return word end
      if back then back() end
    end
    error "it was read before it could be changed, ten times"
  end

  it("says moved when the file changes while it is read", function()
    local size = 512 * MIB
    local file = assert(io.open(folder .. "/big", "wb"))
    file:seek("set", size - 1)
    file:write "x"
    file:flush()
    local function move(from, to)
      return function() assert(os.rename(folder .. from, folder .. to)) end
    end
    assert.equal("moved", changed_meanwhile("big", size, function()
      file:write "y"
      file:flush()
    end))
    file:close()
    assert.equal("moved", changed_meanwhile("big", size, move("/big", "/other"), move("/other", "/big")))
    os.execute(("mkdir %s/d && mv %s/other %s/d/big"):format(folder, folder, folder))
    -- this changes nothing of the file itself
    assert.equal("moved", changed_meanwhile("d/big", size, move("/d", "/e"), move("/e", "/d")))
  end)

  it("is cancelled soon, and by close as well", function()
    os.execute("truncate -s 64G " .. folder .. "/big")
    local job = assert(unixfs.hash(pool, { folder = folder, name = "big" }))
    while job:progress() == 0 do uv.sleep(1) end
    job:cancel() -- of 64 GiB, minutes of work
    assert.equal("closed", wait(job).word)
    job = assert(unixfs.hash(pool, { folder = folder, name = "big" }))
    while job:progress() == 0 do uv.sleep(1) end
    local begun = uv.hrtime()
    pool:close()
    assert.is_true(uv.hrtime() - begun < 20e9)
    local refused, _, word = unixfs.hash(pool, { folder = folder, name = "big" })
    assert.is_nil(refused)
    assert.equal("closed", word)
  end)
end)
