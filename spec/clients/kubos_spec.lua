-- kubos_spec.lua - to whose Kubo ours is joined: few, proved, by what they say of themselves. In virtual time.
local kubos = require "clients.kubos"
local random = require "core.random"
local sim_loop = require "sim.loop"
local till = require "spec.net.till"

describe("this node's Kubo", function()
  local loop, peers, words, joined, fails, here, self
  before_each(function()
    loop, words, joined, fails, here = sim_loop.new(), {}, {}, false, true
    peers = { list = {}, by_id = {} }
    function peers.living(_, peer) return not peer.gone end
    function peers.hosts(_, peer) return peer.at and { { host = peer.at, own = peer.own or false } } or {} end
    local channels = {}
    function channels.meeting() return here and { "12D3KooWMe", 4001 } or nil end
    function channels.meet(_, host, name, port, done)
      table.insert(joined, ("%s %d %s"):format(host, port, name))
      loop:post(function() if fails then done(nil, "form: dial failed", "form") else done(true) end end)
    end
    self = kubos.new { loop = loop, random = random.seeded(1), log = till.log(), id = "me", peers = peers,
      channels = channels, dcache = { statement_of = function(_, bucket) return words[bucket] end } }
  end)

  local function peer(i, data, more)
    local one = { id = "node" .. i, at = "10.0.0." .. i }
    for name, value in pairs(more or {}) do one[name] = value end
    table.insert(peers.list, one)
    peers.by_id[one.id] = one
    words["pri/" .. one.id .. "/addresses"] = { holds = true, data = data }
  end

  local function look_for(ms)
    for _ = 1, ms // 30000 do
      self:look()
      loop:run_until(loop.time + 30000)
    end
    return joined
  end

  it("is joined to another's, where that node was proved to be, and again after minutes", function()
    peer(1, { at = {}, ipfs = { "12D3KooWOne", 4001 } })
    assert.same({ "10.0.0.1 4001 12D3KooWOne" }, look_for(4 * 60000))
    assert.equal(2, #look_for(3 * 60000))
    here = false
    look_for(30000)
    here = true
    assert.equal(3, #look_for(30000), "one that was restarted is alone")
  end)

  it("is joined to nobody who is gone, at no proved host, of this machine, or says nothing that counts", function()
    peer(1, { ipfs = { "12D3KooWOne", 4001 } }, { gone = true })
    peer(2, { ipfs = { "12D3KooWTwo", 4001 } }, { at = false })
    peer(3, { ipfs = { "12D3KooWThree", 4001 } }, { own = true })
    for i, told in ipairs { 7, "x", {}, { "12D3KooW/x", 1 }, { "x", 0 }, { "x", 65536 }, { "x", "y" },
      { ("x"):rep(65), 1 }, { {}, 4001 } } do peer(3 + i, { ipfs = told }) end
    peer(20, "text")
    assert.same({}, look_for(60000))
    here = false
    peer(21, { ipfs = { "12D3KooWGood", 4001 } })
    assert.same({}, look_for(60000))
    here = true
    assert.same({ "10.0.0.21 4001 12D3KooWGood" }, look_for(60000))
  end)

  it("is joined to four of many, and tries who fails more and more seldom", function()
    for i = 1, 40 do peer(i, { ipfs = { "12D3KooW" .. i, 4001 } }) end
    assert.equal(4, #look_for(60000))
    joined, fails = {}, true
    look_for(24 * 60 * 60000)
    assert.is_true(#joined < 4 * 50, #joined .. " tries in a day")
  end)
end)
