-- content_spec.lua - a checkpoint read as a channel: in order, from who is left, and no liar fills memory or time.
local checkpoints = require "spec.checkpoints"
local content = require "routing.channels.content"
local labs = require "spec.labs"
local policy = require "policy"
local sim = require "sim"
local worker = require "worker"

local duckiebot = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
local SWARM <const> = duckiebot:get "swarm"
local MANY <const> = 900 -- words that stand before the one that lets their signer speak
local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local A <const>, B <const> = "http://10.0.0.8:3826", "http://10.0.0.9:3826"

local world, hosts, http, bea

local function line(n, swarm)
  return labs.sign(labs.key("signer" .. n % 3), swarm or SWARM, { bucket = "share/files", key = "key" .. n,
    at = world.loop:wall() + n, ttl = 24 * 60 * 60, data = { n = n } }).line
end

-- Texts of leaves with LEAVES times PER lines.
local function texts(leaves, per, swarm)
  local list = {}
  for i = 1, leaves do
    local lines = {}
    for k = 1, per do lines[k] = line(i * 1000 + k, swarm) end
    list[i] = table.concat(lines, "\n") .. "\n"
  end
  return list
end

-- Reads the checkpoint CID at ONE from the hosts of URLS. → the channel
local function read(one, key, urls, more)
  local list = {}
  for i, url in ipairs(urls) do list[i] = { id = url, name = url == A and "ada" or "bob", url = url } end
  local given = { loop = world.loop, random = world.random, log = { info = function() end, warn = function() end,
    debug = function() end }, cid = key, swarm = one.swarm, http = function() return http end,
    sources = function() return list end,
    worked_out = function(fn) one.dcache.trust:when_worked_out(fn) end }
  for name, value in pairs(more or {}) do given[name] = value end
  local channel = content.new(given)
  assert(one.routing:add(channel, { quiet = true }))
  content.start(channel)
  return channel
end

local function count(one) return #one.dcache:statements "share/files" end

