-- law_spec.lua - classes of buckets: patterns, constants and their hash; vectors of laws and digests.
local random = require "core.random"
local record, statement = require "core.record", require "core.statement"
local text = require "core.text"
local read = require "spec.vectors.read"
local second = require "spec.second.record"

describe("core.record classes", function()
  it("finds the most specific pattern, whatever the order", function()
    local patterns = { "…", "*", "pri/…", "pri/*/health", "pri/*/info/…", "pri/x/*", "*/*/health",
      "pri/x/info/…" }
    local expected = { ["a/b"] = "…", a = "*", ["pri/a"] = "pri/…", ["pri/a/health"] = "pri/*/health",
      ["pri/x/health"] = "pri/x/*", ["pri/a/info/b/c"] = "pri/*/info/…", ["pri/a/info"] = "pri/…",
      ["z/y/health"] = "*/*/health", ["pri/x/info/1"] = "pri/x/info/…", ["pri/x/info"] = "pri/x/*",
      ["pri/x/more/1"] = "pri/…", ["z/y/health/1"] = "…" }
    local r = random.seeded(1)
    for _ = 1, 50 do
      local classes, order = {}, { 1, 2, 3, 4, 5, 6, 7, 8 }
      for i = 8, 2, -1 do
        local j = r:integer(i) + 1
        order[i], order[j] = order[j], order[i]
      end
      for i, which in ipairs(order) do
        classes[i] = { name = "c" .. which, max_ttl = 1, size = 1, slots = 1, buckets = { patterns[which] } }
      end
      local index = record.new(classes)
      for bucket, pattern in pairs(expected) do
        assert.are.equal(pattern, patterns[tonumber(index:class(bucket):sub(2))], bucket)
      end
    end
  end)

  it("throws on classes that make no sense", function()
    local function bad(changes, more)
      local class = { name = "a", max_ttl = 10, size = 10, slots = 1, buckets = { "a" } }
      for name, value in pairs(changes) do class[name] = value end
      assert.has_error(function() record.new { class, more } end)
    end
    for _, changes in ipairs { { name = "A" }, { name = "" }, { name = ("a"):rep(33) }, { max_ttl = 0 },
      { max_ttl = 1.5 }, { size = 1025 }, { slots = 0 }, { buckets = "a" }, { buckets = { "" } },
      { buckets = { "a//b" } }, { buckets = { "…/a" } }, { buckets = { "a b" } }, { buckets = { 1.5, {} } },
      { buckets = { "a", "a" } }, { scope = "A" }, { buckets = { ("a"):rep(161) } } } do bad(changes) end
    bad({}, { name = "a", max_ttl = 10, size = 10, slots = 1, buckets = { "b" } })
    bad({}, { name = "b", max_ttl = 10, size = 10, slots = 1, buckets = { "a" } })
    local index = record.new { { name = "a", max_ttl = 10, size = 10, slots = 1, buckets = { "a" } } }
    assert.has_error(function() index:digest("nothing", 0) end)
    assert.has_error(function() index:law("nothing") end)
  end)

  it("hashes each constant into the law, the order of patterns not", function()
    local seen, count = {}, 0
    local function law(changes)
      local class = { name = "state", max_ttl = 10, size = 10, slots = 1, buckets = { "a", "b/…" } }
      for name, value in pairs(changes) do class[name] = value end
      local hash = record.new({ class }):law(class.name)
      assert.are.equal(second.law(class), hash)
      return hash
    end
    for _, changes in ipairs { {}, { name = "b" }, { max_ttl = 11 }, { size = 11 }, { slots = 2 },
      { kept = true }, { scope = "site" }, { admitted = "members" }, { buckets = { "a" } },
      { buckets = { "a", "b/*" } } } do
      local hash = law(changes)
      assert.is_nil(seen[hash])
      seen[hash], count = true, count + 1
    end
    assert.are.equal(10, count)
    assert.are.equal(law {}, law { buckets = { "b/…", "a" } })
  end)
end)

describe("vectors", function()
  local function classes()
    local list = {}
    for _, row in ipairs(read "law.txt") do
      local law, ttl, size, slots, kept, scope, admitted, name, rest =
        row:match "^(%x+) (%d+) (%d+) (%d+) (%a+) (%S+) (%S+) (%S+) (.+)$"
      local class = { name = name, max_ttl = math.tointeger(ttl), size = math.tointeger(size), scope = scope,
        slots = math.tointeger(slots), kept = kept == "kept", admitted = admitted, buckets = {} }
      for pattern in rest:gmatch "%S+" do class.buckets[#class.buckets + 1] = pattern end
      list[#list + 1], list[name] = class, law
    end
    return list
  end

  it("of laws fit", function()
    local list = classes()
    local index = record.new(list)
    for _, class in ipairs(list) do
      assert.are.equal(list[class.name], text.hex(index:law(class.name)))
      assert.are.equal(list[class.name], text.hex(second.law(class)))
    end
  end)

  it("of digests fit, forwards and backwards", function()
    local rows = read "digest.txt"
    local forwards, backwards, digests = record.new(classes()), record.new(classes()), 0
    for i = 1, #rows do
      local line, last = rows[i]:match "^statement (.*)", rows[#rows + 1 - i]:match "^statement (.*)"
      if line then forwards:put(assert(statement.parse(line))) end
      if last then backwards:put(assert(statement.parse(last))) end
    end
    for _, row in ipairs(rows) do
      local t, digest, count = row:match "^digest (%d+) (%x+) (%d+)$"
      for _, index in ipairs { forwards, t and backwards } do
        local found, n = index:digest("share", math.tointeger(t) or 0)
        assert.are.same({ digest or text.hex(found), math.tointeger(count) or n }, { text.hex(found), n })
      end
      digests = digests + (t and 1 or 0)
    end
    assert.is_true(digests >= 5)
  end)
end)
