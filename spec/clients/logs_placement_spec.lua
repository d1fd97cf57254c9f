-- logs_placement_spec.lua - who counts, whose copies do, and what a carrier lets go of; records and stores are tables.
local carried = require "clients.logs.carried"
local placement = require "clients.logs.placement"
local simloop = require "sim.loop"

local CID <const> = ("b"):rep(59)
local DAY <const> = 24 * 3600 * 1000

-- claims, shared: what nodes say of CID, by ID; keys: the lab's, by ID, or nil for an open swarm.
local function world(w)
  w.loop, w.settings = simloop.new(), w.settings or { domain = "" }
  w.stores, w.silent = w.stores or {}, w.silent or {}
  local keys = w.keys
  local trust = { basis = function() return w.basis end, verdict = function() return keys and { keys = keys } end,
    tags = function(_, id) return keys[id] and keys[id].tags or {} end }
  w.placement = placement.new { loop = w.loop, id = "me", unit = function() return 0.5 end,
    setting = function(name) return w.settings[name] end,
    stores = function() return w.stores end,
    silence = function(id) return w.silent[id] or 0 end,
    dcache = { trust = trust, statement_of = function(_, bucket, _, id)
      local data = (bucket == "share/safe" and w.claims or w.shared or {})[id]
      return data and { holds = true, data = data }
    end } }
  w.ids = {}
  for _, map in ipairs { w.claims or {}, w.shared or {} } do
    for id in pairs(map) do w.ids[#w.ids + 1] = id end
  end
  table.sort(w.ids)
  return w
end

local function look(w) return w.placement:look(CID, 10, w.ids) end

local function store(id, more)
  local row = { id = id, take = true, free = 100, doing = {}, age = 0 }
  for name, value in pairs(more or {}) do row[name] = value end
  return row
end

describe("placement", function()
  it("counts all where nobody is named; else who is in the policy, or has the lab's tag storage", function()
    local w = world { shared = { ada = {} }, claims = { lab = {}, bea = {} } }
    assert.same({ true, 2 }, { w.placement:counts "bea", look(w).claimed })
    assert.is_false(w.placement:is_named())
    w.settings.holders = { "lab", "me" }
    assert.same({ false, true, 1 }, { w.placement:counts "bea", w.placement:is_named(), look(w).claimed })
    w = world { shared = { ada = {} }, claims = { lab = {}, bea = {}, gone = {} }, basis = "1",
      keys = { lab = { level = 1, tags = { "storage" } }, bea = { level = 1, tags = {} },
        gone = { level = 0, tags = { "storage" } } } }
    assert.same({ 1, false, "this node's copies do not count" }, { look(w).claimed, look(w).wanted, look(w).why })
    w.settings.holders = { "bea", "me" }
    w.placement:apply() -- both say who counts
    assert.same({ 2, true }, { look(w).claimed, look(w).wanted })
  end)

  it("counts by the domain of the grant, or by what a node says; a carrier's copy is none", function()
    local w = world { shared = { ada = {} }, basis = "1", settings = { domain = "", holders = { "me" } },
      claims = { one = { domain = "attic" }, two = { domain = "cellar" }, mule = { domain = false } },
      keys = { one = { level = 1, tags = { "storage", "domain:room" } },
        two = { level = 1, tags = { "storage", "domain:room" } }, mule = { level = 1, tags = { "storage" } } } }
    assert.equal(1, look(w).claimed)
    w = world { shared = { ada = {} }, claims = { one = { domain = "attic" }, two = { domain = "attic" }, three = {} } }
    assert.equal(2, look(w).claimed)
    w.claims.three = { from = "three" } -- for an update, and not for long
    assert.equal(1, look(w).claimed)
    w.settings.domain = "attic"
    w.placement:apply()
    assert.same({ false, "another node of its domain holds or fetches it" }, { look(w).wanted, look(w).why })
  end)

  it("wants as many copies as whose file it is asks for", function()
    local w = world { shared = { ada = { copies = { 0, 1 } } }, claims = { lab = {} } }
    assert.same({ false, 1, "1 others hold it" }, { look(w).wanted, look(w).most, look(w).why })
    w.shared.ada.copies = { 2, 4 }
    assert.same({ true, 4 }, { look(w).wanted, look(w).most })
    w.shared.ada.copies = nil
    assert.same({ true, 3 }, { look(w).wanted, look(w).most })
  end)

  it("counts claims of nodes that were not heard for seven days no more; a shorter rest moves nothing", function()
    local w = world { shared = { ada = { copies = { 1, 1 } } }, claims = { lab = {} } }
    w.silent.lab = 7 * DAY
    assert.equal(1, look(w).claimed)
    w.silent.lab = 7 * DAY + 1
    assert.same({ 0, true }, { look(w).claimed, look(w).wanted })
  end)

  it("knows of others' stores what they said, of its own that it takes", function()
    local w = world { shared = { ada = { copies = { 1, 1 } } },
      stores = { store "me", store "a", store "b", store "c", store("d", { take = false }), store("e", { free = 9 }) } }
    local answer, names = look(w), {}
    w.stores[1].take = false -- said before the policy changed
    for _, id in ipairs(answer.able) do names[#names + 1] = id end
    table.sort(names)
    assert.same({ "a", "b", "c", "me" }, names)
    assert.equal(1, #answer.chosen)
    assert.equal(4, #look(w).able)
  end)

  it("waits half a minute after a start for what others who hold files take, if they have not said it", function()
    local w, heard = world { shared = { ada = {} }, claims = { lab = {} } }, 0
    assert.is_true(look(w).wanted) -- nobody told of him yet
    w.placement:claims("bea", CID) -- not that anybody knows of
    w.claims.mule = { domain = false }
    w.placement:claims("mule", CID)
    w.placement:claims("me", CID)
    assert.is_true(look(w).wanted)
    w.placement:claims("lab", CID)
    assert.same({ nil, "other holders are heard first" }, { look(w).wanted, look(w).why })
    for _ = 1, 3 do w.placement:when_heard(function() heard = heard + 1 end) end
    w.stores = { store "lab" }
    w.loop:run_until(2000)
    assert.is_true(look(w).wanted)
    w.stores = {}
    w.loop:run_until(29000)
    assert.is_nil(look(w).wanted)
    assert.equal(0, heard)
    w.loop:run_until(31000)
    assert.is_true(look(w).wanted)
    assert.equal(1, heard)
  end)

  it("need not be asked again soon of a file that has all its copies, where the policy does not want it", function()
    local w = world { shared = { ada = {} }, claims = { a = {}, b = {} } }
    look(w)
    w.placement:settle(CID)
    assert.is_false(w.placement:is_settled(CID))
    w.claims.c = {}
    w.ids[#w.ids + 1] = "c"
    look(w)
    assert.is_false(w.placement:is_settled(CID))
    w.placement:settle(CID)
    assert.is_true(w.placement:is_settled(CID))
    w.placement:news(CID)
    assert.is_false(w.placement:is_settled(CID))
    w.placement:settle(CID)
    w.loop:run_until(11 * 60 * 1000)
    assert.is_false(w.placement:is_settled(CID))
    look(w)
    w.placement:settle(CID)
    w.placement:apply()
    assert.is_false(w.placement:is_settled(CID))
  end)

  it("keeps in mind only files of which a copy is missing", function()
    local w = world { shared = { ada = {} }, claims = { a = {}, b = {} } }
    look(w)
    assert.equal(1, w.placement:bounds()[1].count)
    w.claims.c = {}
    w.ids[#w.ids + 1] = "c"
    look(w)
    assert.equal(0, w.placement:bounds()[1].count)
  end)
end)

describe("a carrier", function()
  local function carrier(holders)
    local w = world { shared = { ada = { copies = { 2, 3 } } }, claims = { me = { domain = false }, lab = {} },
      settings = { domain = false, holders = holders } }
    w.gone = {}
    w.content = { holds = function(_, key) return key == CID and not w.gone[1] end,
      held_cids = function() return { CID } end, is_payload = function() return false end,
      let_go = function(_, key, still) w.gone = { key, still() } end }
    w.carried = carried.new { loop = w.loop, placement = w.placement, content = w.content,
      holders = { map = { [CID] = true, other = true }, of = function() return w.ids end } }
    return w
  end

  it("lets go of its copy when as many holders as the least claim it, and wants it no more", function()
    local w = carrier { "lab", "attic" }
    w.carried:check()
    w.loop:run_until(5000)
    assert.same({}, w.gone)
    assert.is_true(look(w).wanted)
    w.claims.attic, w.ids = {}, { "ada", "attic", "lab", "me" }
    w.carried:soon(CID)
    w.carried:soon "other"
    w.loop:run_until(10000)
    assert.same({ CID, "carried: holders have it" }, w.gone)
    assert.same({ false, "holders have it, this node carries only" }, { look(w).wanted, look(w).why })
  end)

  it("lets go of nothing where nobody is named: anybody could claim it", function()
    local w = carrier(nil)
    w.claims.attic, w.ids = {}, { "ada", "attic", "lab", "me" }
    w.carried:check()
    w.loop:run_until(5000)
    assert.same({}, w.gone)
    w.settings = { domain = "", holders = { "lab", "attic" } } -- and who is none lets go of nothing
    w.carried:check()
    w.loop:run_until(10000)
    assert.same({}, w.gone)
  end)
end)
