-- catch_up_spec.lua - when a newcomer reads a checkpoint by itself, from whom, and what it does when that fails.
local catch_up = require "routing.catch_up"
local checkpoints = require "spec.checkpoints"
local labs = require "spec.labs"
local policy = require "policy"
local sim = require "sim"
local statement = require "core.statement"

local duckiebot = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
local SWARM <const> = duckiebot:get "swarm"
local RECORDS <const> = 1200
local URL <const> = "http://10.0.0.1:3826"

local world, ada, bea, http, hosts, made, own

-- Repairs find no way, so that nothing else can bring a record.
local function no_way(one)
  one.comms.dial = function(_, _, done)
    world.loop:after(1000, function() done(nil, "ETIMEDOUT: nobody answers", "ETIMEDOUT") end)
  end
end

-- ONE looks for checkpoints.
local function look_out(one, is_own)
  one.catch_up = catch_up.new { loop = world.loop, random = world.random, log = one.log, comms = one.comms,
    dcache = one.dcache, id = one.id, swarm = one.swarm, http = function() return http end,
    peer = function(id)
      local peer = one.comms.peers.by_id[id]
      return peer and { name = "ada", http = 3826, hosts = one.comms.peers:hosts(peer) }
    end,
    add = function(...) return one.routing:add(...) end, is_own = is_own or function() return false end }
  one.catch_up:start()
end

local function fill(one, n, from)
  for i = from or 1, n do
    assert(one.dcache:take(labs.sign(labs.key("s" .. i % 3), SWARM, { bucket = "share/files", key = "key" .. i,
      at = world.loop:wall() + i, ttl = 24 * 60 * 60, data = { n = i } })))
  end
end

local function announce(key)
  assert(ada.comms:propose(("pri/%s/checkpoint"):format(ada.id), { cid = key, words = RECORDS }, { ttl = 600 }))
end

local function count(one) return #one.dcache:statements "share/files" end

