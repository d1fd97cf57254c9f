-- share_data_spec.lua - what records say of a file beside its names, so that a claim stands by itself. Shares nothing.
local cid = require "core.cid"
local claim_data = require "dcache.content.claim_data"
local forms = require "dcache.forms"
local json = require "core.json"
local origins = require "dcache.content.origins"
local share_data = require "clients.logs.share_data"
local shares = require "clients.logs.shares"
local simloop = require "sim.loop"
local till = require "spec.net.till"

local CID, OTHER = cid.make("raw", ("\7"):rep(32)), cid.make("raw", ("\8"):rep(32))
local ADA = "12D3KooWEwykBEJZ8ZZtDmVzYNAPjkNgsWRHKWCBHRPJnhGGugNt"
local MADE <const> = 1700000000000

local function share(names, more)
  local one = { cid = CID, size = 5, names = {}, went = {} }
  for _, name in ipairs(names) do one.names[name] = { class = "lab" } end
  for name, value in pairs(more or {}) do one[name] = value end -- any order
  return one
end

describe("DATA of share/files", function()
  it("has what its owner wants, when it was made and what it was before, where that is known", function()
    assert.same({ class = "lab", names = { "a" }, size = 5 }, (share_data.of(share { "a" }, { 1, 3 })))
    local data = share_data.of(share({ "a", "b" }, { made = MADE, before = OTHER }), { 2, 4 })
    assert.same({ before = OTHER, class = "lab", copies = { 2, 4 }, made = MADE, names = { "a", "b" }, size = 5 }, data)
    assert.equal(data, forms.read("share/files", CID, data))
  end)

  it("tells no time before 2015, which nobody had set", function()
    assert.equal(MADE, share_data.made { mtime_ns = MADE * 1000000 + 999999 })
    assert.is_nil(share_data.made { mtime_ns = 86400 * 1000000000 })
    assert.is_nil(share_data.made {})
    assert.is_nil(share_data.made(nil))
  end)

  it("has room for its first name before all that", function()
    local long = ("d/"):rep(290) .. "x"
    local data = share_data.of(share({ long }, { made = MADE, before = OTHER }), { 2, 4 })
    assert.equal(long, data.names[1])
    assert.truthy(#json.encode(data) <= 640, #json.encode(data))
    assert.is_nil(data.before)
    assert.equal(data, forms.read("share/files", CID, data))
    local names = {}
    for i = 1, 90 do names[i] = ("run-%08d.bag"):format(i) end
    data = share_data.of(share(names, { made = MADE, before = OTHER }), { 2, 4 })
    assert.truthy(data.before and data.made and data.copies and #data.names > 20)
    assert.truthy(#json.encode(data) <= 640)
  end)
end)

-- Shares that say what they publish into SAID, by CID.
local function world(records)
  local w = { loop = simloop.new(), said = {}, copies = { 1, 3 } }
  w.shares = shares.new { loop = w.loop, time = { now = function() return MADE end }, log = till.log(),
    folder = "/share", statements = function() return records or {} end, copies = function() return w.copies end,
    publish = function(verb, _, key, data)
      w.said[#w.said + 1] = { verb = verb, key = key, data = data }
      return true
    end,
    serve = function() return true end, withdraw = function() end, leaves = function() return "c", "leaves" end }
  return w
end

local function at(ms) return { mtime_ns = ms * 1000000 } end

describe("a file that is shared", function()
  it("names the CID that its name had before, and a file that is only there again names none", function()
    local w = world()
    w.shares:add("a.bag", CID, 5, "lab", at(MADE))
    w.shares:remove("a.bag", CID)
    w.shares:add("a.bag", OTHER, 6, "lab", at(MADE + 1000))
    assert.equal(CID, w.said[#w.said].data.before)
    assert.equal(MADE + 1000, w.said[#w.said].data.made)
    w.shares:remove("a.bag", OTHER)
    w.shares:add("a.bag", OTHER, 6, "lab", at(MADE + 1000))
    assert.is_nil(w.said[#w.said].data.before)
  end)

  it("is not said anew where it was only touched, and after a restart says the same", function()
    local w = world()
    w.shares:add("a.bag", CID, 5, "lab", at(MADE))
    local kept = w.shares:release("a.bag", CID)
    w.shares:add("a.bag", CID, 5, "lab", at(MADE + 5000), kept)
    assert.equal(1, #w.said)
    local data = { before = OTHER, class = "lab", made = MADE - 7, names = json.array { "a.bag" }, size = 5 }
    local again = world { { key = CID, data = data, verb = "propose", mine = true, at = MADE - 1000,
      valid_until = MADE // 1000 + 29 * 86400 } }
    again.shares:add("a.bag", CID, 5, "lab", at(MADE))
    assert.same({}, again.said)
  end)

  it("that changed while this node was off names the CID before, too", function()
    local data = { class = "lab", names = json.array { "a.bag" }, size = 5 }
    local record = { key = CID, data = data, verb = "propose", mine = true, at = MADE - 1000,
      valid_until = MADE // 1000 + 29 * 86400 }
    local w = world { record }
    w.shares:add("a.bag", OTHER, 6, "lab", at(MADE))
    w.shares:add("b.bag", OTHER, 6, "lab", at(MADE))
    assert.equal(CID, w.said[1].data.before)
    w = world { record }
    w.shares:renew(true)
    w.shares:add("a.bag", OTHER, 6, "lab", at(MADE))
    assert.is_nil(w.said[#w.said].data.before, "it was unsaid long ago")
  end)

  it("is said anew where its owner wants another number of copies", function()
    local w = world()
    w.shares:add("a.bag", CID, 5, "lab", at(MADE))
    w.copies = { 3, 3 }
    w.shares:add("a.bag", CID, 5, "lab", at(MADE))
    assert.same({ 3, 3 }, w.said[2].data.copies)
  end)
end)

describe("DATA of share/safe", function()
  local function file(more)
    local one = { identity = { size = 5 } }
    for name, value in pairs(more or {}) do one[name] = value end -- any order
    return one
  end

  it("repeats what its origin said, and says what fails together with its holder", function()
    local said = { class = "lab", from = ADA, name = "a.bag", made = MADE, span = 61000, meta = OTHER, verdict = "ok",
      names = { "a.bag" } }
    local origin = claim_data.origin(CID, said)
    assert.same({ class = "lab", from = ADA, name = "a.bag", made = MADE, span = 61000, meta = OTHER, verdict = "ok" },
      origin)
    local data = claim_data.of(file { origin = origin }, "rack-1")
    assert.same({ class = "lab", domain = "rack-1", from = ADA, made = MADE, meta = OTHER, name = "a.bag", size = 5,
      span = 61000, verdict = "ok" }, data)
    assert.equal(data, forms.read("share/safe", CID, data))
    assert.is_false(claim_data.of(file { origin = origin }, false).domain)
    assert.same({ domain = "rack-1", size = 5 }, claim_data.of(file(), "rack-1"))
    assert.truthy(forms.read("share/safe", CID, claim_data.of(file(), "rack-1")))
  end)

  it("leaves out what an origin tells that cannot be, and is none without name, class and origin", function()
    local origin = claim_data.origin(CID, { class = "lab", from = ADA, name = "a", made = "now", span = -1,
      verdict = "good", meta = 7 })
    assert.same({ class = "lab", from = ADA, name = "a" }, origin)
    assert.is_nil(claim_data.origin(CID, { class = "lab", from = ADA }))
    assert.is_nil(claim_data.origin(CID, { class = "lab", from = ADA, name = "../a" }))
    assert.is_nil(claim_data.origin(CID, nil))
  end)

  it("fits into a record, with a long name as well, and names before all that", function()
    local name = ("d/"):rep(215) .. "x"
    local origin = claim_data.origin(CID, { class = "lab", from = ADA, name = name, made = MADE, span = 61000,
      meta = OTHER, verdict = "suspect" })
    local data = claim_data.of(file { origin = origin, also = { { from = ADA, name = "b" } } }, ("d"):rep(32))
    assert.truthy(#json.encode(data) <= 640, #json.encode(data))
    assert.equal(name, data.name)
    assert.equal(MADE, data.made)
    assert.is_nil(data.meta)
  end)

  it("is said anew when the origin says another time, and not for what says the same", function()
    local checked = {}
    local held = { cid = CID, path = "ada~xY12/undated/a.bag", identity = { size = 5 }, renew_at = 9, saved = true,
      origin = claim_data.origin(CID, { class = "lab", from = ADA, name = "a.bag" }) }
    local owner = { by_cid = { [CID] = held }, unsaid = {}, loop = { now = function() return 0 end },
      integrity = { check = function(_, one)
        checked[#checked + 1] = one
        return "checked"
      end }, log = till.log() }
    local record = { key = CID, signer = ADA, holds = true, data = { class = "lab", names = { "a.bag" }, size = 5 } }
    origins.learn(owner, record)
    assert.equal(0, #checked)
    record.data.made = MADE
    origins.learn(owner, record)
    assert.equal(MADE, held.origin.made)
    assert.equal("a.bag", held.origin.name)
    assert.is_nil(held.renew_at)
    origins.learn(owner, record)
    assert.equal(1, #checked)
  end)
end)
