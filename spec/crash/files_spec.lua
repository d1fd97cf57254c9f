-- files_spec.lua - the power goes while a file is fetched: one in place is whole, one claimed is there. No sockets.
local cid = require "core.cid"
local content = require "dcache.content"
local disk = require "core.sim"
local driver = require "spec.crash.driver"
local folder = require "spec.folder"
local hash = require "core.hash"
local random = require "core.random"
local sim = require "sim"
local unixfs = require "core.unixfs"

local SIZE, NAME = 2 * unixfs.chunk + 700, "night.bag"
local EACH = os.getenv "DT_SWARM_CRASH_IMAGES" and 60 or 10

local policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" }))
local silent = {}
for _, level in ipairs { "debug", "info", "warn", "error", "once" } do silent[level] = function() end end

-- A file of three leaves: { cid =, bytes =, blocks = { [CID] = bytes } }
local function make_file()
  local file = { bytes = folder.bytes(SIZE, 3), blocks = {} }
  local digests = {}
  for from = 1, SIZE, unixfs.chunk do
    local leaf = file.bytes:sub(from, from + unixfs.chunk - 1)
    local digest = hash.sha256(leaf)
    digests[#digests + 1], file.blocks[cid.make("raw", digest)] = digest, leaf
  end
  local root, nodes = unixfs.layout(SIZE, table.concat(digests))
  for _, node in ipairs(nodes) do file.blocks[node.cid] = node.bytes end
  file.cid = root
  return file
end

local file = make_file()

-- core.http's place: blocks come at once, from nowhere.
local function fake_http(loop)
  local http = { serial = 0, asked = 0 }
  function http.get(self, options, done)
    self.serial = self.serial + 1
    local id, body = self.serial, assert(file.blocks[options.url:match "/ipfs/(%w+)%?"])
    if options.max == #body then self.asked = self.asked + 1 end
    loop:post(function() done { id = id, status = 200, body = body } end)
    return id
  end
  function http.cancel() end
  function http.close() end
  return http
end

local function is_off(d) return select(3, d:stat "/state") == "EIO" end

-- A node with content on D: { node =, content =, world =, http = } | nil: the power went.
local function open(d)
  local world = sim.new { seed = 1, policy = policy }
  local ok, node = pcall(world.add, world, "server", { disk = d })
  if not ok then
    assert(is_off(d), node)
    return nil
  end
  local one = { node = node, world = world, http = fake_http(world.loop) }
  one.content = content.new { loop = world.loop, disk = d, log = silent, random = random.seeded(1), dir = "/state",
    id = node.id, http = one.http,
    publish = function(verb, bucket, key, data, ttl)
      if verb == "dismiss" then return node.comms:dismiss(bucket, { key = key, ttl = ttl }) end
      return node.comms:propose(bucket, data, { key = key, ttl = ttl })
    end,
    statements = function(bucket) return node.dcache:statements(bucket) end,
    holders = function() return { "there" } end,
    peer = function()
      return { name = "there", http = 1, hosts = { { host = "10.0.0.9", own = false, rtt_us = 1 } } }
    end }
  return one
end

-- Fetches until it is in place or the power is gone.
local function fetch(d)
  local one, path = open(d), nil
  if not one then return nil end
  one.content:start()
  one.content:fetch(file.cid, SIZE, NAME, function(there) path = there end)
  for _ = 1, 50 do
    if path or is_off(d) then break end
    one.world:run(1000)
  end
  return path, one
end

local function claims(one)
  local list = {}
  for _, record in ipairs(one.node.dcache:statements "share/safe") do
    if record.mine and record.holds then list[#list + 1] = record.key end
  end
  return list
end

-- The bytes of what has its name; after a cut there may be one that no row knows, beside the one that came then.
local function in_place(d)
  local dir, found = "/state/files/unknown/undated", nil
  for _, name in ipairs(d:list(dir) or {}) do
    local bytes = d:read(dir .. "/" .. name)
    if found == nil or bytes ~= file.bytes then found = bytes end
  end
  return found
end

local function check(image)
  local bytes, one = in_place(image), assert(open(image))
  assert.is_true(bytes == nil or bytes == file.bytes)
  if #claims(one) > 0 then assert.is_true(bytes ~= nil, "claimed and not there") end
  one.content:start()
  assert.equal(one.content:holds(file.cid) and 1 or 0, #claims(one))
  local held = one.content:holds(file.cid)
  one.node:stop()
  if not held then assert.truthy(fetch(image)) end
  assert.is_true(in_place(image) == file.bytes)
  return held
end

describe("a file that was being fetched when the power went", function()
  it("is whole when it stands in its place, is there when it is claimed, and comes in the end", function()
    local whole = disk.memory(1)
    assert.truthy(fetch(whole))
    local claimed, unclaimed, operations = 0, 0, driver.operations(whole)
    assert(operations > 20, operations)
    for cut = 1, operations do
      local d = disk.memory(cut)
      d:inject { nth = cut, effect = "off" }
      fetch(d)
      for again = 1, EACH do
        if check(d:crash(cut * 100 + again)) then claimed = claimed + 1 else unclaimed = unclaimed + 1 end
      end
    end
    assert(claimed > 20 and unclaimed > 100, claimed .. " " .. unclaimed)
  end)

  it("is not fetched again where it was synced before the cut", function()
    local d = disk.memory(1)
    local _, one = fetch(d)
    assert.equal(3, one.http.asked)
    local image = d:crash(7)
    local again = assert(open(image))
    again.content:start()
    assert.is_true(again.content:holds(file.cid))
    assert.equal(0, again.http.asked)
  end)

  it("is never named before its bytes are synced, even by a disk that fails once", function()
    local whole = disk.memory(1)
    fetch(whole)
    for nth = 1, driver.operations(whole) do
      local d = disk.memory(nth)
      d:inject { nth = nth, effect = "fail" }
      local ok, path = pcall(fetch, d)
      if ok and path then
        for seed = 1, 3 do check(d:crash(nth * 10 + seed)) end
      end
    end
  end)
end)
