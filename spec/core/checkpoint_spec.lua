-- checkpoint_spec.lua - the blocks of a checkpoint: made and served by the core, beside a second implementation and a
-- real Kubo.
local car = require "spec.car"
local checkpoints = require "spec.checkpoints"
local codecs = require "spec.codecs"
local disks = require "core.disk"
local folder = require "spec.folder"
local gateway = require "core.gateway"
local hash = require "core.hash"
local peers = require "spec.net.peers"
local random = require "core.random"
local unixfs = require "core.unixfs"

-- HUMANS and the leaves TEXTS → what unixfs.checkpoint is asked, and the same by the second implementation.
local function both(humans, texts)
  local sizes, digests, blocks, leaves, sum = { #humans }, { hash.sha256(humans) }, {}, {}, 0
  for i, text in ipairs(texts) do
    sizes[i + 1], digests[i + 1] = #text, hash.sha256(text)
    leaves[i] = { cid = checkpoints.put(blocks, "raw", text), size = #text }
    sum = sum + #text
  end
  local humans_cid, machines = checkpoints.put(blocks, "raw", humans), leaves[1].cid
  if leaves[2] then
    local node = checkpoints.file_node(leaves)
    machines, sum = checkpoints.put(blocks, "dag-pb", node), sum + #node
  end
  local cid = checkpoints.put(blocks, "dag-pb", checkpoints.folder(humans_cid, machines, #humans, sum))
  return { sizes = sizes, leaves = table.concat(digests), cid = cid, machines = machines, blocks = blocks }
end

local function texts_of(source, n)
  local texts = {}
  for i = 1, n do texts[i] = source:bytes(1 + source:integer(i % 7 == 0 and 200000 or 300)) end
  return texts
end

describe("the folder of a checkpoint", function()
  it("has the same CIDs by another implementation", function()
    local source = random.seeded(11)
    for _, n in ipairs { 1, 2, 3, 9, 127, 128, 200, 1024 } do
      local one = both(source:bytes(1 + source:integer(5000)), texts_of(source, n))
      assert.same({ one.cid, one.machines }, { unixfs.checkpoint(one.sizes, one.leaves) }, n)
    end
  end)

  it("throws at what is none", function()
    local digest = hash.sha256 "x"
    assert.has_error(function() unixfs.checkpoint({ 1 }, digest) end)
    assert.has_error(function() unixfs.checkpoint({ 1, 1 }, digest) end)
    assert.has_error(function() unixfs.checkpoint({ 1, 262145 }, digest .. digest) end)
    assert.has_error(function() unixfs.checkpoint({ 1, 0 }, digest .. digest) end)
  end)
end)

describe("a gateway that serves a checkpoint", function()
  local g, home
  before_each(function()
    g = assert(gateway.new { host = "127.0.0.1" })
    home = folder.new()
  end)
  after_each(function()
    g:close()
    home.remove()
  end)

  local function identity(name) return assert(disks.real():stat(home.path .. "/" .. name)) end

  local function serve(humans, texts)
    local one = both(humans, texts)
    folder.write(home.path .. "/humans.txt", humans)
    folder.write(home.path .. "/machines.txt", table.concat(texts))
    assert(g:serve { cid = one.cid, folder = home.path, name = "machines.txt", identity = identity "machines.txt",
      leaves = one.leaves, sizes = one.sizes, first = "humans.txt", first_identity = identity "humans.txt" })
    return one
  end

  local function ask(key, query)
    local url = ("http://127.0.0.1:%d/ipfs/%s?format=%s"):format(g:port(), key, query)
    local pipe = io.popen(("LD_PRELOAD= curl -s --max-time 20 '%s'"):format(url))
    local bytes = pipe:read "a"
    pipe:close()
    return bytes
  end

  for _, n in ipairs { 1, 5 } do
    it(("gives each block, and all of them in order in a CAR, of %d leaves"):format(n), function()
      local humans, texts = "swarm x\n", texts_of(random.seeded(n), n)
      local one = serve(humans, texts)
      for cid, bytes in pairs(one.blocks) do assert.equal(bytes, ask(cid, "raw"), cid) end
      local got = car.read(ask(one.cid, "car"))
      assert.same({ codecs.cid_bytes(one.cid) }, got.roots)
      local order = { one.blocks[one.cid], humans }
      if n > 1 then order[3] = one.blocks[one.machines] end
      table.move(texts, 1, n, #order + 1, order)
      assert.equal(#order, #got.blocks)
      for i, block in ipairs(got.blocks) do assert.equal(order[i], block.bytes, i) end
      assert.equal(#order - 2, #car.read(ask(one.machines, "car")).blocks)
      assert.is_true(g:withdraw(one.cid))
      assert.equal("", (ask(one.machines, "raw"):gsub("^.*missing.*$", ""):gsub("%s", "")))
    end)
  end

  it("gives no byte of a file that is another by now, and takes no wrong leaves", function()
    local one = serve("swarm x\n", { "one\n", "two\n" })
    folder.write(home.path .. "/humans.txt", "swarm y\n")
    local said = ask(one.cid, "car")
    assert.is_nil(said:find("swarm y", 1, true))
    assert.equal(one.blocks[one.machines], ask(one.machines, "raw"), "control: the rest is served")
    local wrong = { cid = one.cid, folder = home.path, name = "machines.txt", identity = identity "machines.txt",
      leaves = hash.sha256 "swarm y\n" .. one.leaves:sub(33), sizes = one.sizes, first = "humans.txt",
      first_identity = identity "humans.txt" }
    assert.same({ nil, "block" }, { (g:serve(wrong)), select(3, g:serve(wrong)) })
  end)

  it("gives a CAR that Kubo imports, and then prints", function()
    local program = peers.kubo()
    if not program then return pending "NO KUBO >= 0.43: the CAR of a checkpoint was NOT imported" end
    local texts = texts_of(random.seeded(3), 300)
    local one = serve("swarm x\n", texts)
    folder.write(home.path .. "/all.car", ask(one.cid, "car"))
    local kubo = peers.repository(program, home.path)
    local function run(words)
      local pipe = io.popen(kubo .. " " .. words .. " 2>&1")
      local said = pipe:read "a"
      assert(pipe:close(), said)
      return said
    end
    run(("dag import %s/all.car"):format(home.path))
    assert.equal(table.concat(texts), run(("cat %s/machines.txt"):format(one.cid)))
    assert.equal("swarm x\n", run(("cat %s/humans.txt"):format(one.cid)))
    assert.matches("humans.txt\n.*machines.txt", run("ls " .. one.cid))
  end)
end)