describe("a newcomer", function()
  before_each(function()
    own, world = {}, sim.new { seed = 5, policy = duckiebot }
    ada = world:add "ada"
    bea = world:add "bea"
    hosts = { [URL] = { blocks = {} } }
    http = checkpoints.http(world.loop, hosts, 100)
    no_way(ada)
    no_way(bea)
    look_out(bea, function(key) return own[key] end)
    fill(ada, RECORDS)
    made = checkpoints.make(checkpoints.texts_of(ada, 200), { swarm = SWARM })
    hosts[URL].blocks = made.blocks
  end)

  it("that lacks a thousand records reads what a neighbour announces, and says how far it is", function()
    world:run(5000)
    assert.equal(0, http.asked[URL] or 0, "nothing is announced yet")
    announce(made.cid)
    local seen
    for _ = 1, 400 do
      world:run(50)
      local row = bea.catch_up:row()
      seen = row and row.read.of == 6 and row or seen
    end
    assert.same({ RECORDS, "up", "ipfs" }, { count(bea), seen.state, seen.kind })
    assert.is_nil(bea.catch_up:row())
    local asked = http.asked[URL]
    world:run(120000)
    assert.equal(asked, http.asked[URL], "nothing is missing any more")
  end)

  it("reads a checkpoint once, though who announces it counts more by now", function()
    announce(made.cid)
    fill(ada, 2 * RECORDS + 100, RECORDS + 1)
    world:run(15000)
    assert.equal(RECORDS, count(bea))
    local asked = http.asked[URL]
    world:run(14000) -- it rests for half a minute at least
    assert.equal(asked, http.asked[URL])
  end)

  it("is not kept from a good checkpoint by who counts most, and announces new ones with nothing in them", function()
    local eve, n = world:add "eve", 0
    no_way(eve)
    fill(eve, 2 * RECORDS)
    world:run(5000)
    local url = "http://10.0.0.3:3826"
    hosts[url] = { blocks = {} }
    world.loop:every(2000, function()
      n = n + 1
      local empty = checkpoints.make({ ("%d\n"):format(n) }, { swarm = SWARM })
      for key, bytes in pairs(empty.blocks) do hosts[url].blocks[key] = bytes end
      eve.comms:propose(("pri/%s/checkpoint"):format(eve.id), { cid = empty.cid, words = 1 << 40 }, { ttl = 600 })
    end)
    world:run(10000)
    announce(made.cid)
    world:run(10000)
    assert.equal(RECORDS, count(bea))
    local asked = http.asked[url]
    world:run(5 * 60 * 1000)
    assert.is_true(asked > 0 and http.asked[url] - asked < 40, ("%d, then %d"):format(asked, http.asked[url]))
  end)

  it("gives up a checkpoint that goes on for ever and brings nothing, and reads the next one", function()
    local eve, url, leaves = world:add "eve", "http://10.0.0.3:3826", {}
    no_way(eve)
    fill(eve, 2 * RECORDS)
    for i = 1, 1000 do leaves[i] = i .. "\n" end
    local endless = checkpoints.make(leaves, { swarm = SWARM })
    hosts[url] = { blocks = endless.blocks, ms = 10 * 1000 }
    eve.comms:propose(("pri/%s/checkpoint"):format(eve.id), { cid = endless.cid, words = 1 }, { ttl = 600 })
    world:run(20000)
    assert.equal(endless.cid, bea.catch_up.one.cid)
    announce(made.cid)
    world:run(4 * 60 * 1000)
    assert.equal(RECORDS, count(bea))
  end)

  it("that lacks few waits for repairs, and reads only when no way opened for a minute", function()
    local n = 0
    for _, leaf in ipairs(made.leaves) do
      for line in made.blocks[leaf.cid]:gmatch "[^\n]+" do
        n = n + 1
        if n > 50 then bea.dcache:take(statement.parse(line)) end
      end
    end
    announce(made.cid)
    world:run(30000)
    assert.equal(0, http.asked[URL] or 0)
    world:run(120000)
    assert.equal(RECORDS, count(bea))
  end)

  it("leaves a checkpoint alone for a while that is none", function()
    announce(checkpoints.make({ "x\ny\nz\n" }, { swarm = "elsewhere" }).cid)
    world:run(70 * 1000 + 20000)
    local asked = http.asked[URL]
    assert.is_true(asked > 0 and asked < 40)
    announce(made.cid)
    world:run(20000)
    assert.equal(RECORDS, count(bea))
  end)

  it("looks up what each neighbour announces once in a look, however many announce the same", function()
    local list, most, now, n = { ada }, 0, nil, 0
    for i = 2, 4 do
      list[i] = world:add("eve" .. i)
      no_way(list[i])
      fill(list[i], RECORDS)
      hosts[("http://10.0.0.%d:3826"):format(i + 1)] = { blocks = made.blocks }
    end
    local statements = bea.dcache.statements
    function bea.dcache:statements(bucket, signer)
      if bucket:find "/checkpoint$" then
        now, n = world.loop:now(), now == world.loop:now() and n + 1 or 1
        most = math.max(most, n)
      end
      return statements(self, bucket, signer)
    end
    world:run(2000)
    for _, one in ipairs(list) do
      assert(one.comms:propose(("pri/%s/checkpoint"):format(one.id), { cid = made.cid, words = RECORDS },
        { ttl = 600 }))
    end
    world:run(20000)
    assert.equal(RECORDS, count(bea))
    assert.is_true(most <= #bea.comms.peers.list, most .. " times at once")
  end)

  it("does not ask for leaves that its own checkpoint has", function()
    for line in made.blocks[made.leaves[1].cid]:gmatch "[^\n]+" do bea.dcache:take(statement.parse(line)) end
    own[made.leaves[1].cid] = true
    announce(made.cid)
    world:run(20000)
    assert.same({ RECORDS, 3 + 5 }, { count(bea), http.asked[URL] })
  end)

  it("reads again what was refused because a liar's checkpoint names members behind their words", function()
    local lab, nodes, leaves = labs.new { name = "robotics", robots = 4, at = labs.AT - 60 * 60 * 1000 }, {}, {}
    world = sim.new { seed = 6, policy = duckiebot }
    for i, name in ipairs { "ada", "bea", "eve" } do
      nodes[i] = world:add(name, { lab = lab.lab, identity = { id = lab.robots[i].id, key = lab.robots[i].key } })
      no_way(nodes[i])
    end
    local function hear(one, line)
      local st = statement.parse(line)
      if one.dcache.trust:lets_in(st) then one.dcache.trust:let_in(st.signer) end
      assert(one.dcache:take(st))
    end
    world:run(5000)
    ada, bea = nodes[1], nodes[2]
    assert.equal(4, #bea.dcache.trust:verdict().standing) -- they let each other in, by the token
    local author = lab.robots[4]
    local grant = lab:grant(lab.root, author.id, "member")
    for _, one in ipairs { ada, nodes[3] } do hear(one, grant) end
    world:run(2000)
    for i = 1, RECORDS do
      leaves[i] = lab:line(author.key, { bucket = "share/files", key = "key" .. i, ttl = 24 * 60 * 60,
        data = { n = i } })
      for _, one in ipairs { ada, nodes[3] } do hear(one, leaves[i]) end
    end
    local words = table.concat(leaves, "\n") .. "\n"
    local false_one = checkpoints.make({ words, grant .. "\n" }, { swarm = lab.swarm })
    made = checkpoints.make({ grant .. "\n", words }, { swarm = lab.swarm })
    http = checkpoints.http(world.loop, { [URL] = made, ["http://10.0.0.3:3826"] = false_one }, 100)
    look_out(bea)
    nodes[3].comms:propose(("pri/%s/checkpoint"):format(nodes[3].id), { cid = false_one.cid, words = 1 }, { ttl = 600 })
    world:run(20000)
    assert.same({ 0, true }, { count(bea), bea.dcache.trust:stands(author.id) })
    announce(made.cid)
    world:run(20000)
    assert.equal(RECORDS, count(bea))
  end)
end)
