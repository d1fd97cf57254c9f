-- batch_take_spec.lua - a batch against what is held: as if its statements had come one by one.
local kit = require "spec.core.frame_kit"
local batch = require "core.batch"
local disk, journal, record = require "core.sim", require "core.journal", require "core.record"
local random, statement = require "core.random", require "core.statement"

local AT, word, of = kit.AT, kit.word, kit.batch

local CLASSES = {
  { name = "share", max_ttl = 86400, size = 1024, slots = 100, kept = true, buckets = { "share/…" } },
  { name = "peer", max_ttl = 3600, size = 1024, slots = 4, buckets = { "peer", "seen" } },
}
local FAMILIES = { "86400", false }

local function store(options)
  local opened = assert(journal.open(disk.memory(1), "j", { families = { "86400" }, date = "20260101",
    unsynced = options and options.unsynced }))
  return record.new(CLASSES), opened
end

describe("taking in a batch", function()
  it("leaves what taking its statements one by one leaves", function()
    local r = random.seeded(17)
    for _ = 1, 30 do
      local index, one = store()
      local other, alone = store()
      for _ = 1, 6 do
        local words = {}
        for i = 1, 1 + r:integer(30) do
          words[i] = word(r:integer(20), { at = AT + r:integer(5), data = tostring(r:integer(3)),
            bucket = r:integer(4) == 0 and "seen" or "share/files" })
        end
        local list = of(table.unpack(words))
        local fresh = list:check(index, AT)
        local n = list:take(1, fresh, index, one, FAMILIES, "nobody")
        local taken = 0
        for _, st in ipairs(words) do
          if of(st):check(other, AT) == 1 then
            local place = st.bucket ~= "seen" and alone:append("86400", st.line, 1800000000) or nil
            local ok, old, size = other:put(st, place)
            if ok and math.type(old) == "integer" then alone:drop(old, size) end
            taken = taken + (ok and 1 or 0)
          end
        end
        assert.is_true(n <= taken) -- an older word before a newer one is in vain where both were offered at once
        for _, class in ipairs(CLASSES) do
          assert.equal(other:digest(class.name, 0), index:digest(class.name, 0))
        end
      end
      batch.write_down(index, one, FAMILIES)
      assert.equal(0, index:unwritten())
      for _, st in ipairs(index:bucket "share/files") do
        assert.equal(st.short, statement.parse(one:read(st.place, st.size)).short)
      end
    end
  end)

  it("puts what replaces a word of another into the journal later, the newest alone, and all else at once", function()
    local index, opened = store()
    local before = opened:status().bytes
    local function take(n, at, own)
      local list = of(word(n, { at = at }))
      assert.equal(1, list:check(index, AT))
      assert.equal(1, (list:take(1, 1, index, opened, FAMILIES, own or "nobody")))
    end
    take(1, AT)
    local first = opened:status().bytes - before
    assert.is_true(first > 0)
    for i = 1, 1000 do take(1, AT + i) end
    assert.equal(before + first, opened:status().bytes)
    local entry = index:bucket "share/files"[1]
    assert.equal(#entry.text, index:unwritten())
    assert.equal(AT + 1000, statement.parse(entry.text).at)
    batch.write_down(index, opened, FAMILIES)
    local line = opened:status().bytes - before - first
    assert(line > entry.size and line < entry.size + 64, line .. " bytes")
    entry = index:bucket "share/files"[1]
    assert.equal(AT + 1000, statement.parse((opened:read(entry.place, entry.size))).at)
    take(1, AT + 1001, word(1).signer)
    assert.equal(before + first + 2 * line, opened:status().bytes, "a word of our own goes to the disk at once")
    assert.equal(0, index:unwritten())
  end)

  it("says how many, of which classes, and when we last spoke", function()
    local index, opened = store()
    local mine = word(1).signer
    local list = of(word(1), word(3, { bucket = "seen" }), word(2), word(9, { bucket = "of/no/class" }))
    assert.equal(3, list:check(index, AT))
    assert.same({ 3, 3, AT + 3 }, { list:take(1, 3, index, opened, FAMILIES, mine) })
    assert.same({ "class", nil }, { list:code(4), list:code(1) })
    local more = of(word(4))
    assert.same({ 1, 1 }, { more:take(1, 1, index, opened, FAMILIES, "somebody else") })
    assert.equal(0, of(word(4)):check(index, AT))
  end)

  it("takes none that a word refuses, and gives those their word that come too late", function()
    local index, opened = store()
    local list = of(word(1, { at = AT + 5 }), word(1), word(2))
    assert.equal(3, list:check(index, AT))
    list:refuse(3, "signature")
    assert.equal(1, (list:take(1, 3, index, opened, FAMILIES, "nobody")))
    assert.same({ nil, "older", "signature" }, { list:code(1), list:code(2), list:code(3) })
    assert.equal(1, index:count "share")
  end)

  it("is full where the journal is, and nothing is in the index then", function()
    local index, opened = store { unsynced = 4096 }
    local words = {}
    for i = 1, 40 do words[i] = word(i) end
    local list = of(table.unpack(words))
    local n = list:take(1, 40, index, opened, FAMILIES, "nobody")
    assert.is_true(n > 0 and n < 40)
    assert.equal(n, index:count "share")
    assert.equal("full", list:code(40))
    assert.is_nil(list:code(1))
  end)
end)
