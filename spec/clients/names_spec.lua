-- names_spec.lua - what people call a node: names used twice, names of the absent, and nobody's flood of keys.
local disk = require "core.sim"
local json = require "core.json"
local key = require "core.key"
local labels = require "clients.discovery.labels"
local policy = require "policy"
local seen = require "clients.discovery.seen"
local sim = require "sim"

local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))

local function id(text) return "12D3KooW" .. ("x"):rep(38) .. (text:gsub("0", "z")) end

describe("labels", function()
  local function of(...)
    local nodes, found = {}, {}
    for i, pair in ipairs { ... } do nodes[i] = { id = id(pair[1]), name = pair[2] } end
    local all = labels.of(nodes)
    for i, node in ipairs(nodes) do found[i] = all[node.id] or false end
    return found
  end

  it("are the name where one has it, name~key where several have it, longer where the keys end alike", function()
    assert.same({ "ada" }, of { "UdH6", "ada" })
    assert.same({ "ada~UdH6", "ada~KyE2", "bea" }, of({ "UdH6", "ada" }, { "KyE2", "ada" }, { "9gBh", "bea" }))
    assert.same({ "ada~1UdH6", "ada~2UdH6", "ada~KyE2" }, of({ "1UdH6", "ada" }, { "2UdH6", "ada" }, { "KyE2", "ada" }))
    assert.same({ "ada", "bea" }, of({ "1UdH6", "ada" }, { "2UdH6", "bea" }), "ends alike, names differ")
    assert.same({ "ada", false }, of({ "UdH6", "ada" }, { "KyE2" }))
  end)

  it("are bare for the one who is here, or who was granted the name, whoever else claims it", function()
    local function with(...)
      local nodes = {}
      for i, ending in ipairs { "UdH6", "KyE2", "9gBh" } do nodes[i] = { id = id(ending), name = "ada" } end
      for i, facts in ipairs { ... } do
        for name, value in pairs(facts) do nodes[i][name] = value end -- any order
      end
      local all = labels.of(nodes)
      return { all[nodes[1].id], all[nodes[2].id], all[nodes[3].id] }
    end
    local away, granted = { away = true }, { granted = true }
    assert.same({ "ada", "ada~KyE2", "ada~9gBh" }, with({}, away, away))
    assert.same({ "ada~UdH6", "ada~KyE2", "ada~9gBh" }, with({}, {}, away))
    assert.same({ "ada~UdH6", "ada~KyE2", "ada~9gBh" }, with(away, away, away))
    assert.same({ "ada~UdH6", "ada", "ada~9gBh" }, with({}, granted, {}))
    assert.same({ "ada~UdH6", "ada", "ada~9gBh" }, with({}, { granted = true, away = true }, {}))
    assert.same({ "ada~UdH6", "ada~KyE2", "ada~9gBh" }, with(granted, granted, {}))
  end)

  it("of a node without a name are the end of its key, which no other known node has", function()
    assert.equal("~UdH6", labels.nameless(id "UdH6", {}))
    assert.equal("~1UdH6", labels.nameless(id "1UdH6", { id "2UdH6", id "1UdH6" }))
    local ids = { id "1UdH6", id "KyE2", id "2UdH6", id "32UdH6" }
    local all = labels.all_nameless(ids)
    for _, one in ipairs(ids) do assert.equal(labels.nameless(one, ids), all[one]) end
  end)
end)

describe("a crowd", function()
  local nodes, ids = {}, {}
  for i = 1, 5000 do
    ids[i] = id(("%05d"):format(i):gsub("0", "z"))
    nodes[i] = { id = ids[i], name = "ada" }
  end

  local function are_apart(all)
    local met = {}
    for _, one in ipairs(ids) do
      assert.is_nil(met[all[one]])
      met[all[one]] = true
    end
  end

  it("of one name, or of none, is told apart in a moment", function()
    local began = os.clock()
    are_apart(labels.of(nodes))
    are_apart(labels.all_nameless(ids))
    assert.is_true(os.clock() - began < 5, "each with each would be minutes")
  end)
end)

