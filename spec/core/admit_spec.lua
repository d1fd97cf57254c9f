-- admit_spec.lua - whose words the index takes: those of admitted keys and our own, refused before anything else.
local batch, key, random = require "core.batch", require "core.key", require "core.random"
local record, statement = require "core.record", require "core.statement"

local AT = 1767225600123
local NOW = AT // 1000
local CLASSES = {
  { name = "share", max_ttl = 86400, size = 600, slots = 4, kept = true, buckets = { "share/…" } },
  { name = "presence", max_ttl = 1200, size = 1024, slots = 2, buckets = { "peer" } },
}

local keys, ids = {}, {}
for i = 1, 5 do
  keys[i] = key.generate(("k"):rep(31) .. i)
  ids[i] = keys[i]:id()
end
local OWN <const> = 5

local function sign(who, changes)
  local f = { verb = "propose", bucket = "share/files", key = "a", valid_from = 0,
    valid_until = NOW // 16 * 16, at = AT, data = "{}" }
  for name, value in pairs(changes or {}) do f[name] = value end -- any order
  return assert(statement.sign(keys[who], "lab", f))
end

local function word(index, st)
  local list = batch.new(st.line)
  local checked = list:check(index, AT) == 1 and "new" or list:code(1)
  local put = select(3, index:put(st)) or "new"
  assert.equal(checked, put)
  return put
end

local function digests(index) return index:digest("share", 0), index:digest("presence", 0), index:count() end

describe("core.record's admission", function()
  it("takes everybody's words, then those of the admitted and our own, whatever else is wrong with others", function()
    local index = record.new(CLASSES, ids[OWN])
    assert.equal("new", word(index, sign(1)))
    assert.is_true(index:admit { ids[2], ids[3], ids[2] })
    for who, expected in ipairs { "stranger", "new", "new", "stranger", "new" } do
      assert.equal(expected, word(index, sign(who, { key = "b" })), who)
    end
    assert.equal("stranger", word(index, sign(4, { bucket = "nowhere" })))
    assert.equal("stranger", word(index, sign(4, { at = AT + 86400000 })))
    assert.equal("stranger", word(index, sign(1)), "of a stranger no duplicate is told either")
    assert.equal("class", word(index, sign(2, { bucket = "nowhere" })))
    assert.equal(4, index:count())
  end)

  it("admits more beside those that it has, others in their place, or everybody again", function()
    local index = record.new(CLASSES)
    index:admit({ ids[1] }, true)
    assert.equal("new", word(index, sign(2)), "more than everybody are everybody")
    index:admit { ids[1] }
    index:admit({ ids[3] }, true)
    for who, expected in ipairs { "new", "stranger", "new", "stranger", "stranger" } do
      assert.equal(expected, word(index, sign(who, { key = "b" })), who)
    end
    index:admit { ids[4] }
    assert.equal("stranger", word(index, sign(1, { key = "c" })))
    assert.equal("new", word(index, sign(4, { key = "c" })))
    index:admit {}
    assert.equal("stranger", word(index, sign(4, { key = "d" })))
    index:admit(nil)
    assert.equal("new", word(index, sign(1, { key = "d" })))
    assert.has_error(function() index:admit { "nobody" } end)
    assert.has_error(function() record.new(CLASSES, "nobody") end)
  end)

  it("admits some keys to one class alone, and drops what they said elsewhere", function()
    local index = record.new(CLASSES)
    for who = 1, 3 do
      index:put(sign(who))
      index:put(sign(who, { bucket = "peer", key = ids[who] }))
    end
    index:admit { ids[1] }
    index:admit({ ids[1], ids[2] }, true, "share")
    index:drop_strangers()
    assert.same({ 2, 1 }, { index:count "share", index:count "presence" })
    local function peer(who) return sign(who, { bucket = "peer", key = ids[who], at = AT + 1 }) end
    for who, expected in ipairs { "new", "new", "stranger" } do
      assert.equal(expected, word(index, sign(who, { key = "b" })), who)
    end
    for who, expected in ipairs { "new", "stranger", "stranger" } do
      assert.equal(expected, word(index, peer(who)), who)
    end
    assert.equal("stranger", word(index, sign(2, { bucket = "nowhere" })))
    index:admit({ ids[2] }, true)
    assert.equal("new", word(index, peer(2)))
    assert.has_error(function() index:admit({ ids[3] }, true, "nowhere") end)
  end)

  it("drops what strangers said, and tells the places", function()
    local index = record.new(CLASSES, ids[OWN])
    index:put(sign(1), 7)
    index:put(sign(2), 8)
    index:put(sign(OWN), 9)
    index:put(sign(1, { bucket = "peer", key = ids[1] }))
    assert.same({ 0, {} }, { index:drop_strangers() })
    index:admit { ids[2] }
    local size = sign(1).size
    assert.same({ 2, { { place = 7, size = size } } }, { index:drop_strangers() })
    assert.same({ 2, 0 }, { index:count(), index:count "presence" })
  end)

  it("makes of any order of words and admissions the index that never knew strangers", function()
    local chance = random.seeded(1)
    for _ = 1, 50 do
      local early, late, words = record.new(CLASSES, ids[OWN]), record.new(CLASSES, ids[OWN]), {}
      for i = 1, 40 do
        words[i] = sign(chance:integer(5) + 1, { key = "k" .. chance:integer(9), at = AT + chance:integer(5) })
      end
      early:admit { ids[1], ids[2] }
      for _, st in ipairs(words) do early:put(st) end
      local met = chance:integer(40)
      for i = 1, 40 do
        late:put(words[41 - i])
        if i == met then late:admit { ids[2], ids[1] } end
      end
      late:drop_strangers()
      assert.same({ digests(early) }, { digests(late) })
    end
  end)

  it("knows many keys, and gives their memory back", function()
    local index, many = record.new(CLASSES), {}
    local before = index:memory()
    for i = 1, 1000 do many[i] = key.generate(("m"):rep(28) .. ("%04d"):format(i)):id() end
    index:admit(many)
    assert.is_true(index:memory() - before >= 32000 and index:memory() - before < 100000)
    index:admit()
    assert.equal(before, index:memory())
    index:admit(many)
    for i = 1, 1000, 111 do
      local k = key.generate(("m"):rep(28) .. ("%04d"):format(i))
      local st = assert(statement.sign(k, "lab", { verb = "propose", bucket = "share/files", key = "a",
        valid_from = 0, valid_until = 0, at = AT, data = "{}" }))
      assert.equal("new", index:put(st))
    end
    assert.equal("stranger", word(index, sign(1)))
  end)
end)
