-- discovery_spec.lua - the list of who is here, whatever others say of themselves. Uses the simulator's medium.
local policy = require "policy"
local sim = require "sim"
local stub = require "spec.net.stub"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

local function row_of(node, id)
  for _, row in ipairs(node.discovery:nodes()) do
    if row.id == id then return row end
  end
end

local function word_of(node, id)
  for _, record in ipairs(node.dcache:statements "peer") do
    if record.signer == id then return record end
  end
end

describe("the list of nodes", function()
  it("stands, with what can be told, when somebody's word about himself is of another kind", function()
    for i, data in ipairs { 7, "text", false, { { 1 } }, { name = { 1 }, type = { "duckiebot" }, clock = 3 } } do
      local w = sim.new { seed = i, policy = rules }
      local ada, odd = w:add "ada", w:add "odd"
      w:run(5000)
      assert.equal("laptop", row_of(ada, odd.id).type)
      w:run(10)
      assert(odd.comms:propose("peer", data))
      w:run(5000)
      assert.is_string(word_of(ada, odd.id).malformed, "it was heard")
      local row = row_of(ada, odd.id)
      assert.same({ "odd", "laptop", nil }, { row.name, row.type, row.clock }, "the type is of his word before")
    end
  end)
end)

describe("hosts of another swarm", function()
  it("are told after two beacons that do not fit, sixteen at most, for five minutes", function()
    local w = sim.new { seed = 3, policy = rules }
    local ada, messages = w:add "ada", require "comms.messages"
    w:run(1000)
    local function hosts() return #ada.discovery:tried().unfit end
    local key = require "core.key".generate(("x"):rep(32))
    local source = stub.source(stub.channel "udp", "10.0.0.1")
    for i = 1, 2 do
      assert.equal(0, hosts())
      local rest = messages.beacon(key, "another", { id = key:id(), boot = 1, count = i, t = 1795357824, tcp = 0,
        http = 0, name = "eve", classes = {} })
      local ok, _, word = require "comms.handlers".beacon(ada.comms, { rest = rest }, source)
      assert.same({ nil, "signature" }, { ok, word })
    end
    assert.same({ { host = "10.0.0.1", count = 2 } }, ada.discovery:tried().unfit)
    assert.equal(ada.comms.swarm, ada.discovery:tried().swarm)
    for i = 10, 49 do
      for _ = 1, 2 do ada.comms.misfits:add("10.0.0." .. i) end
    end
    assert.equal(16, hosts())
    assert.equal("10.0.0.34", ada.discovery:tried().unfit[1].host, "the latest are told")
    w:run(6 * 60 * 1000)
    assert.equal(0, hosts())
  end)
end)

describe("a node whose word about himself is not heard here", function()
  it("has the type that an earlier run heard, and agrees where all that he shares is known", function()
    local w = sim.new { seed = 9, policy = rules }
    local ada, donald = w:add "ada", w:add "donald"
    w:run(60 * 1000)
    assert.is_true(ada.discovery:agrees(donald.id, "share/files"))
    assert.is_false(ada.discovery:agrees("nobody", "share/files"))
    local record = ada.dcache.record
    function ada.dcache.record(...)
      if select(2, ...) ~= "peer" then return record(...) end
    end
    ada.comms.peers.by_id[donald.id].word = nil
    assert.equal("laptop", row_of(ada, donald.id).type)
    w.cut[donald.host] = true
    w:run(5 * 60 * 1000)
    assert.is_false(ada.discovery:agrees(donald.id, "share/files"), "he is not here")
  end)
end)

