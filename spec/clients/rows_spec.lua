-- rows_spec.lua - rows of those who were never heard here, or not any more: by what others bring of them. Uses the
-- simulator's medium.
local hash = require "core.hash"
local key = require "core.key"
local json = require "core.json"
local labs = require "spec.labs"
local policy = require "policy"
local sim = require "sim"
local statement = require "core.statement"
local stub = require "spec.net.stub"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
local MINUTE <const>, DAY <const> = 60 * 1000, 24 * 60 * 60 * 1000

local function key_of(name) return key.generate(hash.blake2b("rows " .. name)) end

describe("one of whom only others bring words", function()
  local w, ada, source, at

  before_each(function()
    w = sim.new { seed = 4, policy = rules }
    ada = w:add "ada"
    w:run(1000)
    source, at = stub.source(stub.channel "irc", "10.9.9.9"), 1795357831000
  end)

  -- The statement of OWNER that says DATA, made AGO ms before the newest | after all others.
  local function word(owner, data, ago)
    at = at + 1000
    local st_at = at - (ago or 0)
    local from = st_at // 16000 * 16
    return assert(statement.parse(assert(statement.sign(owner, "duckietown", { verb = "propose", bucket = "peer",
      key = owner:id(), at = st_at, valid_from = from, valid_until = from + 960,
      data = type(data) == "string" and data or json.encode(data) })).line))
  end

  -- What NODE says of itself now.
  local function newest_of(node)
    local own = node.dcache:statement_of("peer", node.id, node.id)
    return assert(statement.parse(node.dcache:line(own.short)))
  end

  local function hear(st, from) ada.discovery:hear(st, from or source) end

  local function row_of(id, all)
    for _, row in ipairs(ada.discovery:nodes(all)) do
      if row.id == id then return row end
    end
  end

  local function bea(data) return word(key_of "bea", data) end
  local BEA <const> = key_of "bea":id()
  local READY <const> = { name = "bea", state = "ready", type = "duckiebot", clock = "none", boot = 65536 }

  it("has a row that says so, with what its word says", function()
    hear(bea(READY))
    w:run(3000)
    local row = row_of(BEA)
    assert.same({ "bea", "ready", "irc", "record", false, false, "duckiebot", 65536, 3000 }, { row.label, row.status,
      row.via.kind, row.via.by, row.via.proved, row.near, row.type, row.boot, row.seen_ms })
    assert.equal(1, ada.discovery:count())
    assert.equal(BEA, ada.called "bea"[1])
  end)

  it("is quiet, then lost by its silence alone, however long its words are valid, and counted only after a week",
    function()
      hear(bea(READY))
      for _, step in ipairs { { 17, "ready" }, { 2, "quiet" }, { 1, "quiet" }, { 2, "lost" } } do
        w:run(step[1] * MINUTE)
        assert.equal(step[2], row_of(BEA).status)
      end
      assert.equal(0, ada.discovery:count())
      w.loop.time = w.loop.time + 7 * DAY
      assert.is_nil(row_of(BEA))
      assert.equal("lost", row_of(BEA, true).status, "it is remembered, and listed with --all")
    end)

  it("is not renewed by a copy of its word, nor by an older one", function()
    local first, second = bea(READY), bea(READY)
    hear(second)
    w:run(19 * MINUTE)
    hear(second)
    hear(first)
    assert.same({ "quiet", 19 * MINUTE }, { row_of(BEA).status, row_of(BEA).seen_ms })
    hear(bea(READY))
    assert.equal("ready", row_of(BEA).status)
  end)

  it("is renewed by a newer word of where it can be met, and by no older one or copy of one", function()
    local function place(ago)
      at = at + 1000
      return { signer = BEA, at = at - ago, verb = "propose", bucket = ("pri/%s/addresses"):format(BEA), key = BEA,
        data = '{"at":["/ip4/10.0.0.9/tcp/3825/dswarm-line"]}' }
    end
    hear(bea(READY))
    w:run(10 * MINUTE)
    local newer = place(0)
    ada.discovery.said:met(newer)
    assert.equal(0, row_of(BEA).seen_ms)
    w:run(10 * MINUTE)
    for _, st in ipairs { newer, place(5000) } do ada.discovery.said:met(st) end
    assert.equal(10 * MINUTE, row_of(BEA).seen_ms)
  end)

  it("has left when it says so, and not any more when a newer word says otherwise", function()
    local old = bea(READY)
    hear(bea { name = "bea", state = "left", clock = "none" })
    assert.equal("left", row_of(BEA).status)
    hear(old)
    assert.equal("left", row_of(BEA).status)
    hear(bea { name = "bea", state = "busy", clock = "none", why = "exam" })
    assert.same({ "busy", "exam", "exam" }, { row_of(BEA).status, row_of(BEA).why, row_of(BEA).note })
  end)

  it("has left no more, either, when he was heard here before, and others bring the newer word", function()
    local donald = w:add "donald"
    w:run(MINUTE)
    donald.comms:propose("peer", { name = "donald", state = "left", clock = "none" })
    w:run(500)
    assert.equal("left", row_of(donald.id).status)
    w.cut[donald.host] = true
    w:run(2000)
    donald.comms:propose("peer", { name = "donald", state = "busy", clock = "none" })
    hear(newest_of(donald))
    assert.equal("busy", row_of(donald.id).status)
  end)

  it("has left without a line in the log, as anybody may make up robots; who was heard here has one", function()
    local lines = {}
    ada.discovery.log = { info = function(_, _, what, facts) lines[#lines + 1] = what .. " " .. facts.name end }
    local donald = w:add "donald"
    w:run(MINUTE)
    lines = {}
    hear(bea { name = "bea", state = "left", clock = "none" })
    donald.comms:propose("peer", { name = "donald", state = "left", clock = "none" })
    w:run(500)
    assert.same({ "left donald", "left" }, { lines[1], row_of(BEA).status })
    assert.is_nil(lines[2])
  end)

  it("shows nothing of a word that no version could say, and keeps its row", function()
    hear(bea(READY))
    local fields = {} -- as many as a word has room for
    for i = 1, 80 do fields[i] = ('"x%03d":1'):format(i) end
    for i, data in ipairs { "7", "[]", '"text"', '{"name":"bea","state":"[2J"}', '{"state":"dancing"}',
      '{"battery":{},"boot":"x","level":"fatal","name":"bea","site":{},"why":7}',
      ('{"name":"bea",%s}'):format(table.concat(fields, ",")), ('{"why":"%s"}'):format(("<script>"):rep(60)) } do
      hear(bea(data))
      local row = row_of(BEA)
      assert.same({ i, "bea" }, { i, row and row.name })
      assert.is_nil(row.status)
      assert.is_nil(row.why)
      assert.is_nil(row.level)
      assert.is_nil(row.boot)
      assert.is_nil(row.site)
    end
  end)

  it("is shown as used twice where its own word says so", function()
    hear(bea { name = "bea", state = "ready", clock = "none", clone = true })
    assert.same({ "clone?", "its key is used twice" }, { row_of(BEA).status, row_of(BEA).note })
  end)

  it("is what it is for a reason that `why` tells", function()
    local clone = { name = "bea", state = "ready", clock = "none", clone = true }
    for _, case in ipairs { { READY, "its last word came .*, by irc; quiet is after 18 min" },
      { clone, "^it says so itself: another machine uses its key" },
      { { name = "bea", state = "left", clock = "none" }, "^it said that it leaves, .* by irc$" } } do
      hear(bea(case[1]))
      local why = require "clients.discovery.why".rows(ada.discovery, { peer = "bea" })[1]
      assert.matches(case[2], why.seen)
    end
    local first = require "clients.discovery.why".rows(ada.discovery, { peer = "bea" })[1]
    assert.equal("bea is left, by record", first.what)
  end)

  it("takes no name from who is here when it is lost, and shares it while it is here", function()
    hear(word(key_of "other", { name = "ada", state = "ready", clock = "none" }))
    w:run(3000)
    assert.equal("ada~" .. ada.id:sub(-4), ada.discovery:label(ada.id))
    local id = key_of "other":id()
    assert.equal("ada~" .. id:sub(-4), row_of(id).label)
    w:run(22 * MINUTE)
    assert.equal("ada", ada.discovery:label(ada.id))
    assert.equal("ada~" .. id:sub(-4), row_of(id).label)
  end)

  it("was heard here before, and has moved: it is by record as soon as it does not answer, or was silent for long",
    function()
      for _, looks in ipairs { true, false } do
        w = sim.new { seed = 4, policy = rules }
        ada = w:add "ada"
        local donald = w:add "donald"
        w:run(MINUTE)
        assert.is_nil(row_of(donald.id).via.by)
        w.cut[donald.host] = true
        if looks then
          w:run(10 * 1000)
          ada.discovery:probe(function() end)
        end
        w:run(looks and 2000 or 4 * MINUTE)
        donald.comms:propose("peer", { name = "donald", state = "busy", clock = "none" })
        hear(newest_of(donald))
        local row = row_of(donald.id)
        assert.same({ "busy", "record", "irc", false }, { row.status, row.via.by, row.via.kind, row.near })
        w:run(MINUTE)
        ada.discovery:probe(function() end)
        w:run(15 * 1000)
        assert.equal("busy", row_of(donald.id).status, "nobody asks him where he was")
        w.cut[donald.host] = nil
        w:run(2 * MINUTE)
        assert.is_nil(row_of(donald.id).via.by, "he is heard again")
      end
    end)

  it("is one of 1,024 at most: of a crowd of keys nobody who was here before is forgotten, and the lost go first",
    function()
      hear(bea(READY))
      local said, forged = ada.discovery.said, { n = 0 }
      -- What `hear` reads of a statement, without its signature: keys by the thousand take time to make.
      local function crowd(n)
        for _ = 1, n do
          forged.n = forged.n + 1
          said:hear({ signer = ("12D3KooW%044d"):format(forged.n), at = at, valid_from = 1, valid_until = 0,
            verb = "propose", key = "x", data = ('{"name":"r%d","state":"ready"}'):format(forged.n) }, source)
        end
      end
      crowd(3000)
      assert.equal("ready", row_of(BEA).status)
      local list = ada.discovery:nodes()
      assert.equal(1025, #list, "this node, and 1,024 others")
      local bound = said:bounds()[1]
      assert.same({ 1024, 1024, 3001 - 1024 }, { bound.count, bound.limit, bound.dropped })
      local late = ("12D3KooW%044d"):format(3000)
      ada.discovery:note(late, "r3000")
      local without = row_of(late, true)
      assert.same({ "no room: more than 1024 others are known", 0 }, { without.note, without.seen_ms })
      assert.is_nil(without.status, "he was heard just now")
      for _, one in ipairs(ada.discovery:missing()) do assert.not_equal(late, one.id) end
      w:run(1000)
      local carl = key_of "carl"
      ada.discovery.seen:load { { carl:id(), "carl", "", 0, { "/ip4/10.0.0.9/udp/1/dswarm-line" } } }
      hear(word(carl, { name = "carl", state = "ready", clock = "none" }))
      assert.equal("ready", row_of(carl:id()).status, "he proved an address once")
      w:run(22 * MINUTE)
      crowd(2000)
      assert.equal("lost", row_of(carl:id()).status, "he stays, and of the others those came who live")
      local living = 0
      for _, row in ipairs(ada.discovery:nodes()) do living = living + (row.status == "ready" and 1 or 0) end
      assert.equal(1024, living, "this node is one")
    end)
end)

describe("one who stands still for half a minute", function()
  it("is quiet meanwhile, not lost, though somebody looks on and on; one who is gone is lost soon after", function()
    local w = sim.new { seed = 6, policy = rules }
    local ada, bob = w:add "ada", w:add "bob"
    w:run(MINUTE)
    local function status()
      ada.discovery:probe(function() end)
      w:run(1000)
      return ada.discovery:nodes()[2].status
    end
    w:run(6000)
    assert.equal("ready", status())
    w.cut[bob.host] = true
    local seen = {}
    for _ = 1, 30 do seen[status()] = true end
    assert.same({ quiet = true, ready = true }, seen)
    for _ = 1, 20 do seen[status()] = true end
    assert.is_true(seen.lost)
  end)
end)

describe("who is asked for by a name that nobody has", function()
  it("is guessed, in one sentence with where to look", function()
    local one_of = require "clients.discovery.one_of"
    local nodes = { { id = key_of "donald":id(), name = "donald", label = "donald" } }
    assert.equal("missing: no node is called donlad; did you mean donald? discover --all lists those that are known",
      (select(2, one_of(nodes, "donlad"))))
    assert.equal("missing: no node is called zzz; discover --all lists those that are known",
      (select(2, one_of(nodes, "zzz"))))
  end)
end)

describe("who of the roster is missing", function()
  it("are those who were heard before, by name, and no stranger", function()
    local w = sim.new { seed = 6, policy = rules }
    local ada, bob = w:add "ada", w:add "bob"
    w:add "cleo"
    w:run(MINUTE)
    local list, roster = ada.discovery:missing()
    assert.same({ {}, { of = "heard", count = 2 } }, { list, roster })
    w.cut[bob.host] = true
    w:run(12 * MINUTE)
    list = ada.discovery:missing()
    assert.same({ 1, "bob", "lost" }, { #list, list[1].name, list[1].status })
  end)

  it("are in a lab its members, also one who was never heard; who was granted a name keeps it", function()
    local lab = labs.new { name = "robotics", robots = 4 }
    local w = sim.new { seed = 5, policy = rules }
    local function add(i, name)
      local robot = lab.robots[i]
      return w:add(name, { lab = lab:read(), identity = { id = robot.id, key = robot.key } })
    end
    local ada, donald, other = add(1, "ada"), add(2, "donald"), add(3, "donald")
    local names = { "ada", "donald", "", "gladstone" }
    for _, node in ipairs { ada, donald, other } do
      for i, robot in ipairs(lab.robots) do
        node.dcache:take(assert(statement.parse(lab:grant(lab.root, robot.id, "member", { name = names[i] }))))
      end
    end
    w:run(MINUTE)
    local labels = { ada.discovery:label(donald.id), ada.discovery:label(other.id) }
    assert.same({ "donald", "donald~" .. other.id:sub(-4) }, labels)
    local list, roster = ada.discovery:missing()
    assert.same({ "members", 3 }, { roster.of, roster.count })
    assert.same({ 1, lab.robots[4].id, "gladstone", "lost", "never heard here" }, { #list, list[1].id, list[1].name,
      list[1].status, list[1].note })
  end)
end)

describe("who was heard by an earlier run only", function()
  it("is listed where it has a role in the lab, not as what a robot was before it came into the lab", function()
    local lab = labs.new { name = "robotics", robots = 2 }
    local w = sim.new { seed = 7, policy = rules }
    local ada = w:add("ada", { lab = lab:read(), identity = { id = lab.robots[1].id, key = lab.robots[1].key } })
    for _, robot in ipairs(lab.robots) do
      ada.dcache:take(assert(statement.parse(lab:grant(lab.root, robot.id, "member", { name = "" }))))
    end
    w:run(1000)
    local before = key_of "donald, before":id()
    for _, id in ipairs { lab.robots[2].id, before } do
      ada.discovery.rows.seen.rows[id] = { id = id, name = "donald", last = 0, heard = 0, here = false }
    end
    local listed = {}
    for _, row in ipairs(ada.discovery:nodes(true)) do listed[#listed + 1] = row.id end
    assert.same({ ada.id, lab.robots[2].id }, listed)
    w:run(3000)
    assert.same({ lab.robots[2].id }, ada.called "donald", "a route names him")
    assert.same({ "donald", "donald~" .. before:sub(-4) }, { ada.discovery:label(lab.robots[2].id),
      ada.discovery:label(before) })
  end)
end)
