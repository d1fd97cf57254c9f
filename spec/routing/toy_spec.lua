-- toy_spec.lua - a kind of channel that no file of the program knows: used by one line, and taken away again.
local channels = require "routing.channels"
local file_key = require "spec.file_key"
local instead = require "spec.routing.instead"
local key = require "core.key"
local messages = require "comms.messages"
local policy = require "policy"
local sim = require "sim"
local statement = require "core.statement"
local toy = require "spec.routing.toy"

local ADDRESS = "/dns4/toy/tcp/6667/irc/#lab/dswarm-line"

describe("a toy channel: 390-byte lines, nicks, no hosts", function()
  local w, ada, bob, put_back

  setup(function() put_back = instead("irc", "spec.routing.toy") end)
  teardown(function() put_back() end)

  -- Two nodes that hear each other by no other way.
  before_each(function()
    w = sim.new { seed = 9, policy = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" })) }
    ada, bob = w:add "ada", w:add "bob"
    for _, node in ipairs(w.nodes) do
      w.cut[node.host] = true
      node.channels = channels.new { loop = node.loop, net = {}, random = node.random, log = node.log,
        add = function(...) return node.routing:add(...) end }
    end
  end)

  after_each(function()
    for _, room in pairs(toy.rooms) do -- any order
      while room[1] do room[1]:close() end
    end
  end)

  local function join()
    for _, node in ipairs(w.nodes) do assert(node.channels:apply { { address = ADDRESS } }) end
  end

  local function share(node, name)
    return assert(node.comms:propose("share/files", { class = "lab", names = { name }, size = 1 },
      { key = file_key(name) }))
  end

  local function names(node)
    local list = {}
    for _, record in ipairs(node.dcache:statements "share/files") do list[#list + 1] = record.data.names[1] end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("carries what two nodes say until they hold the same, and know each other's nick", function()
    join()
    w:run(5000)
    share(ada, "a.txt")
    w:run(2000)
    share(bob, "b.txt")
    w:run(60000)
    assert.same({ "a.txt b.txt", "a.txt b.txt" }, { names(ada), names(bob) })
    local sync = ada.comms:sync()
    assert.same({ 1, 1 }, { sync.equal, sync.of })
    local best = ada.comms.peers:best(ada.comms.peers.by_id[bob.id])
    assert.matches("^toy n%d+$", best.source.principal)
    assert.is_nil(best.source.host)
    assert.equal(2, #ada.discovery:nodes(), "itself and bob")
  end)

  it("is held up by no line that it cannot carry", function()
    join()
    w:run(5000)
    local before = ada.refused.long or 0
    share(ada, ("long"):rep(40))
    share(ada, "a.txt")
    w:run(2000)
    assert.same({ "a.txt", before + 1 }, { names(bob), ada.refused.long })
  end)

  it("is refused by nick what is forged, and what would be too much", function()
    join()
    w:run(1000)
    local member, forger = toy.rooms.lab[1], toy.new(w.loop, "lab", "eve")
    local eve = key.generate(("e"):rep(32))
    for i = 1, 3 do
      assert(forger:send { kind = "beacon", head = "* - 8 beacon " .. messages.beacon(eve, "elsewhere", { id = eve:id(),
        boot = 1, count = i, t = 1700000000 // 16 * 16, tcp = 0, http = 0, name = "eve", classes = {} }) })
    end
    local wall = w.loop:wall() // 16000 * 16
    local bad = statement.sign(eve, "elsewhere", { verb = "propose", bucket = "share/files", key = file_key "x",
      at = wall * 1000, valid_from = wall, valid_until = wall + 64, data = "{}" })
    assert(forger:send { kind = "statements", head = "* - 8 statements", body = { bad.line } })
    w:run(10)
    assert.is_nil(ada.comms.peers.by_id[eve:id()])
    assert.same({ host = "toy eve", count = 3 }, ada.comms.misfits:list()[1])
    assert.equal(196, math.floor(ada.comms.waste.sources:get("toy eve"):left()), "four signatures were wasted")
    assert.is_nil(ada.comms.waste.sources:get("toy " .. member.nick))
  end)

  it("is taken away without trace", function()
    local function traces(node)
      local routing, n = node.routing, 0
      for _, list in ipairs { routing.by_name, routing.pulls.timers, routing.pulls.poked, routing.ended,
        node.comms.repair.wanted } do
        for _ in pairs(list) do n = n + 1 end -- any order
      end
      return { #routing.list, #node.comms.outbox.names, n }
    end
    w:run(1000)
    local before = { traces(ada), traces(bob) }
    join()
    assert.is_true(#ada.comms.outbox.names == 2 and #toy.rooms.lab == 2)
    share(ada, "a.txt")
    w:run(1000)
    for _, node in ipairs(w.nodes) do assert(node.channels:apply {}) end
    w:run(10000) -- what came over it is said a few times on the LAN
    assert.same(before, { traces(ada), traces(bob) })
    assert.same({}, toy.rooms)
    assert.same({}, ada.channels:status())
    for _, node in ipairs(w.nodes) do
      node:stop()
      node.channels:stop()
    end
    local alive = 0
    for _, timer in ipairs(w.loop.heap) do alive = alive + (timer.fn and 1 or 0) end
    assert.equal(0, alive, "timers")
  end)

  it("is no channel where its line is missing", function()
    local at
    for i, kind in ipairs(channels.KINDS) do at = kind.scheme == "irc" and i or at end
    local line = table.remove(channels.KINDS, at)
    local options, text, code = channels.read { address = ADDRESS }
    table.insert(channels.KINDS, at, line)
    assert.same({ nil, "address" }, { options, code })
    assert.matches("^address: " .. ADDRESS:gsub("%p", "%%%0") .. ": a channel is /ip4/A/udp/P/dswarm%-line or ", text)
    assert.equal("lab", channels.read { address = ADDRESS }.room)
  end)
end)