describe("members of a lab", function()
  it("keep their labels, whatever strangers call themselves", function()
    local list = { { id = id "UdH6", name = "ada" }, { id = id "KyE2", name = "ada" },
      { id = id "9gBh", name = "eve" } }
    local peers = { list = list, by_id = {}, stands = function(_, one) return one == list[1].id end }
    for _, peer in ipairs(list) do peers.by_id[peer.id] = peer end
    local known = require("clients.discovery.names").new { loop = { now = function() return 0 end }, peers = peers,
      seen = { rows = {} }, said = { each = function() return ipairs {} end }, id = id "me",
      own = function() return "bea" end, is_away = function() return false end, granted_to = function() end }
    local found = {}
    for i, peer in ipairs(list) do found[i] = known:who(peer.id).label end
    assert.same({ "ada", "ada~KyE2", "eve" }, found)
  end)
end)

describe("those who were seen", function()
  local L, peers, now

  before_each(function()
    L, peers, now = { time = 1000 }, { by_id = {}, addresses = function() return {} end }, nil
    function L:now() return self.time end
  end)

  local function new(rows)
    local s = seen.new { loop = L, time = { proved_now = function() return now end }, peers = peers, id = id "me" }
    s:load(rows)
    return s
  end

  it("come back, those heard last first, with the time where one was proved", function()
    local s = new { { id "past", "bea", "server", 1700000000000, { "/ip4/10.0.0.9/udp/3825/dswarm-line" } } }
    s:note(id "here", "ada", "duckiebot")
    L.time, now = 5000, 1800000000000
    local data = s:data()
    assert.same({ id "past", "bea", "server", 1700000000000, { "/ip4/10.0.0.9/udp/3825/dswarm-line" } }, data[1])
    assert.same({ id "here", "ada", "duckiebot", 1800000000000 - 4000, {} }, data[2])
    assert.same(json.encode(data), json.encode(new(json.decode(json.encode(data))):data()))
  end)

  it("are at most 256: of a crowd of keys nobody who proved an address is forgotten", function()
    local rows = {}
    for i = 1, 200 do rows[i] = { id("p" .. i), "n" .. i, "", 0, { "/ip4/10.0.0.9/udp/1/dswarm-line" } } end
    local s = new(rows)
    for i = 1, 1000 do
      L.time = L.time + 1
      s:note(id("f" .. i), "flood")
    end
    local data, proved = s:data(), 0
    for _, row in ipairs(data) do proved = proved + (row[2] ~= "flood" and 1 or 0) end
    assert.same({ 256, 200 }, { #data, proved })
    assert.equal(id "f1000", data[201][1])
  end)

  it("take nothing of another form from the file or from the air", function()
    local s = new { 7, {}, { id "a", "two words" }, { "no id!", "ada" }, { id "me", "me" }, { id "b", "\27[2J" },
      { id "c", "ok", { 1 }, "x", { 1, ("y"):rep(200), "z" } } }
    assert.same({ { id "c", "ok", "", 0, { "z" } } }, s:data())
    assert.is_false(s:note(id "d", "../x"))
    assert.is_false(s:note(id "d", nil))
    assert.is_false(s:note(id "me", "me"))
    assert.same({}, new("text"):data())
    assert.is_true(s:note(id "d", "dora"))
    assert.is_false(s:note(id "d", "dora"))
    assert.is_true(s:note(id "d", "dorothy"))
  end)
end)

describe("a name", function()
  it("outlives its robot and a restart: whoever is gone for long is still called by it", function()
    local w, d = sim.new { seed = 5, policy = rules }, disk.memory(5)
    local ada, lab = w:add "ada", w:add("lab", { disk = d })
    w:run(5000)
    assert.same({ id = ada.id, name = "ada", label = "ada" }, lab.discovery:who(ada.id))
    w.cut[ada.host] = true
    w:run(31 * 60 * 1000)
    lab:stop()
    local again = w:add("lab2", { disk = d, boot = 2 })
    assert.equal("ada", again.discovery:label(ada.id))
    local secret = key.generate(("q"):rep(32))
    local other = w:add("ada", { identity = { id = secret:id(), key = secret } })
    w:run(5000)
    assert.equal("ada~" .. ada.id:sub(-4), again.discovery:label(ada.id))
    assert.equal("ada", again.discovery:label(other.id), "who is lost takes the name from nobody who is here")
    assert.equal("~" .. id("zzzz"):sub(-4), again.discovery:label(id "zzzz"))
  end)
end)
