-- record_spec.lua - the index of records: refusals, places, lists, digests, memory.
local batch, hash, key, random = require "core.batch", require "core.hash", require "core.key", require "core.random"
local record, statement = require "core.record", require "core.statement"
local second = require "spec.second.record"

local DAY = 86400
local AT = 1767225600123
local NOW = AT // 1000

local k, other = key.generate(("k"):rep(32)), key.generate(("o"):rep(32))
local id = k:id()

local CLASSES = {
  { name = "share", max_ttl = 30 * DAY, size = 600, slots = 4, kept = true, buckets = { "share/…" } },
  { name = "state", max_ttl = 7 * DAY, size = 1024, slots = 9, kept = true,
    buckets = { "pri/*/info/…", "pri/*/summaries" } },
  { name = "presence", max_ttl = 1200, size = 1024, slots = 2, buckets = { "peer", "pri/*/addresses" } },
}

local function sign(changes, signer)
  local f = { verb = "propose", bucket = "share/files", key = "a", valid_from = 0,
    valid_until = NOW // 16 * 16, at = AT, data = "{}" }
  for name, value in pairs(changes or {}) do f[name] = value end
  return assert(statement.sign(signer or k, "lab", f))
end

local function word(_, _, refused) return refused end

-- What a check without taking in says: "new" | nil, nil, word.
local function check(index, st, now)
  local list = batch.new(st.line)
  if list:check(index, now) == 1 then return "new" end
  return nil, nil, list:code(1)
end

describe("core.record", function()
  local index
  before_each(function() index = record.new(CLASSES) end)

  it("lists the short IDs of a bucket alone, each once", function()
    local wanted = {}
    for _, name in ipairs { "a", "b", "c" } do
      local st = sign { key = name }
      assert(index:put(st))
      wanted[#wanted + 1] = st.short
    end
    local of_other = sign({ key = "a" }, other)
    assert(index:put(of_other))
    wanted[#wanted + 1] = of_other.short
    assert(index:put(sign { bucket = ("pri/%s/summaries"):format(id), key = id }))
    local found = index:shorts "share/files"
    table.sort(wanted)
    table.sort(found)
    assert.same(wanted, found)
    assert.same({}, index:shorts "share/safe")
    assert.same({ of_other.short }, index:shorts("share/files", other:id()))
    assert.is_false(pcall(index.shorts, index, "share/files", "nobody"))
  end)

  it("tells once which keys of a class changed: new, renewed, moved out by another, or over", function()
    local function keys(list)
      local names = {}
      for _, hash_of in ipairs((list)) do
        for _, name in ipairs { "a", "b", "c", "d", "e", "f" } do
          if index:key_hash(name) == hash_of then names[#names + 1] = name end
        end
      end
      table.sort(names)
      return table.concat(names, " ")
    end
    index:put(sign())
    index:put(sign { key = "b" })
    local list, anew = index:touched("share", 10)
    assert.same({ "a b", true }, { keys(list), anew })
    list, anew = index:touched("share", 10)
    assert.same({ "", false }, { keys(list), anew })
    index:put(sign { key = "b", at = AT + 1 })
    index:put(sign({ bucket = "peer", key = other:id(), valid_from = NOW // 16 * 16 }, other))
    assert.equal("b", keys((index:touched("share", 10))))
    for _, name in ipairs { "c", "d", "e", "f" } do index:put(sign { key = name }) end -- four slots a signer
    local left, gone = {}, {}
    for _, name in ipairs { "a", "b", "c", "d", "e", "f" } do
      if index:slot("share/files", name, id) then left[#left + 1] = name else gone[#gone + 1] = name end
    end
    assert.equal(2, #gone)
    local told = keys((index:touched("share", 10)))
    for _, name in ipairs(gone) do
      assert.is_true(name > "b" or told:find(name, 1, true) ~= nil, name .. " went, and only this was told: " .. told)
    end
    index:touched("share", 10)
    assert.is_true(index:expire(second.ends(CLASSES[1], AT + 1)) >= 4)
    assert.equal(table.concat(left, " "), keys((index:touched("share", 10))))
    index:touched()
    assert.is_true(select(2, index:touched("share", 10)), "who followed no more begins anew")
    assert.is_nil((index:touched("share", 1))[2])
  end)

  it("begins anew where more keys changed than it remembers", function()
    index:touched("share", 1)
    for i = 1, 5000 do index:put(sign { at = AT + i, key = i % 2 == 0 and "a" or "b" }) end
    local list, anew = index:touched("share", 10)
    assert.is_true(anew)
    assert.equal(2, #list)
  end)

  it("knows no class for other buckets", function()
    for _, bucket in ipairs { "", "share", "shared/x", "peer/x", "pri/a/summaries/x", "pri/a", "/", "share/",
      "x" } do
      assert.is_nil(index:class(bucket), bucket)
    end
    assert.are.equal("new", index:put(sign()))
    assert.are.equal("class", word(index:put(sign { bucket = "unknown" })))
  end)

  it("refuses with a word, in the order of work", function()
    local ends = second.ends(CLASSES[1], AT)
    assert.are.equal(0, ends % 16)
    local exact = AT + 600000 + 30 * DAY * 1000
    assert.is_true(ends * 1000 >= exact and ends * 1000 < exact + 16000)
    local st = sign()
    assert.are.equal("new", check(index, st))
    assert.are.equal("new", check(index, st, ends * 1000 - 1))
    assert.are.equal("ended", word(check(index, st, ends * 1000)))
    assert.are.equal("new", check(index, st, AT - 600000))
    assert.are.equal("future", word(check(index, st, AT - 600001)))
    assert.are.equal("size", word(check(index, sign { data = '"' .. ("x"):rep(600) .. '"' })))
    local last = (AT // 1000 + 30 * DAY) // 16 * 16
    assert.are.equal("new", check(index, sign { valid_until = last }))
    assert.are.equal("window", word(check(index, sign { valid_until = last + 16 })))
    local whole = AT // 16000 * 16
    assert.are.equal("new", check(index, sign { at = whole * 1000, valid_until = whole + 30 * DAY }))
    assert.are.equal("window", word(check(index, sign { at = whole * 1000 - 1, valid_until = whole + 30 * DAY })))
    assert.are.equal("class", word(check(index, sign { bucket = "x", valid_until = last + 16 })))
    assert.are.equal(0, index:count())
    assert.are.equal("new", index:put(st))
    assert.are.equal("duplicate", word(index:put(st)))
    assert.are.equal("older", word(check(index, sign { at = AT - 1 })))
    assert.are.equal("new", check(index, sign { at = AT + 1 }))
    assert.are.equal(1, index:count())
  end)

  it("settles a tie of milliseconds by the larger ID", function()
    local a, b = sign { data = "1" }, sign { data = "2" }
    if a.id > b.id then a, b = b, a end
    for _, first in ipairs { a, b } do
      local one = record.new(CLASSES)
      one:put(first)
      one:put(first == a and b or a)
      assert.are.equal(b.short, one:slot("share/files", "a", id).short)
      assert.are.equal(1, one:count())
    end
  end)

  it("keeps places, and names the place that was replaced", function()
    local a, b = sign(), sign { at = AT + 1, verb = "dismiss", data = "null" }
    assert.are.same({ "new" }, { index:put(a, 7) })
    assert.are.same({ "new", 7, a.size }, { index:put(b, 0) })
    assert.is_nil(index:get(a.short))
    assert.is_false(index:has(a.short))
    assert.are.same({ place = 0, way = 0, size = b.size, at = AT + 1, short = b.short, valid_until = NOW // 16 * 16,
      ends = second.ends(CLASSES[1], AT + 1), dismiss = true, bucket = "share/files" }, index:get(b.short))
    assert.is_true(index:place(b.short, 99))
    assert.are.equal(99, index:get(b.short).place)
    assert.are.equal("missing", word(index:place(a.short, 1)))
    assert.has_error(function() index:put(a, -1) end)
    assert.has_error(function() index:get "short" end)
  end)

  it("keeps the text itself where there is no place", function()
    local a = sign { bucket = "peer", key = id }
    index:put(a)
    assert.are.equal(a.line, index:get(a.short).text)
    local b = sign { bucket = "peer", key = id, at = AT + 5 }
    assert.are.same({ "new" }, { index:put(b) })
    assert.are.equal(b.line, index:slot("peer", id, id).text)
    assert.are.equal("missing", word(index:place(b.short, 1)))
    assert.is_nil(index:slot("peer", id, other:id()))
    assert.is_nil(index:slot("peer", id, "nobody"))
    assert.is_nil(index:slot("nowhere", id, id))
  end)

  it("lists the words of one signer, and counts those of each that propose and are not over", function()
    local now = NOW // 16 * 16 + 16
    local long = now + 48
    for i, name in ipairs { "c", "a", "b" } do
      index:put(sign { key = name, at = AT + i, valid_until = long }, i)
    end
    index:put(sign({ key = "a", valid_until = long }, other), 4)
    index:put(sign({ key = "d", valid_until = long, verb = "dismiss", data = "null" }, other), 5)
    index:put(sign({ key = "e", valid_until = now }, other), 6)
    local places = {}
    for i, entry in ipairs(index:bucket("share/files", other:id())) do places[i] = entry.place end
    table.sort(places)
    assert.are.same({ 4, 5, 6 }, places)
    assert.are.same({}, index:bucket("peer", other:id()))
    assert.has_error(function() index:bucket("share/files", "nobody") end)
    assert.are.same({ [id] = 3, [other:id()] = 1 }, (index:signers("share/files", now + 1)))
    assert.are.same({ [id] = 3, [other:id()] = 2 }, (index:signers("share/files", now)))
    assert.are.same({}, (index:signers("share/none", 0)))
    assert.are.same({ [other:id()] = 1 }, (select(3, index:signers("share/files", now + 1))))
  end)

  it("counts no word that its signer took back, and hands out those that are meant for later", function()
    local now = NOW // 16 * 16
    index:put(sign { key = "back", at = now * 1000, valid_until = now }, 1)
    index:put(sign { key = "held", at = now * 1000 - 1, valid_until = now }, 2)
    index:put(sign { key = "now", at = now * 1000, valid_from = now, valid_until = now + 16 }, 3)
    index:put(sign { key = "later", at = now * 1000 - 1, valid_from = now, valid_until = now + 16 }, 4)
    local counts, later = index:signers("share/files", 0)
    assert.are.same({ [id] = 2 }, counts)
    assert.are.same({ 1, 4 }, { #later, later[1].place })
  end)

  it("finds the words of one key, the oldest first, and says how many there are", function()
    for i, name in ipairs { "a", "b", "a" } do
      index:put(sign({ key = name, at = AT + i, valid_until = NOW // 16 * 16 }, i == 3 and other or k), i)
    end
    local found, count = index:key("share/files", "a", 9)
    assert.are.same({ 1, 3, 2 }, { found[1].place, found[2].place, count })
    found, count = index:key("share/files", "a", 1)
    assert.are.same({ 1, 1, 2 }, { #found, found[1].place, count })
    assert.are.same({ {}, 0 }, { index:key("share/files", "c", 9) })
    assert.are.same({ {}, 0 }, { index:key("share/nothing", "a", 9) })
  end)

  it("walks through a bucket in steps and meets each slot once, though words are renewed meanwhile", function()
    index = record.new { { name = "share", max_ttl = 3200, size = 1024, slots = 9999, buckets = { "*" } } }
    local function put(name, at) return index:put(sign { bucket = "s", key = name, at = at, valid_until = 16 }) end
    for i = 1, 200 do
      put("k" .. i, AT)
      index:put(sign { bucket = "other", key = "k" .. i, valid_until = 16 }, i)
    end
    local met, row, steps = {}, 0, 0
    while row do
      local entries
      entries, row = index:walk("s", row, 16)
      assert.is_true(#entries <= 16)
      for _, entry in ipairs(entries) do
        local name = statement.parse(entry.text).key
        assert.is_nil(met[name])
        met[name] = true
      end
      steps = steps + 1
      put("k" .. steps * 14, AT + steps) -- one that was met, or will be
    end
    for i = 1, 200 do assert.is_true(met["k" .. i]) end
    assert.are.same({}, (index:walk("nothing", 0, 16)))
    assert.has_error(function() index:walk("s", -1, 16) end)
    assert.are.same({ {} }, { index:walk("s", 1 << 40, 16) })
  end)

  it("counts in a bucket what a digest counts, and drops words of the future of one signer only", function()
    local far = AT + DAY * 1000
    index:put(sign { key = "a" }, 1)
    index:put(sign { key = "b", at = far }, 2)
    index:put(sign({ key = "b", at = far }, other), 3)
    for _, t in ipairs { 0, NOW, NOW // 16 * 16 + 30 * DAY + 640, NOW // 16 * 16 + 31 * DAY + 640 } do
      assert.are.equal(select(2, index:digest("share", t)), index:bucket_count("share/files", t))
    end
    assert.are.same({ 1, { { place = 2, size = index:bucket("share/files", other:id())[1].size } } },
      { index:drop_future(AT, id) })
    assert.are.equal(2, index:count "share")
    assert.has_error(function() index:drop_future(AT, "nobody") end)
  end)

  it("lists a bucket by time, buckets and IDs by name", function()
    for i, name in ipairs { "c", "a", "b" } do index:put(sign { key = name, at = AT - i % 3 }, i) end
    index:put(sign({ bucket = "share/safe" }, other), 4)
    index:put(sign({ bucket = "peer", key = other:id(), valid_until = 0 }, other))
    local times = {}
    for i, entry in ipairs(index:bucket "share/files") do times[i] = entry.at end
    assert.are.same({ AT - 2, AT - 1, AT }, times)
    assert.are.same({}, index:bucket "share/none")
    assert.are.same({ "peer", "share/files", "share/safe" }, index:buckets())
    assert.are.same({ "share/files", "share/safe" }, index:buckets "share/")
    assert.are.same({}, index:buckets "z")
    local all = index:ids("share", 0, "", 100)
    assert.are.equal(4, #all)
    local paged, after = {}, ""
    repeat
      local page = index:ids("share", 0, after, 3)
      table.move(page, 1, #page, #paged + 1, paged)
      after = page[#page]
    until not after
    assert.are.same(all, paged)
    table.sort(all)
    assert.are.same(all, paged)
    assert.are.same({}, index:ids("share", 2 ^ 40 // 1, "", 100))
    assert.are.same({}, index:ids("state", 0, "", 100))
    assert.are.same({ 5, 4, 1, 0 },
      { index:count(), index:count "share", index:count "presence", index:count "state" })
  end)

  it("counts the slots with the smallest hashes of a signer over his share", function()
    local all = {}
    for i = 1, 12 do all[i] = sign { key = "k" .. i } end
    local gone, refused = 0, 0
    for i, st in ipairs(all) do
      local new, second_value, third = index:put(st, i)
      if second_value and new then gone = gone + 1 end
      if third == "quota" then refused = refused + 1 end
    end
    assert.are.equal(4, index:count "share")
    assert.are.equal(8, gone + refused)
    assert.are.same(second.ids(all, CLASSES[1], 0), index:ids("share", 0, "", 100))
    assert.are.equal("new", index:put(sign({}, other), 50))
    local first = index:bucket("share/files")[1]
    assert.is_not_nil(first.place)
  end)

  it("drops at END what is remembered, not at UNTIL", function()
    local short, long = sign { valid_until = 16 }, sign { key = "b", valid_until = (NOW + DAY) // 16 * 16 }
    index:put(short, 1)
    index:put(long, 2)
    index:put(sign({ bucket = "peer", key = other:id() }, other))
    local ends = second.ends(CLASSES[1], AT)
    assert.are.same({ 1, {} }, { index:expire(ends - 1) })
    assert.are.equal(2, index:count())
    local dropped, places = index:expire(ends)
    assert.are.equal(2, dropped)
    assert.are.same({ { place = 1, size = short.size }, { place = 2, size = long.size } }, places)
    assert.are.same({ 0, {} }, { index:expire(ends + 1) })
    assert.are.same({}, index:buckets())
  end)

  it("drops what offer would refuse as being of the future, and no more", function()
    local near, far = sign { at = AT + 600000 }, sign { key = "b", at = AT + 600001 }
    local soft = sign { bucket = "peer", key = id, at = AT + DAY * 1000 }
    index:put(near, 7)
    index:put(far, 8)
    index:put(soft)
    assert.are.equal(3, index:count())
    assert.are.same({ 0, {} }, { index:drop_future(AT + DAY * 1000) })
    assert.are.same({ 2, { { place = 8, size = far.size } } }, { index:drop_future(AT) })
    assert.is_true(index:has(near.short))
    assert.are.equal(1, index:count())
    assert.are.equal("future", word(check(index, far, AT)))
    assert.are.equal("new", check(index, sign { key = "b" }, AT), "its signer's older word is free to come")
    local alone = record.new(CLASSES)
    alone:put(near, 7)
    assert.are.equal(alone:digest("share", NOW), index:digest("share", NOW))
  end)

  it("takes slots and quotas over all that is remembered, and leaves out what ended only then", function()
    local all, t = {}, second.ends(CLASSES[1], AT)
    for i = 1, 12 do all[i] = sign { key = "k" .. i } end -- all over at T
    for _, st in ipairs(all) do index:put(st, 1) end
    local ids = second.ids(all, CLASSES[1], 0)
    assert.equal(4, #ids)
    for i = 1, 12 do -- of the eight slots that are cut none takes the place of one that is over
      if not index:has(all[i].short) then
        all[#all + 1] = sign { key = "k" .. i, at = AT + 60000 }
        assert.equal("quota", word(index:put(all[#all], 1)))
      end
    end
    assert.equal(20, #all)
    local nothing = record.new(CLASSES):digest("share", t)
    assert.same({ nothing, 0 }, { index:digest("share", t) })
    assert.same({ nothing, 0 }, { second.digest(all, CLASSES[1], t) })
  end)

  it("digests at two T by turns, each anew after a change", function()
    local heard, ends = {}, {}
    for i = 1, 4 do
      heard[i] = sign { key = "k" .. i, at = AT + i * DAY * 1000 }
      index:put(heard[i], i)
      ends[i] = index:bucket("share/files")[1].ends
      for _ = 1, 3 do
        for _, t in ipairs { 0, ends[1], ends[1] + DAY, 0 } do
          assert.are.same({ second.digest(heard, CLASSES[1], t) }, { index:digest("share", t) })
        end
      end
    end
  end)

  it("digests what ends after T, under a salt, and forgets no change", function()
    local heard, digest = {}, nil
    for i = 1, 4 do
      heard[i] = sign { key = "k" .. i, at = AT + i * 20000 }
      index:put(heard[i], i)
      local now, count = index:digest("share", 0)
      assert.are.equal(second.digest(heard, CLASSES[1], 0), now)
      assert.are.equal(i, count)
      assert.are_not.equal(digest, now)
      digest = now
    end
    for i = 1, 4 do
      local ends = second.ends(CLASSES[1], heard[i].at)
      for t = ends - 1, ends + 1 do
        assert.are.same({ second.digest(heard, CLASSES[1], t) }, { index:digest("share", t) })
      end
    end
    assert.are_not.equal(digest, index:digest("share", 0, "salt"))
    assert.are_not.equal(index:digest("share", 0, "salt2"), index:digest("share", 0, "salt"))
    assert.are.equal(digest, index:digest("share", 0))
    assert.are.equal(record.new(CLASSES):digest("state", 0), index:digest("state", 0))
  end)

  -- The bucket NAME by its lists of keys, and by a walk, is the same as at once.
  local function same_by_keys(name, key_of)
    local all, walked, row = index:bucket(name), 0, 0
    local by_key = {}
    for _, entry in ipairs(all) do
      local list = by_key[key_of[entry.short]] or {}
      by_key[key_of[entry.short]], list[#list + 1] = list, entry.short
    end
    for _, each in ipairs { "k0", "k1", "k2", "k3" } do
      local found, count = index:key(name, each, 100)
      for i, entry in ipairs(found) do found[i] = entry.short end
      assert.are.same(by_key[each] or {}, found)
      assert.are.equal(#found, count)
    end
    while row do
      local entries
      entries, row = index:walk(name, row, 7)
      for _, entry in ipairs(entries) do assert.are.equal(name, entry.bucket) end
      walked = walked + #entries
    end
    assert.are.equal(#all, walked)
  end

  it("stays right through 20,000 puts, replacements, cuts and expiries", function()
    local r, keys = random.seeded(5), {}
    for i = 1, 8 do keys[i] = key.generate(r:bytes(32)) end
    index = record.new { { name = "share", max_ttl = 3200, size = 1024, slots = 40, buckets = { "*/…" } } }
    local heard, now = {}, 10000
    local statements, key_of = {}, {}
    for i = 1, 2000 do
      statements[i] = sign({ bucket = r:integer(9) .. "/" .. r:integer(30), key = "k" .. r:integer(4),
        at = (10000 + r:integer(10000)) * 1000, valid_until = 16 }, keys[r:integer(8) + 1])
      key_of[statements[i].short] = statements[i].key
    end
    for step = 1, 20000 do
      local st = statements[r:integer(2000) + 1]
      if step % 2000 == 0 then
        now = now + 500
        index:expire(now)
      elseif check(index, st, now * 1000 + 10 ^ 7 // 1) then
        index:put(st, r:integer(2) == 0 and step or nil)
      end
      if step % 500 == 0 then
        local names, total = index:buckets(), 0
        for _, name in ipairs(names) do
          total = total + #index:bucket(name)
          if step % 2000 == 1500 then same_by_keys(name, key_of) end
        end
        local ids = index:ids("share", 0, "", 65536)
        assert.are.equal(total, index:count())
        assert.are.equal(total, #ids)
        for i, short in ipairs(ids) do
          assert(index:get(short).short == short and (i == 1 or ids[i - 1] < short))
        end
        heard[#heard + 1] = total
      end
    end
    assert.is_true(heard[1] > 100)
    index:expire(10 ^ 9 // 1)
    assert.are.equal(0, index:count())
    assert.are.same({}, index:buckets())
  end)

  it("looks at few entries for a word in a full share, however large it is", function()
    local slots, steps, hash_of = 3000, require "core.spec".share_steps, {}
    local function slot_hash(i) return (string.unpack(">i8", hash.blake2b(("s k%d %s"):format(i, id)))) end
    index = record.new { { name = "share", max_ttl = 32000, size = 1024, slots = slots, buckets = { "s" } } }
    local function put(from, to, at)
      local taken = 0
      for i = from, to do
        local st = sign { bucket = "s", key = "k" .. i, valid_until = 16, at = at }
        hash_of[st.short] = slot_hash(i)
        taken = taken + (index:put(st, i) and 1 or 0)
      end
      return taken
    end
    assert.equal(slots, put(1, slots // 2, AT) + put(slots // 2 + 1, slots, AT + 32000000))
    assert.equal(0, steps(index))
    assert.is_true(put(slots + 1, slots + 1, AT) <= 1)
    local before = steps(index)
    local taken = put(slots + 2, slots + 300, AT + 32000000)
    assert.is_true(taken > 100)
    assert.is_true(steps(index) - before <= 300 * 4 * 12, steps(index) - before .. " looks")
    local gone = index:expire(AT // 1000 + 32000 + 600 + 16)
    assert.is_true(gone > slots // 3)
    assert.equal(gone, put(10000, 10000 + gone - 1, AT + 32000000), "there is room again")
    local held = {}
    for _, e in ipairs(index:bucket "s") do held[#held + 1] = { short = e.short, hash = hash_of[e.short] } end
    for i = 20000, 20399 do
      local top = 1
      for n, one in ipairs(held) do if math.ult(held[top].hash, one.hash) then top = n end end
      local st = sign { bucket = "s", key = "k" .. i, valid_until = 16, at = AT + 32000000 }
      local fits = math.ult(slot_hash(i), held[top].hash)
      assert.equal(fits, index:put(st, i) ~= nil)
      assert.equal(not fits, index:has(held[top].short), "the greatest goes, and no other")
      if fits then held[top] = { short = st.short, hash = slot_hash(i) } end
    end
    assert.equal(slots, index:count())
  end)

  it("needs at most 100 bytes a record", function()
    index = record.new { { name = "share", max_ttl = 3200, size = 1024, slots = 99999, buckets = { "s" } } }
    local before, worst = index:memory(), 0
    for i = 1, 20000 do
      index:put(sign { bucket = "s", key = "k" .. i, valid_until = 16 }, i)
      if i > 5000 and i % 500 == 0 then
        index:digest("share", 0)
        worst = math.max(worst, (index:memory() - before) / i)
      end
    end
    assert.is_true(worst <= 100, worst .. " bytes")
    index:expire(1 << 40)
    assert.is_true(index:memory() < before + 200000)
    assert.are.equal("new", index:put(sign { bucket = "s", key = "again", valid_until = 16 }, 1))
    assert.are.equal(1, #index:bucket "s")
  end)
end)
