-- conversation_spec.lua - nodes that can dial nobody agree over slow, lossy channels: a room, a pipe. In virtual time.
local channels = require "routing.channels"
local conversation = require "comms.conversation"
local exec = require "routing.channels.exec"
local file_key = require "spec.file_key"
local instead = require "spec.routing.instead"
local json = require "core.json"
local labs = require "spec.labs"
local links = require "sim.links"
local messages = require "comms.messages"
local policies = require "spec.policy.policies"
local policy = require "policy"
local sim = require "sim"
local simloop = require "sim.loop"
local statement = require "core.statement"
local toy = require "spec.routing.toy"
local toy_pipe = require "spec.routing.toy_pipe"

local SOAK <const> = os.getenv "DT_SWARM_SOAK" ~= nil
local ROOM <const> = "/dns4/toy/tcp/6667/irc/#lab/dswarm-line"

describe("nodes that cannot dial each other", function()
  local w, bytes, count

  -- N nodes that hear each other by no medium.
  local function world(n, seed)
    w = sim.new { seed = seed, policy = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" })) }
    bytes, count = {}, {}
    for i = 1, n do
      local node = w:add("node" .. i)
      w.cut[node.host] = true
    end
  end

  local function share(node, from, to)
    for i = from, to do
      local name = ("%s-%d"):format(node.host, i)
      assert(node.comms:propose("share/files", { class = "lab", names = { name }, size = 1 }, { key = file_key(name) }))
    end
  end

  local function said(line)
    local kind = line:match "^e?[/*]%S* %S+ %d (%l+)" or line:find(" share/files ", 1, true) and "file" or "statement"
    bytes[kind], count[kind] = (bytes[kind] or 0) + #line + 1, (count[kind] or 0) + 1
  end

  -- All in the room, each line lost for one listener of so many.
  local function join(loss)
    toy.said = function(_, line) said(line) end
    toy.loses = function() return w.random:unit() < loss end
    for _, node in ipairs(w.nodes) do
      node.channels = channels.new { loop = node.loop, net = {}, random = node.random, log = node.log,
        add = function(...) return node.routing:add(...) end }
      assert(node.channels:apply { { address = ROOM } })
    end
  end

  -- A pipe between the first two, of so many bytes a second.
  local function connect(rate, loss)
    local pipe = toy_pipe.new { loop = w.loop, random = w.random, loss = loss, rate = rate,
      heard = function(_, line) said(line) end }
    for i = 1, 2 do
      local node = w.nodes[i]
      local function spawn(_, options) return pipe.spawn(i, options) end
      local one = exec.new { loop = setmetatable({ spawn = spawn }, { __index = w.loop }),
        random = node.random, log = node.log, program = "line", rate = rate,
        find = function() return "/line" end }
      assert(node.routing:add(one, {}))
      exec.start(one)
    end
  end

  local function files(node)
    for _, bucket in ipairs(node.dcache:buckets(node.comms.beacon:tick())) do
      if bucket.name == "share/files" then return bucket.count end
    end
    return 0
  end

  -- Virtual seconds until each holds N files, and each says that all hold the same | nil after MOST.
  local function agreed(n, most)
    local began = w.loop:now()
    local function all()
      for _, node in ipairs(w.nodes) do
        if files(node) ~= n or node.comms:sync().equal ~= #w.nodes - 1 then return false end
      end
      return true
    end
    while w.loop:now() - began < most * 1000 do
      w:run(1000)
      if all() then return (w.loop:now() - began) // 1000 end
    end
  end

  local put_back
  setup(function() put_back = instead("irc", "spec.routing.toy") end)
  teardown(function() put_back() end)
  after_each(function()
    toy.said, toy.loses, toy.line_max, toy.rate = function() end, function() return false end, 390, nil
    for _, node in ipairs(w.nodes) do node:stop() end
    for _, room in pairs(toy.rooms) do -- any order
      while room[1] do room[1]:close() end
    end
  end)

  it("hold the same in the end over a pipe of 1,200 bit/s that loses a fifth", function()
    local n = SOAK and 250 or 40
    world(2, 1)
    connect(150, 0.2)
    w:run(60000)
    share(w.nodes[1], 1, n)
    share(w.nodes[2], 1, n)
    local took = agreed(2 * n, 3600)
    assert.is_truthy(took)
    print(("# %d records over 1,200 bit/s that lose a fifth: %d s, by their bytes %d s"):format(2 * n, took,
      bytes.file // 300))
  end)

  it("let a dismissal pass before 500 records that wait at 1,200 bit/s", function()
    world(2, 2)
    connect(150, 0.2)
    share(w.nodes[1], 1, 5)
    w:run(120000)
    assert.equal(5, files(w.nodes[2]))
    share(w.nodes[1], 6, 505)
    w:run(30000)
    for i = 1, 5 do w.nodes[1].comms:dismiss("share/files", { key = file_key(w.nodes[1].host .. "-" .. i) }) end
    local function gone()
      for _, record in ipairs(w.nodes[2].dcache:statements "share/files") do
        local names = type(record.data) == "table" and record.data.names -- of a dismissal it is none
        if names and names[1]:find "%-[1-5]$" then return false end
      end
      return true
    end
    local began = w.loop:now()
    repeat w:run(1000) until gone() or w.loop:now() - began > 900000
    assert.is_true(gone())
    assert.is_true(w.nodes[1].comms.outbox:counts().waiting > 250, "most still wait")
    print(("# five dismissals passed before what waits in %d s"):format((w.loop:now() - began) // 1000))
  end)

  it("leave all but a twentieth of a slow line to others than beacons, pings and pongs", function()
    world(2, 7)
    connect(150, 0.2)
    w:run(300000)
    bytes = {}
    local comms, living = w.nodes[1].comms, 0
    for hour = 1, 2 do -- idle, then with something new each ten seconds
      for i = 1, 360 do
        if hour == 2 then share(w.nodes[1], i, i) end
        w:run(10000)
        living = living + (comms.peers:living(comms.peers.list[1]) and 1 or 0)
      end
      local part = (bytes.beacon + (bytes.ping or 0) + (bytes.pong or 0)) / (2 * 150 * 3600 * hour)
      assert.is_true(part <= 0.05, part)
      print(("# beacons, pings and pongs had %.1f %% of the line"):format(part * 100))
    end
    assert.is_true(living > 0.9 * 720, living)
    print(("# though a fifth is lost the other was seen to live %.1f %% of the time"):format(living / 7.2))
  end)

  it("find the one of 500 that is missing by less than a quarter of a list", function()
    world(2, 3)
    connect(nil, 0)
    share(w.nodes[1], 1, 500)
    assert.is_truthy(agreed(500, 600))
    bytes = {}
    w.nodes[1].routing.list[2]:close() -- what is said now is heard by nobody
    w.nodes[2].routing.list[2]:close()
    share(w.nodes[1], 501, 501)
    w:run(60000)
    connect(nil, 0)
    assert.is_truthy(agreed(501, 600))
    local spent = (bytes.ranges or 0) + (bytes.range or 0) + (bytes.want or 0)
    assert.is_true(spent > 0 and spent < 500 * 23 // 4, spent)
    print(("# one of 501 was found by %d bytes; a list has %d"):format(spent, 501 * 23))
  end)

  it("agree in a room without hosts that loses a fifth, and nobody is to blame for what names others", function()
    world(4, 4)
    join(0.2)
    w:run(60000)
    for _, node in ipairs(w.nodes) do share(node, 1, 15) end
    local took = agreed(60, 900)
    assert.is_truthy(took)
    for _, node in ipairs(w.nodes) do
      assert.same({ nil, 0 }, { node.refused.address, node.routing.forward.passed:bounds()[1].count })
    end
    print(("# four in a lossy room agreed in %d s"):format(took))
  end)

  it("repair over the connection that one of them made, where dialling leads to nobody", function()
    world(2, 8)
    share(w.nodes[1], 1, 20)
    w:run(1000)
    w.cut = {}
    for _, node in ipairs(w.nodes) do
      node.routing.list[1]:close()
      function node.comms.dial(_, _, done)
        w.loop:after(1000, function() done(nil, "ETIMEDOUT: nobody answers", "ETIMEDOUT") end)
      end
    end
    local one, other = links.stream(w.world, w.nodes[1].host, w.nodes[2].host)
    w.nodes[1].routing:add(one, {})
    w.nodes[2].routing:add(other, {})
    local took = agreed(20, 300)
    assert.is_truthy(took)
    print(("# over a connection that was made: %d s"):format(took))
  end)

  it("are told once what all of them miss", function()
    world(SOAK and 30 or 12, 5)
    share(w.nodes[1], 1, 50)
    w:run(1000)
    join(0)
    assert.is_truthy(agreed(50, 900))
    assert.is_true(count.file < 50 * 3 and count.ranges < 100, count.file .. " " .. count.ranges)
  end)

  it("agree at the pace that an IRC server takes, and few say the same", function()
    world(10, 11)
    share(w.nodes[1], 1, 20)
    share(w.nodes[2], 1, 20)
    w:run(1000)
    toy.line_max, toy.rate = 1101, 195
    join(0.1)
    local took = agreed(40, 3600)
    assert.is_truthy(took)
    local control = (bytes.beacon + bytes.ping + bytes.pong) / (10 * 195 * took)
    assert.is_true(count.file < 40 * 9 * 0.8, "no less than if each were told alone: " .. count.file)
    print(("# ten at 195 bytes/s and a tenth lost: %d s; control %.1f %%; each record %.1f times"):format(took,
      control * 100, count.file / 40))
  end)

  it("answer nobody who proved no address, and speaks in the name of others", function()
    world(2, 10)
    join(0)
    share(w.nodes[1], 1, 20)
    assert.is_truthy(agreed(20, 300))
    local me, other = w.nodes[1], w.nodes[2]
    local forger = toy.new(w.loop, "lab", "eve")
    local facts = { class = "share", law = me.dcache:law "share", t = me.comms.beacon:tick(), salt = ("s"):rep(8),
      bits = 0, first = 0, last = 0, digests = ("d"):rep(6), ids = { ("x"):rep(16) } }
    bytes, count = {}, {}
    local before = me.refused.unproved or 0
    for kind, rest in pairs { ranges = messages.ranges(facts), range = messages.range(facts),
      want = messages.want { (me.dcache:ids("share", facts.t, "", 1))[1] } } do -- any order
      local head = ("/dswarm/%s/brain /dswarm/%s/brain 8 %s %s"):format(me.id, other.id, kind, rest)
      assert(forger:send { kind = kind, head = head })
    end
    w:run(10000)
    assert.same({ before + 3, 1, 1, 1 }, { me.refused.unproved, count.ranges, count.range, count.want })
    assert.is_nil(count.file)
  end)

  it("come to hold a lab's words that rest on each other, though they begin as strangers", function()
    local lab = labs.new { name = "robotics", robots = 12 }
    local second, admin = lab.robots[11], lab.robots[12]
    local lines = { lab:root_line(lab.root, 2, { second.key, lab.root }, 1),
      lab:root_line(second.key, 2, { second.key, lab.root }, 1), lab:grant(second.key, admin.id, "admin") }
    for i = 1, 10 do
      lines[#lines + 1] = lab:grant(admin.key, lab.robots[i].id, "member")
      lines[#lines + 1] = lab:line(lab.robots[i].key, { bucket = "share/files", key = file_key("of " .. i),
        ttl = 20 * 86400, data = { class = "lab", names = json.array { "of " .. i }, size = 1 } })
    end
    w, bytes, count = sim.new { seed = 9, policy = assert(policies.with "") }, {}, {}
    for i = 1, 3 do
      w.cut[w:add("robot" .. i, { lab = lab.lab, identity = lab.robots[i] }).host] = true
    end
    for _ = 1, 5 do -- each line until what it rests on was worked out
      for _, line in ipairs(lines) do w.nodes[1].dcache:take(assert(statement.parse(line))) end
      w:run(1000)
    end
    toy.line_max = 1101
    join(0.2)
    assert.is_truthy(agreed(10, 600))
    for _, node in ipairs(w.nodes) do assert.is_true(node.dcache.trust:stands(lab.robots[10].id)) end
  end)

  it("draw a new turn where what was amiss before was mended by others, so that not all speak at once", function()
    local loop, unequal, began = simloop.new(), true, nil
    local flow = { source = { channel = { traits = { frame_max = 1200, line_max = 1200 } } } }
    local list = {}
    for i = 1, 8 do list[i] = { id = "peer " .. i, name = "peer", first = 0, classes = {} } end
    local peers = { list = list, living = function() return true end, spoken = function() return flow end }
    local gaps = { any = function() return unequal end, ready = function() return true end,
      first = function(_, ids) return ids[1] end,
      option = function(_, peer)
        if unequal then return { peer = peer, classes = { "share" }, t = 16 }, 0 end
      end }
    local one = conversation.new { loop = loop, random = { integer = function(_, n) return n - 1 end }, peers = peers,
      gaps = gaps, id = "own", feed = function() began = began or loop:now() return true end }
    local function run(ms, amiss)
      unequal = amiss
      one:consider()
      loop:run_until(loop:now() + ms)
    end
    run(3000, true)
    run(600000, false)
    run(3000, true)
    assert.is_nil(began)
    run(7000, true)
    assert.is_truthy(began)
    one:stop()
  end)

  it("do not agree where nobody converses", function()
    world(2, 6)
    for _, node in ipairs(w.nodes) do function node.comms.conversation.consider() end end
    share(w.nodes[1], 1, 5)
    w:run(1000)
    join(0)
    assert.is_nil(agreed(5, 300))
  end)
end)
