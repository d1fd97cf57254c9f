-- clients_spec.lua - other IPFS implementations fetch from our gateway: Kubo and JavaScript's. None of our reading.
local folder = require "spec.folder"
local gateway = require "core.gateway"
local hash = require "core.hash"
local peers = require "spec.net.peers"
local text = require "core.text"

local MIB = 1048576
local SIZES = { 0, 1, MIB, MIB + 1, 5 * MIB + 3 }

describe("from our gateway", function()
  local g, home

  setup(function()
    home = folder.new()
    g = assert(gateway.new { host = "127.0.0.1" })
  end)
  teardown(function()
    g:close()
    home.remove()
  end)

  local function offer(size)
    local bytes = folder.bytes(size, size)
    folder.write(home.path .. "/a", bytes)
    local file = folder.hash(home.path, "a")
    assert(g:serve(file))
    return file, bytes
  end

  -- A sparse file of more than 1,024 leaves, so that its tree has two levels; most of its blocks are one block.
  local function offer_deep()
    local file = folder.sparse(home.path, "deep", 1024 * MIB + 1, { 0, 1023 * MIB, 1024 * MIB })
    assert(g:serve(file))
    return file
  end

  local function run(command, ...)
    local pipe = io.popen(command:format(...))
    local said = pipe:read "a"
    local _, _, code = pipe:close()
    return said, code
  end

  local function url(file, format)
    return ("http://127.0.0.1:%d/ipfs/%s?format=%s"):format(g:port(), file.cid, format)
  end

  describe("Kubo", function()
    local program = peers.kubo()
    if not program then
      return pending "NO KUBO >= 0.43: our gateway was not tried by a real one"
    end
    local kubo
    setup(function() kubo = peers.repository(program, home.path) end)

    -- Fetched by curl, for Kubo's own HTTP retrieval asks only gateways with TLS and HTTP/2.
    local function import(file)
      local said, code = run("LD_PRELOAD= curl -sf --max-time 60 '%s' >'%s/car' && %s dag import --stats '%s/car' 2>&1",
        url(file, "car"), home.path, kubo, home.path)
      assert.equal(0, code, said)
      return said
    end

    for _, size in ipairs(SIZES) do
      it(("imports the CAR of %d bytes, and has the file"):format(size), function()
        local file, bytes = offer(size)
        local said = import(file)
        assert.truthy(said:find("Pinned root%s+" .. file.cid .. "%s+success"), said)
        assert.is_true(run("%s cat --offline %s", kubo, file.cid) == bytes)
      end)
    end

    it("imports a tree of two levels, equal blocks once, and has every block of it", function()
      local file = offer_deep()
      local said = import(file)
      assert.truthy(said:find "Imported 7 blocks", said) -- root, 2 nodes, 4 leaves that differ
      assert.equal("1073741825\n", (run("%s cat --offline %s | wc -c", kubo, file.cid)))
      assert.equal(run("sha256sum <'%s/deep'", home.path), run("%s cat --offline %s | sha256sum", kubo, file.cid))
    end)

    it("takes a single block", function()
      local file, bytes = offer(1000)
      local said = run("LD_PRELOAD= curl -sf '%s' | %s block put --cid-codec raw 2>&1", url(file, "raw"), kubo)
      assert.equal(file.cid .. "\n", said)
      assert.is_true(run("%s block get --offline %s", kubo, file.cid) == bytes)
    end)

    it("refuses a CAR with one byte changed, or cut short", function()
      local file = offer(2 * MIB)
      local import_changed = "LD_PRELOAD= curl -sf '%s' >'%s/car'; %s; %s dag import '%s/car' >/dev/null 2>&1"
      for _, change in ipairs { "printf X | dd of='%s/car' bs=1 seek=1000000 conv=notrunc status=none",
        "truncate -s 1500000 '%s/car'" } do
        local _, code = run(import_changed, url(file, "car"), home.path, change:format(home.path), kubo, home.path)
        assert.not_equal(0, code)
      end
    end)
  end)

  describe("JavaScript's client", function()
    local place = peers.javascript()
    if not place then
      return pending "NO JAVASCRIPT: our gateway was not tried by its IPFS client"
    end

    local function fetch(key, way)
      return run("LD_PRELOAD= node '%s/fetch.js' http://127.0.0.1:%d %s %s 2>&1", place, g:port(), key, way)
    end

    for _, size in ipairs(SIZES) do
      it(("fetches %d bytes as a CAR and block by block, each checked"):format(size), function()
        local file, bytes = offer(size)
        local leaves = math.max(1, (size + MIB - 1) // MIB)
        local expected = ("%d %d %s\n"):format(leaves > 1 and leaves + 1 or leaves, size, text.hex(hash.sha256(bytes)))
        assert.equal(expected, (fetch(file.cid, "car")))
        assert.equal(expected, (fetch(file.cid, "raw")))
      end)
    end

    it("reads a tree of two levels out of its CAR", function()
      local said = fetch(offer_deep().cid, "car")
      local sum = run("sha256sum <'%s/deep'", home.path):match "%x+"
      assert.equal("7 1073741825 " .. sum .. "\n", said)
    end)

    it("is told of a file that is not there", function()
      local said, code = fetch("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "car")
      assert.not_equal(0, code)
      assert.truthy(said:find "404 missing", said)
    end)

    it("finds bytes that are not their CID's", function()
      local file = offer(2 * MIB)
      local said, code = run([[cd '%s' && LD_PRELOAD= curl -sf '%s' >car && printf X | dd of=car bs=1 seek=1000000 \
        conv=notrunc status=none && LD_PRELOAD= node '%s/lie.js' '%s/fetch.js' car %s 2>&1]], home.path,
        url(file, "car"), place, place, file.cid)
      assert.not_equal(0, code)
      assert.truthy(said:find "a block that is not", said)
    end)
  end)
end)