describe("the status of a node", function()
  local w, ada, donald

  local function status() return row_of(ada, donald.id).status end

  -- What a look finds once it is over.
  local function look(after)
    local over = false
    ada.discovery:probe(function() over = true end)
    w:run(after or 1500)
    assert.is_true(over or after ~= nil)
    return status()
  end

  before_each(function()
    w = sim.new { seed = 7, policy = rules }
    ada, donald = w:add "ada", w:add "donald"
    w:run(60 * 1000)
  end)

  it("is ready while he answers, though he says nothing for a while, and a look costs no second then", function()
    local pings = 0
    local check = ada.comms.proof.check
    function ada.comms.proof.check(...)
      pings = pings + 1
      return check(...)
    end
    w:run(30 * 1000)
    local waited
    local began = w.loop:now()
    ada.discovery:probe(function() waited = w.loop:now() - began end)
    w:run(2000)
    assert.is_true(waited < 100, "he answered in " .. waited .. " ms")
    assert.equal("ready", status())
    local before = pings
    assert.equal("ready", look())
    assert.equal(before, pings, "who was heard now is not asked")
  end)

  it("is quiet, then lost where he leaves three questions over ten seconds unanswered, if anybody looks", function()
    w.cut[donald.host] = true
    w:run(50 * 1000)
    assert.equal("ready", status(), "nobody asked")
    local waited
    local began = w.loop:now()
    ada.discovery:probe(function() waited = w.loop:now() - began end)
    w:run(1100)
    assert.equal(1000, waited)
    assert.equal("quiet", status())
    w:run(8 * 1000)
    assert.equal("quiet", status())
    w:run(3 * 1000)
    assert.equal("lost", status())
    assert.equal(0, ada.discovery:count())
    w.cut[donald.host] = nil
    w:run(8 * 1000)
    look() -- asks him again, and does not wait for who was lost
    assert.equal("ready", status())
    assert.equal(1, ada.discovery:count())
  end)

  it("is not lost where he was silent between two beacons, and stands still for 12 s when somebody looks", function()
    look()
    w.cut[donald.host] = true
    w:run(45 * 1000)
    look()
    w:run(12 * 1000)
    assert.equal("quiet", status())
    w.cut[donald.host] = nil
    look()
    w:run(6 * 1000)
    assert.equal("ready", status())
  end)

  it("stays lost however often somebody looks, until something of him is heard, by whichever way", function()
    w.cut[donald.host] = true
    w:run(50 * 1000)
    look()
    w:run(12 * 1000)
    for i = 1, 30 do
      ada.discovery:probe(function() end)
      w:run(10) -- the question of this look is still on its way
      assert.equal("lost", status(), "look " .. i)
      assert.equal(0, ada.discovery:count())
      assert.equal(0, ada.discovery:same().of)
      w:run(3500)
    end
    w:run(10)
    local st = assert(donald.comms:propose("peer", { name = "donald", clock = "none", state = "ready" }))
    assert(ada.dcache:take(require "core.statement".parse(st.line)))
    ada.discovery:hear(st) -- another one brought his new word
    assert.equal("ready", status())
    assert.equal(1, ada.discovery:count())
  end)

  it("follows his silence where nobody asks: 6 minutes, 11 minutes", function()
    w.cut[donald.host] = true
    for _, step in ipairs { { 5, "ready" }, { 2, "quiet" }, { 3, "quiet" }, { 2, "lost" } } do
      w:run(step[1] * 60 * 1000)
      assert.equal(step[2], status())
    end
  end)

  it("of one from afar follows later: 18 minutes, 21 minutes", function()
    w = sim.new { seed = 8, policy = rules }
    ada, donald = w:add "ada", w:add "donald"
    function ada.comms.near() return false end
    w:run(60 * 1000)
    w.cut[donald.host] = true
    for _, step in ipairs { { 15, "ready" }, { 4, "quiet" }, { 3, "lost" } } do
      w:run(step[1] * 60 * 1000)
      assert.equal(step[2], status())
    end
  end)

  it("is lost, not far, where our own network went away", function()
    function ada.comms.near() return false end
    w.cut[ada.host] = true
    w:run(50 * 1000)
    look()
    w:run(12 * 1000)
    assert.equal("lost", status())
  end)

  it("is left when he says so, and no late word of his or replayed beacon changes that; a new start does", function()
    local gone = false
    donald:leave(function() gone = true end)
    w:run(600)
    assert.is_true(gone)
    assert.equal("left", status())
    local peer = ada.comms.peers.by_id[donald.id]
    ada.comms.peers:heard(peer, peer.flows[1].source) -- on its way when he said so
    assert.equal("left", status())
    w:run(30 * 60 * 1000) -- his word has ended
    assert.equal("left", look())
    assert.equal(0, ada.discovery:count())
    donald.discovery.kept:stop()
    local again = w:add("donald", { boot = 2 })
    again.host = donald.host
    w:run(3000)
    assert.equal("ready", status())
  end)

  it("is left no more when a beacon comes later than any word could be late", function()
    donald.comms:propose("peer", { name = "donald", state = "left" })
    w:run(500)
    assert.equal("left", status(), "he said so, and goes on: such as a word of his that comes again")
    w:run(65 * 1000)
    assert.is_nil(status(), "he is here, and says nothing of how he is")
  end)

  it("asks no more than the budget, and the longest unasked first", function()
    for i = 1, 40 do w:add("n" .. i) end
    w:run(10 * 1000)
    for _, node in ipairs(w.nodes) do w.cut[node.host] = node ~= ada end
    w:run(20 * 1000)
    local asked = {}
    local check = ada.comms.proof.check
    function ada.comms.proof.check(proof, peer, flow)
      local sent = check(proof, peer, flow)
      if sent then asked[peer.id] = (asked[peer.id] or 0) + 1 end
      return sent
    end
    local function count()
      local n = 0
      for _ in pairs(asked) do n = n + 1 end -- only counted
      return n
    end
    look()
    assert.is_true(count() <= 32, count() .. " were asked")
    look()
    assert.equal(41, count())
  end)
end)