describe("a checkpoint", function()
  before_each(function()
    world = sim.new { seed = 3, policy = duckiebot }
    bea = world:add "bea"
    hosts = { [A] = { blocks = {} }, [B] = { blocks = {} } }
    http = checkpoints.http(world.loop, hosts)
  end)

  it("is read whole from one host, and both hold the same", function()
    local ada = sim.new { seed = 4, policy = duckiebot }:add "ada"
    local list = texts(4, 100)
    for _, text in ipairs(list) do
      for each in text:gmatch "[^\n]+" do assert(ada.dcache:take(require "core.statement".parse(each))) end
    end
    local made = checkpoints.make(checkpoints.texts_of(ada, 90), { swarm = SWARM })
    hosts[A].blocks = made.blocks
    local channel = read(bea, made.cid, { A })
    world:run(3000)
    local row = channel:status()
    assert.same({ "up", 400, true, row.read.of, nil },
      { row.state, row.read.taken, row.read.done, row.read.leaves, row.reason })
    local t = world.loop:wall() // 1000
    assert.same({ ada.dcache:digest("share", t) }, { bea.dcache:digest("share", t) })
    local again = read(bea, made.cid, { A }, { known = function(key) return key == made.leaves[1].cid end })
    world:run(3000)
    assert.same({ 0, 1, true }, { again:status().read.taken, again:status().read.skipped, again:status().read.done })
  end)

  it("is finished from the next host when one dies half way, or gives wrong blocks", function()
    local made = checkpoints.make(texts(8, 30), { swarm = SWARM })
    hosts[A].blocks, hosts[B].blocks = made.blocks, made.blocks
    local channel = read(bea, made.cid, { A, B })
    world:run(17)
    hosts[A].dead = true
    world:run(5000)
    assert.same({ 240, true }, { count(bea), channel:status().read.done })
    assert.is_true(http.asked[B] > 0)
    local clara = world:add "clara"
    hosts[A].dead, hosts[A].change = nil, function(_, bytes) return bytes .. "x" end
    channel = read(clara, made.cid, { A, B })
    world:run(5000)
    assert.same({ 240, true }, { count(clara), channel:status().read.done })
    assert.is_true((channel.reader.refused.long or 0) + (channel.reader.refused.block or 0) >= 1)
    assert.is_true(http.asked[A] < 40, "who lied is left alone")
  end)

  it("comes over a path that breaks off before a leaf is there, and nobody rests for that", function()
    local made = checkpoints.make(texts(2, 400), { swarm = SWARM })
    hosts[A] = { blocks = made.blocks, breaks = 20 * 1024 }
    assert.is_true(#made.blocks[made.leaves[1].cid] > 3 * hosts[A].breaks)
    local channel = read(bea, made.cid, { A })
    world:run(3000)
    assert.same({ 800, true }, { count(bea), channel:status().read.done })
    assert.same({}, channel.reader.refused)
  end)

  it("waits and says why, where nobody can be asked", function()
    local made = checkpoints.make(texts(1, 3), { swarm = SWARM })
    local channel = read(bea, made.cid, { A })
    world:run(2000)
    assert.same({ "waiting", "ada cannot give it now" }, { channel:status().state, channel:status().reason })
    hosts[A].blocks = made.blocks
    world:run(20000)
    assert.same({ "up", 3 }, { channel:status().state, count(bea) })
  end)

  it("of another swarm is not read further than that", function()
    local made = checkpoints.make(texts(2, 3), { swarm = "elsewhere" })
    hosts[A].blocks = made.blocks
    local channel = read(bea, made.cid, { A })
    world:run(5000)
    assert.same({ "down", "swarm: a checkpoint of elsewhere", 1 },
      { channel:status().state, channel:status().reason, channel:status().refused.swarm })
    assert.equal(2, http.asked[A])
  end)

  it("that claims two GiB, has nodes of nodes, 10,000 leaves or an endless leaf is refused by its node", function()
    local leaf = { cid = checkpoints.put({}, "raw", "x"), size = 1 }
    local many, node = {}, { cid = checkpoints.put({}, "dag-pb", "x"), size = 1 }
    for i = 1, 10000 do many[i] = leaf end
    for what, bytes in pairs {
      size = checkpoints.file_node({ { cid = leaf.cid, size = 2 << 30 } }), form = checkpoints.file_node { node },
      long = checkpoints.file_node(many), block = false } do -- any order
      local made = checkpoints.make(texts(1, 3), { swarm = SWARM, node = bytes or nil })
      hosts[A].blocks = made.blocks
      hosts[A].change = what == "block" and function(key, own)
        return key == made.leaves[1].cid and own .. own or own
      end
      local channel = read(bea, made.cid, { A }, { once = true, patience = 5000 })
      world:run(10000)
      local row, refused = channel:status(), channel.reader.refused
      assert.equal(0, count(bea), what)
      assert.truthy(row.refused[what] or refused[what] or what == "block" and refused.long, what)
      assert.is_falsy(row.read.done, what)
      hosts[A].change = nil
    end
    local _, sum, code = require "dcache.content.dag".file(checkpoints.file_node({ leaf }, 2 << 30))
    assert.same({ "form: a file of another size than its leaves have", "form" }, { sum, code })
  end)

  it("with three lines in a leaf that cannot be good is no checkpoint; two are only refused", function()
    local list, forged = texts(3, 20), ""
    for n = 1, 3 do forged = forged .. line(n, "elsewhere") .. "\n" end
    list[2] = forged .. list[2]
    local made = checkpoints.make(list, { swarm = SWARM })
    hosts[A].blocks = made.blocks
    local channel = read(bea, made.cid, { A })
    world:run(5000)
    assert.same({ "down", 3 }, { channel:status().state, channel:status().refused.signature - 1 })
    assert.truthy(channel:status().reason:find "^signature: 3 lines of a leaf")
    list[2] = forged:match "^[^\n]*\n[^\n]*\n" .. list[3]
    made = checkpoints.make(list, { swarm = SWARM })
    hosts[A].blocks = made.blocks
    channel = read(bea, made.cid, { A })
    world:run(5000)
    assert.same({ true, 2 }, { channel:status().read.done, channel:status().refused.signature })
  end)

  it("tells all of who may speak before the first other word", function()
    local lab = labs.new { name = "robotics", robots = 2 }
    local one = world:add("dora", { lab = lab.lab })
    local admin, member = labs.key "admin", labs.key "member"
    local said = {}
    for i = 1, 40 do
      said[i] = labs.sign(member, lab.swarm, { bucket = "share/files", key = "k" .. i, at = lab.at + i,
        ttl = 24 * 60 * 60, data = { n = i } }).line
    end
    local trust = { lab:grant(admin, member:id(), "member", { name = "m" }),
      lab:grant(lab.root, admin:id(), "admin", { name = "ada" }) }
    local text = table.concat(trust, "\n") .. "\n" .. table.concat(said, "\n") .. "\n"
    local made = checkpoints.make({ text }, { swarm = lab.swarm })
    hosts[A].blocks = made.blocks
    local channel = read(one, made.cid, { A })
    world:run(5000)
    assert.equal("member", one.dcache.trust:role(member:id()))
    assert.same({ 40, true }, { count(one), channel:status().read.done })
    assert.is_true(one.refused.stranger < 40, one.refused.stranger .. " words of strangers: the 40 were told too early")
    local settled, why = one.dcache.trust:settled()
    assert.is_nil(settled, "what a checkpoint leaves out, such as a revocation, nobody has compared yet")
    assert.truthy(why)
  end)

  it("that tells of nothing else lets in whom its last words let in", function()
    local lab, admin, member = labs.new { name = "robotics" }, labs.key "admin", labs.key "member"
    local one = world:add("dora", { lab = lab.lab })
    local made = checkpoints.make({ lab:grant(admin, member:id(), "member", { name = "m" }) .. "\n"
      .. lab:grant(lab.root, admin:id(), "admin", { name = "ada" }) .. "\n" }, { swarm = lab.swarm })
    hosts[A].blocks = made.blocks
    local channel = read(one, made.cid, { A })
    world:run(5000)
    assert.same({ "member", 2, true, {} }, { one.dcache.trust:role(member:id()), channel:status().read.taken,
      channel:status().read.done, channel:status().refused })
  end)

  it("says what has to be said again no faster than its signatures are checked", function()
    local lab, admin, grants = labs.new { name = "robotics" }, labs.key "admin", {}
    local one = world:add("dora", { lab = lab.lab })
    one.comms.verify.start = function() return worker.new { loop = world.loop, inline = true } end
    for i = 1, MANY do grants[i] = lab:grant(admin, labs.key("member" .. i):id(), "member", { name = "m" .. i }) end
    local half = table.concat(grants, "\n", 1, MANY // 2)
    local word = lab:line(lab.root, { bucket = "share/files", key = "k", ttl = 24 * 60 * 60, data = { n = 1 } })
    grants[MANY + 1] = lab:grant(lab.root, admin:id(), "admin", { name = "ada" })
    local made = checkpoints.make({ half .. "\n", table.concat(grants, "\n", MANY // 2 + 1) .. "\n", word .. "\n" },
      { swarm = lab.swarm })
    hosts[A].blocks = made.blocks
    local channel = read(one, made.cid, { A })
    world:run(10000)
    assert.same({ {}, MANY + 2, true },
      { channel:status().refused, channel:status().read.taken, channel:status().read.done })
  end)

  it("has nodes that cannot hurt, whatever stands in them", function()
    local chance, dag = require "core.random".seeded(11), require "dcache.content.dag"
    local made = checkpoints.make(texts(5, 2), { swarm = SWARM })
    local nodes = { made.blocks[made.machines], made.blocks[made.cid] }
    for _ = 1, SOAK and 200000 or 4000 do
      local bytes = nodes[1 + chance:integer(2)]
      for _ = 1, 1 + chance:integer(3) do
        local at = 1 + chance:integer(#bytes)
        bytes = bytes:sub(1, at - 1) .. string.char(chance:integer(256)) .. bytes:sub(at + chance:integer(3))
      end
      local leaves, sum, code = dag.file(bytes)
      assert.is_true(leaves and sum <= dag.FILE_MOST or code == "form" or code == "size")
      assert.is_true(dag.folder(bytes) ~= nil or select(3, dag.folder(bytes)) == "form")
    end
    assert.equal("form", select(3, dag.file(("x"):rep(dag.NODE_MOST + 1))))
  end)
end)
