-- merge_property_spec.lua - whatever the order, the doubling and the moments of expiry, nodes that
-- heard the same remember the same; against a second implementation.
local key, random = require "core.key", require "core.random"
local record, statement = require "core.record", require "core.statement"
local second = require "spec.second.record"
local shuffled = require "spec.shuffled"

local CLASS = { name = "share", max_ttl = 3200, size = 1024, slots = 3, kept = true, buckets = { "share/…" } }
local WIDE = { name = "share", max_ttl = 3200, size = 1024, slots = 99, kept = true, buckets = { "share/…" } }

-- Few slots, few milliseconds: ties, dismissals, withdrawals and cuts of shares are common.
local function pool(r, count)
  local keys, statements = {}, {}
  for i = 1, 3 do keys[i] = key.generate(r:bytes(32)) end
  for i = 1, count do
    local at = 1600000 + r:integer(6) * 400000
    local dismiss = r:integer(4) == 0
    statements[i] = assert(statement.sign(keys[r:integer(3) + 1], "lab", {
      verb = dismiss and "dismiss" or "propose", bucket = "share/" .. ("ab"):sub(r:integer(2) + 1),
      key = "k" .. r:integer(3), at = at,
      valid_from = 0, valid_until = at // 16000 * 16 + 16 * r:integer(200),
      data = dismiss and "null" or tostring(r:integer(9)),
    }))
  end
  return statements
end

local function sample(r, list, count)
  local some = {}
  for i = 1, count do some[i] = list[r:integer(#list) + 1] end
  return some
end

local function filled(class, statements)
  local index = record.new { class }
  for _, st in ipairs(statements) do index:put(st) end
  return index
end

-- Plain numbers, so that a case costs little: the assertion library is slow.
local function same(a, b, class, t)
  local digest, count = a:digest(class.name, t)
  local other, others = b:digest(class.name, t)
  return digest == other and count == others
end

local function fits(index, statements, class, t)
  local digest, count = index:digest(class.name, t)
  local expected, expected_count = second.digest(statements, class, t)
  return digest == expected and count == expected_count
end

describe("merge", function()
  local r = random.seeded(11)
  local statements = pool(r, 400)

  it("is commutative, associative and idempotent in 6,000 samples, with shares cut", function()
    local cut, ended = 0, 0
    for case = 1, 6000 do
      local heard = sample(r, statements, 1 + r:integer(14))
      local twice = shuffled(r, heard)
      table.move(sample(r, heard, 3), 1, 3, #twice + 1, twice)
      local t = r:integer(8) * 1000
      local a, b = filled(CLASS, heard), filled(CLASS, twice)
      assert(same(a, b, CLASS, t) and fits(a, heard, CLASS, t), "case " .. case)
      if a:count() < #second.ids(heard, WIDE, 0) then cut = cut + 1 end
      if a:count() > select(2, a:digest("share", t)) then ended = ended + 1 end
    end
    assert.is_true(cut > 500 and ended > 500, cut .. " cut, " .. ended .. " ended")
  end)

  it("is associative: parts merged first give the same", function()
    for case = 1, 1500 do
      local parts, all, merged = {}, {}, record.new { CLASS }
      for i = 1, 3 do
        parts[i] = sample(r, statements, 1 + r:integer(6))
        table.move(parts[i], 1, #parts[i], #all + 1, all)
      end
      for _, part in ipairs(shuffled(r, parts)) do
        local index = filled(CLASS, part)
        for _, bucket in ipairs(index:buckets()) do
          for _, entry in ipairs(index:bucket(bucket)) do merged:put(statement.parse(entry.text)) end
        end
      end
      assert(fits(merged, all, CLASS, 0), "case " .. case)
    end
  end)

  it("agrees whenever nodes expire, in 2,500 samples", function()
    local dropped = 0
    for case = 1, 2500 do
      local heard, last = sample(r, statements, 10), 4000 + r:integer(6) * 500
      local a, b = record.new { WIDE }, record.new { WIDE }
      for _, index in ipairs { a, b } do
        for _, st in ipairs(shuffled(r, heard)) do
          index:put(st)
          if r:integer(3) == 0 then dropped = dropped + index:expire(r:integer(last + 1)) end
        end
      end
      assert(same(a, b, WIDE, last) and fits(a, heard, WIDE, last), "case " .. case)
    end
    assert.is_true(dropped > 500, dropped .. " dropped")
  end)

  it("agrees after one exchange where shares were cut and room was freed meanwhile", function()
    local apart = 0
    for case = 1, 1500 do
      local heard, last = sample(r, statements, 14), 4000 + r:integer(6) * 500
      local nodes = { record.new { CLASS }, record.new { CLASS } }
      for _, index in ipairs(nodes) do
        for _, st in ipairs(shuffled(r, heard)) do
          index:put(st)
          if r:integer(2) == 0 then index:expire(r:integer(last + 1)) end
        end
        index:expire(last)
      end
      if not same(nodes[1], nodes[2], CLASS, last) then apart = apart + 1 end
      for from = 1, 2 do
        for _, bucket in ipairs(nodes[from]:buckets()) do
          for _, entry in ipairs(nodes[from]:bucket(bucket)) do
            nodes[3 - from]:put(statement.parse(entry.text))
          end
        end
      end
      assert(same(nodes[1], nodes[2], CLASS, last), "case " .. case)
    end
    assert.is_true(apart > 0)
  end)

  it("gives the same for every permutation of six statements, 200 times", function()
    local function permute(list, n, visit)
      if n == 1 then return visit(list) end
      for i = 1, n do
        permute(list, n - 1, visit)
        local j = n % 2 == 0 and i or 1
        list[j], list[n] = list[n], list[j]
      end
    end
    local visited = 0
    for case = 1, 200 do
      local six = sample(r, statements, 6)
      local expected = second.digest(six, CLASS, 0)
      permute(six, 6, function(list)
        visited = visited + 1
        assert(filled(CLASS, list):digest("share", 0) == expected, "case " .. case)
      end)
    end
    assert.are.equal(200 * 720, visited)
  end)

  it("differs where one statement is missing (negative control)", function()
    local found = 0
    for _ = 1, 300 do
      local heard = sample(r, statements, 6)
      local a, b = filled(WIDE, heard), filled(WIDE, { table.unpack(heard, 2) })
      if not same(a, b, WIDE, 0) then found = found + 1 end
    end
    assert.is_true(found > 100)
  end)
end)