describe("why a node is in no list", function()
  it("is that only others hear it, or that nothing of it came in this run", function()
    local st = { holds = true, verb = "propose", data = { state = "ready" },
      via = "/dns4/a.example/tcp/3825/dswarm-line" }
    local discovery = { comms = { peers = { by_id = {} } }, dcache = { statement_of = function() return st end },
      time = { age = function() return 5000 end },
      nodes = function() return { { id = "12D3KooWbea", name = "bea", label = "bea", status = "lost" } } end }
    local function first()
      local row = require "clients.discovery.why".rows(discovery, { peer = "bea" })[1]
      return ("%s: %s"):format(row.what, row.seen)
    end
    assert.equal("bea is elsewhere: others hear it and pass on what it says, which came by /dns4/a.example/tcp/3825",
      first())
    st.data.state = "left"
    assert.equal("bea is lost: heard by an earlier run of this daemon only", first())
    st = nil
    assert.equal("bea is lost: heard by an earlier run of this daemon only", first())
  end)
end)

describe("a node's note", function()
  it("says how often it was asked in vain, and that its name is used twice, both", function()
    local n, label, left = nil, "ada", false
    local peer = { id = "12D3KooWx", name = "ada", heard = 0, flows = {} }
    local comms = { peers = { list = { peer }, by_id = {}, left = function() return left end,
      deaf = function() return false end, best = function() end, stands = function() return true end,
      barred = function() return false end, last = function(_, one) return one.heard end,
      is_elsewhere = function() return false end }, clones = { of = function() end },
      liveness = { unanswered = function() return n end, is_near = function() return true end } }
    local rows = require("clients.discovery.rows").new { loop = { now = function() return 1000 end }, comms = comms,
      dcache = { signers = function() return {} end, statement_of = function() end },
      names = { who = function() return { label = label } end }, seen = { rows = {} }, id = "12D3KooWself",
      said = { of = function() end, each = function() return ipairs {} end } }
    local function note() return rows:list()[1].note end
    assert.is_nil(note())
    n = 1
    assert.equal("asked once, no answer", note())
    n, label = 4, "ada~oWx1"
    assert.equal("asked 4 times, no answer; name used twice", note())
    left = true
    assert.equal("name used twice", note())
  end)

  it("names each other place of a key that is used twice once, however often somebody was started there", function()
    local places = {}
    local rows = require("clients.discovery.rows").new { comms = { clones = { of = function() return places end } } }
    for i, host in ipairs { "10.0.0.2", "10.0.0.1", "10.0.0.2", "10.0.0.3" } do places[i] = { host = host } end
    assert.equal("also at 10.0.0.2 and 10.0.0.3", rows:also_at("12D3KooWx", "10.0.0.1"))
    assert.equal("also at 10.0.0.2 and 10.0.0.1 and 10.0.0.3", rows:also_at "12D3KooWx")
    places = { { host = "10.0.0.1" } }
    assert.is_nil(rows:also_at("12D3KooWx", "10.0.0.1"))
  end)
end)
