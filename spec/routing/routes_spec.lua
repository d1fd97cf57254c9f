-- routes_spec.lua - the routing table: the most specific pattern, names looked up, what is set meanwhile, its price.
require "spec.helper"
local hash = require "core.hash"
local key = require "core.key"
local random = require "core.random"
local routes = require "routing.routes"
local shuffled = require "spec.shuffled"

local function id(name) return key.generate(hash.blake2b("a key of routes " .. name)):id() end

local DONALD, SERVER, OTHER = id "donald", id "server", id "other"
local LAB <const> = "/dns4/swarm.lab.example/tcp/3825/dswarm-line"
local FAR <const> = "/ip4/10.0.0.9/udp/3825/dswarm-line"

-- People are called so: name → array of IDs.
local function table_of(people)
  return routes.new {
    name_of = function(node)
      for name, ids in pairs(people) do -- any order: nobody has two names
        for _, one in ipairs(ids) do
          if one == node then return name end
        end
      end
    end,
    bearers = function(name) return people[name] or {} end,
  }
end

local function loaded(people, map)
  local list, table_ = {}, table_of(people)
  for pattern, target in pairs(map) do list[#list + 1] = { pattern = pattern, target = target } end -- any order
  table_:load(list, function() return "my.lua:1" end)
  return table_
end

local function way(table_, to, used) return (table_:match(to, used)) end

describe("a routing table", function()
  it("puts the way before the address that its pattern fits", function()
    local table_ = loaded({}, { ["/dswarm/" .. DONALD .. "/brain"] = FAR .. "/$0" })
    local to, entry = table_:match("/dswarm/" .. DONALD .. "/brain")
    assert.equal(FAR .. "/dswarm/" .. DONALD .. "/brain", to)
    assert.same({ "my.lua:1", 1 }, { entry.origin, entry.count })
    for _, other in ipairs { "/dswarm/" .. DONALD .. "/ping", "/dswarm/" .. SERVER .. "/brain", "/dswarm/" .. DONALD,
      "/dswarm/*/brain", FAR .. "/dswarm/" .. DONALD .. "/brain" } do
      assert.is_nil(way(table_, other), other)
    end
    assert.is_nil(way(table_of {}, "/dswarm/" .. DONALD .. "/brain"))
  end)

  it("has the most specific pattern win, in whatever order they stand", function()
    local patterns = { { "/*", "a" }, { "/dswarm/*", "b" }, { "/dswarm/donald/*", "c" },
      { "/dswarm/" .. DONALD .. "/*", "d" }, { "/dswarm/donald/brain", "e" }, { "/ip4/10.0.0.9/*", "f" } }
    local r = random.seeded(7)
    for _ = 1, 20 do
      local list, table_ = {}, table_of { donald = { DONALD } }
      for i, one in ipairs(shuffled(r, patterns)) do
        list[i] = { pattern = one[1], target = ("/dns4/%s.example/tcp/1/dswarm-line/$0"):format(one[2]) }
      end
      table_:load(list, function() return "my.lua:1" end)
      local function by(to) return way(table_, to):match "^/dns4/(%l)" end
      assert.equal("e", by("/dswarm/" .. DONALD .. "/brain")) -- a whole address, though by a name
      assert.equal("d", by("/dswarm/" .. DONALD .. "/ping")) -- an ID before a name
      assert.equal("b", by("/dswarm/" .. SERVER .. "/brain"))
      assert.equal("f", by(FAR .. "/dswarm/" .. SERVER .. "/brain"))
      assert.equal("a", by("/ip4/10.0.0.8/udp/1/dswarm-line/dswarm/" .. SERVER .. "/brain"))
    end
  end)

  it("uses an entry once for a line, then the next that fits", function()
    local table_ = loaded({}, { ["/dswarm/*"] = "/dswarm/" .. SERVER .. "/$0", ["/*"] = LAB .. "/$0" })
    local used, to = {}, "/dswarm/" .. DONALD .. "/brain"
    local first, entry = table_:match(to, used)
    assert.equal("/dswarm/" .. SERVER .. to, first)
    used[entry] = true
    local second, other = table_:match(first, used)
    assert.equal(LAB .. first, second)
    used[other] = true
    assert.is_nil(way(table_, second, used))
  end)

  it("looks names up when they are used, in targets too", function()
    local people = {}
    local table_ = loaded(people, { ["/dswarm/donald/*"] = "/dswarm/server/$0" })
    local to = "/dswarm/" .. DONALD .. "/control"
    assert.is_nil(way(table_, to))
    assert.equal("missing", table_:rows()[1].code)
    people.donald = { DONALD }
    assert.is_nil(way(table_, to), "its target is nobody yet")
    people.server = { SERVER }
    assert.equal("/dswarm/" .. SERVER .. to, way(table_, to))
    assert.is_nil(table_:rows()[1].rests)
  end)

  it("rests where two have the name, says both, and works again by the end of a key", function()
    local people = { donald = { DONALD, OTHER } }
    local table_ = loaded(people, { ["/dswarm/donald/*"] = LAB .. "/$0", ["/*"] = FAR .. "/$0" })
    local to = "/dswarm/" .. DONALD .. "/brain"
    assert.equal(FAR .. to, way(table_, to))
    local row = table_:rows()[2]
    assert.equal("ambiguous", row.code)
    for _, one in ipairs(people.donald) do assert.truthy(row.rests:find(one, 1, true), row.rests) end
    assert(table_:set("/dswarm/donald~" .. DONALD:sub(-6) .. "/*", LAB .. "/$0"))
    assert.equal(LAB .. to, way(table_, to))
    assert.equal(FAR .. "/dswarm/" .. OTHER .. "/brain", way(table_, "/dswarm/" .. OTHER .. "/brain"))
    people.donald = { DONALD }
    assert.equal(LAB .. to, way(table_, to))
    assert.is_nil(table_:rows()[2].rests)
  end)

  it("keeps what was set over a reload, gives the policy's line back, and hides one that was taken out", function()
    local pattern, to = "/dswarm/" .. DONALD .. "/*", "/dswarm/" .. DONALD .. "/brain"
    local table_ = loaded({}, { [pattern] = LAB .. "/$0" })
    assert(table_:set(pattern, FAR .. "/$0"))
    assert.equal(FAR .. to, way(table_, to))
    table_:load({ { pattern = pattern, target = LAB .. "/$0" } }, function() return "my.lua:2" end)
    assert.equal(FAR .. to, way(table_, to))
    local gone, back = table_:unset(pattern)
    assert.same({ FAR .. "/$0", LAB .. "/$0" }, { gone.target, back.target })
    assert.equal(LAB .. to, way(table_, to))
    gone, back = table_:unset(pattern)
    assert.same({ LAB .. "/$0", nil }, { gone.target, back })
    assert.is_nil(way(table_, to))
    table_:load({ { pattern = pattern, target = LAB .. "/$0" } }, function() return "my.lua:2" end)
    assert.is_nil(way(table_, to), "a reload brings nothing back that was taken out")
    assert.equal("missing", select(3, table_:unset(pattern)))
  end)

  it("says what would be right of what makes no sense", function()
    local table_ = table_of {}
    local function why(pattern, target)
      local entry, text, code = table_:set(pattern, target)
      assert.same({ nil, "form" }, { entry, code }, pattern .. " " .. target)
      return text
    end
    local fine = "/dswarm/donald/*"
    assert(table_:set(fine, LAB .. "/$0"))
    assert(table_:set("/ip4/10.0.0.9/udp/*", "/ipfs-pubsub/t/dswarm-line/dswarm/server/$0"))
    assert(table_:set("/ip4/*", "/dns4/irc.example/tcp/6667/irc/#c/dswarm-line/$0"))
    assert.truthy(why(fine, LAB):find(LAB .. "/$0", 1, true))
    assert.truthy(why(fine, LAB .. "/$0/dswarm/donald"):find("last part", 1, true))
    assert.truthy(why(fine, "/ip4/10.0.0.9/udp/3825/$0"):find("/dswarm-line", 1, true))
    assert.truthy(why(fine, "/dswarm/server/brain/$0"):find("/dswarm/NODE", 1, true))
    assert.truthy(why("/dswarm/*/brain", LAB .. "/$0"):find("last part", 1, true))
    assert.truthy(why("dswarm/donald/*", LAB .. "/$0"):find("begins with /", 1, true))
    assert.truthy(why("/dswarm/a b/*", LAB .. "/$0"):find("neither the name nor the ID", 1, true))
    assert.truthy(why("/udp/0/*", LAB .. "/$0"):find("a port", 1, true))
    for _, hostile in ipairs { "", "/", "//", "/dswarm//x", "/dswarm/\0/*", ("/a"):rep(10000), "/$0", "/*/*" } do
      why(hostile, LAB .. "/$0")
      why(fine, hostile)
    end
  end)

  -- What a table without a tree would take: of all that fit the longest, and where two are equally long the one that
  -- says an ID, or more of a key, where they differ first.
  local function exactness(part, is_name)
    return is_name and #(part:match "~(.*)$" or "") or math.maxinteger
  end

  local function is_better(a, b)
    local depth_a, depth_b = #a.segments + (a.open and 0 or 1), #b.segments + (b.open and 0 or 1)
    if depth_a ~= depth_b then return depth_a > depth_b end
    for i, part in ipairs(a.segments) do
      local one, other = exactness(part, a.names[i]), exactness(b.segments[i], b.names[i])
      if one ~= other then return one > other end
    end
    return false
  end

  it("takes the same as one that looks at each, of any patterns and addresses", function()
    local r = random.seeded(11)
    local nodes, people = { DONALD, SERVER, OTHER }, { donald = { DONALD }, server = { SERVER }, twin = { OTHER } }
    local words = { "donald", "server", "twin", "nobody", "donald~" .. DONALD:sub(-4), "server~" .. SERVER:sub(-9) }
    local function any(list) return list[r:integer(#list) + 1] end
    local function part(patterns)
      local kind = r:integer(5)
      if kind == 0 then return "/ip4/10.0.0." .. r:integer(2) .. "/udp/1/dswarm-line" end
      return "/dswarm/" .. (patterns and kind < 3 and any(words) or any(nodes))
    end
    local function address(patterns, most)
      local text = ""
      for _ = 1, r:integer(most) + 1 do text = text .. part(patterns) end
      return text
    end
    local taken = 0
    for _ = 1, 200 do
      local table_ = table_of(people)
      for _ = 1, r:integer(12) + 1 do
        table_:set(address(true, 3) .. any { "/*", "/*", "/brain", "" }, LAB .. "/$0") -- no component follows a channel
      end
      for _ = 1, 20 do
        local to, best = address(false, 4) .. any { "/brain", "/ping", "" }, nil
        for _, entry in ipairs(table_:fitting(to)) do
          if not table_:rests(entry) and (not best or is_better(entry.read, best.read)) then best = entry end
        end
        local _, entry = table_:find(to)
        assert.equal(best and best.pattern, entry and entry.pattern, to)
        taken = taken + (entry and 1 or 0)
      end
    end
    assert.is_true(taken > 400, taken)
  end)

  -- Steps of Lua's machine, which no load moves; the microseconds are measured in bench/routes.lua.
  it("takes no more steps among a thousand routes than among ten", function()
    local function steps(count)
      local list, to, n = {}, "/dswarm/" .. DONALD .. "/brain", 0
      local table_ = table_of {}
      for i = 1, count do
        list[i] = { pattern = ("/ip4/10.0.%d.%d/*"):format(i // 250, i % 250), target = LAB .. "/$0" }
      end
      list[count] = { pattern = "/dswarm/" .. DONALD .. "/*", target = LAB .. "/$0" }
      table_:load(list, function() return "my.lua:1" end)
      debug.sethook(function() n = n + 1 end, "", 1)
      table_:match(to)
      debug.sethook()
      return n
    end
    local ten = steps(10)
    assert.is_true(ten > 50)
    assert.equal(ten, steps(1000))
  end)

  it("is made in steps that grow with its lines, though all name one robot by ends of keys", function()
    local function steps(count)
      local list, n = {}, 0
      for i = 1, count do list[i] = { pattern = ("/dswarm/donald~%04dk/*"):format(i), target = LAB .. "/$0" } end
      local table_ = table_of { donald = { DONALD } }
      table_:load(list, function() return "my.lua:1" end)
      debug.sethook(function() n = n + 1 end, "", 100)
      table_:build()
      debug.sethook()
      return n
    end
    local few = steps(100)
    assert.is_true(few > 10)
    assert.is_true(steps(1000) < 20 * few)
  end)
end)
