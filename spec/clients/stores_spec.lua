-- stores_spec.lua - what a store tells of itself, how often, and what others make of it. Fetches nothing.
local declined = require "clients.logs.declined"
local forms = require "dcache.forms"
local json = require "core.json"
local policies = require "spec.policy.policies"
local sim = require "sim"
local store_word = require "clients.logs.store_word"
local store_words = require "clients.logs.store_words"
local waits = require "clients.logs.waits"

local SECOND <const>, MINUTE <const> = 1000, 60000
local CID <const> = "bafybeibwzifw52ttrkqlikfzext5akxu7lz4xiwjgwzmqcpdzmp3n5vnbe"

local ID <const> = "12D3KooWEwykBEJZ8ZZtDmVzYNAPjkNgsWRHKWCBHRPJnhGGugNt"
local BUCKET <const> = ("pri/%s/store"):format(ID)

-- A peer ID that ends in LETTERS.
local function id_of(letters) return ID:sub(1, -1 - #letters) .. letters end

local function facts(more)
  local all = { bytes = 0, files = 0, free = 12000000000, take = true, doing = {}, waits = {} }
  for name, value in pairs(more or {}) do all[name] = value end -- any order
  return all
end

-- A store in a swarm of two, and what it says: { at, data, verb } each.
local function pair()
  local w = sim.new { seed = 5, policy = assert(policies.load 'return extend "duckiebot"') }
  local bob, lab = w:add "bob", w:add "lab"
  local one = { w = w, bob = bob, lab = lab, said = {}, facts = facts() }
  one.words = store_words.new { loop = w.loop, listed = function() return true end }
  bob.comms:on_statement("pri/*/store", function(st) one.words:hear(st) end)
  lab.comms:on_statement("pri/*/store", function(st)
    one.said[#one.said + 1] = { at = w.loop.time, verb = st.verb, data = st.verb == "propose" and json.decode(st.data) }
  end)
  one.word = store_word.new { loop = w.loop, comms = lab.comms, log = lab.log, id = lab.id,
    facts = function() return one.facts end }
  one.word:start()
  return one
end

describe("the word of a store", function()
  it("has its form, and others read it whole", function()
    local one = pair()
    one.facts = facts { files = 2, bytes = 7, domain = "rack-1", doing = { { cid = CID, percent = 41 } },
      waits = { { why = "20 GB stay free", n = 1, bytes = 812 } } }
    one.w:run(10 * SECOND)
    local row = one.words:of(one.lab.id)
    assert.same({ id = one.lab.id, age = row.age, files = 2, bytes = 7, free = 12000000000, take = true,
      domain = "rack-1", doing = { { c = CID:sub(-16), p = 41 } },
      waits = { { why = "20 GB stay free", n = 1, bytes = 812 } } }, row)
    assert.truthy(row.age <= 10 * SECOND)
    assert.same({ row }, one.words:rows())
  end)

  it("tells how fast a file comes, from one word to the next", function()
    local one = pair()
    one.facts = facts { doing = { { cid = CID, percent = 10 } } }
    one.w:run(10 * SECOND)
    assert.is_nil(one.words:of(one.lab.id).doing[1].rate)
    one.facts = facts { doing = { { cid = CID, percent = 40 }, { cid = CID:gsub("e$", "a"), percent = 7 } } }
    one.w:run(31 * SECOND)
    local doing = one.words:of(one.lab.id).doing
    assert.near(1, doing[1].rate, 0.1)
    assert.is_nil(doing[2].rate)
    one.facts = facts { doing = { { cid = CID, percent = 5 } } } -- begun anew
    one.w:run(31 * SECOND)
    assert.is_nil(one.words:of(one.lab.id).doing[1].rate)
  end)

  it("says a change at most each 30 s, what stays the same each 5 min, and is over after 20 min", function()
    local one = pair()
    one.w:run(12 * MINUTE)
    assert.equal(3, #one.said)
    for i = 1, 60 do
      one.facts = facts { files = i }
      one.w:run(2 * SECOND)
    end
    assert.truthy(#one.said >= 6 and #one.said <= 8, #one.said .. " words")
    for i = 2, #one.said do assert.truthy(one.said[i].at - one.said[i - 1].at >= 30 * SECOND) end
    one.word:stop()
    one.w:run(19 * MINUTE)
    assert.truthy(one.words:of(one.lab.id))
    one.w:run(2 * MINUTE)
    assert.is_nil(one.words:of(one.lab.id))
    assert.same({}, one.words:rows())
  end)

  it("takes a step of an eighth of the free bytes for a change, and no less", function()
    local one = pair()
    one.w:run(10 * SECOND)
    one.facts = facts { free = 11000000000 }
    one.w:run(MINUTE)
    assert.equal(1, #one.said)
    one.facts = facts { free = 10000000000 }
    one.w:run(MINUTE)
    assert.equal(2, #one.said)
    one.facts = facts()
    one.facts.free = nil
    one.w:run(MINUTE)
    assert.is_nil(one.said[3].data.free)
  end)

  it("is said to a newcomer, and taken back by who is no store any more", function()
    local one = pair()
    one.w:run(MINUTE)
    one.word:newcomer()
    one.w:run(3 * SECOND)
    assert.equal(2, #one.said)
    one.facts = nil
    one.w:run(5 * SECOND)
    assert.equal("dismiss", one.said[3].verb)
    assert.is_nil(one.words:of(one.lab.id))
    one.w:run(MINUTE)
    assert.equal(3, #one.said)
  end)

  it("fits into a statement whatever it has to tell", function()
    local one, all = pair(), facts { files = 20000, bytes = 1 << 52, free = 1 << 52, domain = ("d"):rep(32) }
    for i = 1, 20 do
      all.doing[i] = { cid = CID, percent = 100 }
      all.waits[i] = { why = ('"\\ü'):rep(40), n = 20000, bytes = 1 << 52 }
    end
    one.facts = all
    local data = store_word.data(all)
    assert.truthy(#json.encode(data) <= 779, #json.encode(data))
    assert.equal(8, #data.doing)
    assert.truthy(#data.waits >= 2)
    assert.equal(data, forms.read(BUCKET, ID, data))
    one.w:run(10 * SECOND)
    assert.truthy(one.words:of(one.lab.id))
  end)

  it("is nothing where it has not its form", function()
    local good = '{"bytes":0,"doing":[],"files":0,"take":true,"waits":[]}'
    assert.truthy(forms.read(BUCKET, ID, json.decode(good)))
    for text, why in pairs {
      ['{"bytes":-1,"doing":[],"files":0,"take":true,"waits":[]}'] = "bytes",
      ['{"bytes":0,"doing":[],"files":0,"free":"much","take":true,"waits":[]}'] = "free",
      ['{"bytes":0,"doing":[],"files":0,"take":1,"waits":[]}'] = "take",
      ['{"bytes":0,"doing":{},"files":0,"take":true,"waits":[]}'] = "list",
      ['{"bytes":0,"doing":[],"files":0,"take":true}'] = "list",
      ['{"bytes":0,"doing":[{"c":"x","p":1}],"files":0,"take":true,"waits":[]}'] = "form",
      ['{"bytes":0,"doing":[{"c":"' .. CID:sub(-16) .. '","p":101}],"files":0,"take":true,"waits":[]}'] = "form",
      ['{"bytes":0,"doing":[],"domain":"","files":0,"take":true,"waits":[]}'] = "domain",
      ['{"bytes":0,"doing":[],"files":0,"take":true,"waits":[{"bytes":1,"n":0,"why":"x"}]}'] = "form",
      ['{"bytes":0,"doing":[],"files":0,"more":1,"take":true,"waits":[]}'] = "member",
    } do
      local data, fault = forms.read(BUCKET, ID, json.decode(text))
      assert.is_nil(data, text)
      assert.matches(why, fault, text)
    end
  end)
end)

describe("words of stores", function()
  local function word(signer, at, bucket)
    return { bucket = bucket or ("pri/%s/store"):format(signer), key = signer, signer = signer, at = at,
      verb = "propose",
      data = '{"bytes":0,"doing":[],"files":0,"take":true,"waits":[]}', valid_until = at // 1000 + 1200 }
  end

  it("count for their signer alone, the newest one, 1,024 at most, and who is listed goes last", function()
    local listed = {}
    local words = store_words.new { loop = { now = function() return 0 end },
      listed = function(id) return listed[id] == true end }
    local a, z = id_of "a", id_of "zzzzz"
    words:hear(word(a, 1000, BUCKET))
    assert.same({}, words:rows())
    words:hear(word(a, 3000))
    local older = word(a, 2000)
    older.data = '{"bytes":7,"doing":[],"files":0,"take":true,"waits":[]}'
    words:hear(older)
    assert.equal(0, words:of(a).bytes)
    listed[a], listed[z] = true, true
    for i = 1111, 2211 do words:hear(word(id_of(("x%d"):format(i)), 1000)) end
    words:hear(word(z, 1000))
    assert.equal(1024, words:bounds()[1].count)
    assert.truthy(words:of(a) and words:of(z))
  end)
end)

describe("reasons", function()
  it("are summed, the most frequent first, of the newest 10,000 files", function()
    local list = declined.new()
    for i = 1, 10004 do
      list:put({ cid = ("c%05d"):format(i), size = 10 }, i % 4 == 0 and "broken" or "20 GB stay free")
    end
    assert.is_nil(list:why "c00004")
    assert.equal("broken", list:why "c00008")
    assert.same({ { why = "20 GB stay free", files = 7500, bytes = 75000 }, { why = "broken", files = 2500,
      bytes = 25000 } }, list:sums())
    assert.same({ name = "declined", count = 10000, limit = 10000, dropped = 4 }, list:row())
    list:put({ cid = "c00008", size = 10 }, "another reason")
    assert.equal("another reason", list:why "c00008")
    assert.same({ 7500, 2499, 1 }, { list:sums()[1].files, list:sums()[2].files, list:sums()[3].files })
    list:begin()
    list:put({ cid = "c00012", size = 3 }, "broken")
    list:finish()
    assert.same({ { why = "broken", files = 1, bytes = 3 } }, list:sums())
  end)

  it("tell others no place of this machine, and those who wait for their turn, too", function()
    assert.same({ { why = "no room for them on the disk", n = 2, bytes = 9 },
      { why = "they wait for their turn", n = 2, bytes = 30 }, { why = "20 GB stay free", n = 1, bytes = 7 },
      { why = "ada pauses: driving", n = 1, bytes = 6 } },
      waits.sums({ { why = "20 GB stay free", files = 1, bytes = 7 } },
        { { word = "disk", reason = "needs 8 MB more room on /home/x/files", size = 4 },
          { word = "disk", reason = "needs 9 MB more room on /home/x/files", size = 5 },
          { word = "pause", reason = "ada pauses: driving", size = 6 } }, { files = 2, bytes = 30 }))
  end)
end)
