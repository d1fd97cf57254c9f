-- repair_spec.lua - whom a repair dials, and when again, by peers and links of tables. The whole is in spec/sim.
local repair = require "comms.repair"
local random = require "core.random"
local simloop = require "sim.loop"
local till = require "spec.net.till"
local trust = require "dcache.trust"

local function world()
  local w = { loop = simloop.new(), dialled = {}, peers = { list = {}, by_id = {} }, trust = trust.new {} }
  function w.peers.living() return true end
  function w.peers.hosts(_, peer) return { { host = peer.id .. ".host" } } end
  function w.add(id)
    local peer = { id = id, tcp = 3825, first = 0, classes = { { name = "share" } }, unequal = { share = 0 }, t = 0 }
    w.peers.by_id[id] = peer
    table.insert(w.peers.list, peer)
  end
  function w.forget(id)
    w.peers.by_id[id] = nil
    for i, peer in ipairs(w.peers.list) do
      if peer.id == id then table.remove(w.peers.list, i) end
    end
  end
  w.repair = repair.new { loop = w.loop, random = random.seeded(1), peers = w.peers, id = "me", log = till.log(),
    refused = function() end, dcache = { trust = w.trust },
    beacon = { judge = function() end, is_gap = function() return true end },
    dial = function(host, _, done)
      table.insert(w.dialled, host)
      done(nil, "ETIMEDOUT: nobody", "ETIMEDOUT")
    end, feed = function() end, say = function() end, broadcast = function() end }
  return w
end

local function backoffs(w)
  local n = 0
  for _ in pairs(w.repair.gaps.backoff) do n = n + 1 end
  return n
end

describe("repair", function()
  it("dials who differs, and more and more rarely who does not answer", function()
    local w = world()
    w.add "ada"
    w.repair:consider()
    w.loop:run_until(10000)
    local early = #w.dialled
    assert.is_true(early >= 2 and early <= 6, early)
    w.loop:run_until(3600000)
    local before = #w.dialled
    w.loop:run_until(7200000)
    assert.is_true(#w.dialled - before <= 26 and #w.dialled > before, #w.dialled - before)
  end)

  it("remembers nothing of peers that are forgotten", function()
    local w = world()
    for i = 1, 50 do
      w.add("p" .. i)
      w.repair:consider()
      w.loop:run_until(i * 2000)
      w.forget("p" .. i)
    end
    assert.is_true(#w.dialled >= 40, #w.dialled)
    assert.is_true(backoffs(w) <= 2, backoffs(w))
  end)

  it("takes root and trust before all else in a lab, and asks members first", function()
    local w = world()
    w.trust.lab = {}
    function w.trust.is_member(_, id) return id == "bea" or id == "cid" end
    function w.trust.verdict() return nil end
    local first, all = {}, 0
    function w.repair.dial(host, _, done)
      table.insert(w.dialled, host)
      done(nil, "ETIMEDOUT: nobody", "ETIMEDOUT")
    end
    for _, id in ipairs { "ada", "bea", "cid", "dan", "eve" } do w.add(id) end
    w.repair:consider()
    w.loop:run_until(2000)
    for i = 1, 2 do first[w.dialled[i]] = true end
    assert.same({ ["bea.host"] = true, ["cid.host"] = true }, first)
    w.loop:run_until(20000)
    for _, host in ipairs(w.dialled) do all = all + (host == "ada.host" and 1 or 0) end
    assert.is_true(all > 0, "strangers are asked, too, where members cannot be reached")

    local classes = {}
    for _, one in ipairs { "health", "root", "share", "trust" } do classes[#classes + 1] = { name = one } end
    local peer = { id = "bea", classes = classes, unequal = { health = 0, root = 0, share = 0, trust = 0 }, t = 0 }
    w.peers.list, w.peers.by_id, peer.tcp, peer.first = { peer }, { bea = peer }, 3825, 0
    function w.repair.dial(_, _, done) done { close = function() end } end
    function w.repair.list(_, names)
      classes = table.concat(names, " ")
      return function() end
    end
    w.repair.gaps.backoff = {}
    w.repair:consider()
    w.loop:run_until(30000)
    assert.equal("root trust health share", classes)
  end)
end)
