-- leaves_spec.lua - where the leaves of a checkpoint end: equal sets, equal leaves; a new line changes few of them.
local hash = require "core.hash"
local leaves = require "comms.leaves"
local random = require "core.random"
local second = require "spec.second.leaves"
local shuffled = require "spec.shuffled"

local WORDS <const> = os.getenv "DT_SWARM_SOAK" and 1000 or 60

local function row(source, class)
  local short = source:bytes(16)
  return { class = class, ends = 1800000000 + 16 * source:integer(50), short = short,
    line = ("x"):rep(200 + source:integer(300)) .. source:integer(1 << 40) }
end

-- ROWS in the order of dcache/ordered.lua, through the cutter.
local function cut(rows)
  local texts, cutter, by_class, names = {}, leaves.new(), {}, {}
  for _, one in ipairs(rows) do
    if not by_class[one.class] then by_class[one.class], names[#names + 1] = {}, one.class end
    table.insert(by_class[one.class], one)
  end
  table.sort(names, function(a, b)
    local rank = { root = "1", trust = "2" }
    return (rank[a] or "3") .. a < (rank[b] or "3") .. b
  end)
  for _, name in ipairs(names) do
    table.sort(by_class[name], function(a, b)
      return a.ends < b.ends or a.ends == b.ends and a.short < b.short
    end)
    for _, one in ipairs(by_class[name]) do
      for _, text in ipairs(cutter:add(one.class, one.short, one.line)) do texts[#texts + 1] = text end
    end
  end
  texts[#texts + 1] = cutter:finish()
  return texts
end

describe("the leaves of a checkpoint", function()
  local source, rows = random.seeded(4), {}
  for i = 1, 5000 do rows[i] = row(source, ({ "share", "share", "share", "trust", "state", "root" })[i % 6 + 1]) end

  it("are those of the second implementation, in whatever order the lines came", function()
    local texts = cut(rows)
    assert.same(second.cut(rows), texts)
    for seed = 1, 3 do assert.same(texts, second.cut(shuffled(random.seeded(seed), rows))) end
    assert.is_true(#texts > 15)
    local roots = {}
    for _, one in ipairs(rows) do
      if one.class == "root" then roots[one.line] = true end
    end
    assert.is_true(roots[texts[1]:match "^[^\n]+"], "class root comes first")
    for _, text in ipairs(texts) do assert.is_true(#text <= leaves.MOST) end
  end)

  it("end before they would pass 256 KiB", function()
    local long = {}
    for i = 1, 600 do
      long[i] = { class = "share", ends = 16 * i, short = ("\1"):rep(16), line = ("y"):rep(1000) .. ("%06d"):format(i) }
    end
    local texts = cut(long)
    assert.same(second.cut(long), texts)
    assert.equal(3, #texts)
    assert.is_true(#texts[1] <= leaves.MOST and #texts[1] > leaves.MOST - 1008)
  end)

  it("are the same but for few where one line is new", function()
    local before, most = {}, 0
    for _, text in ipairs(cut(rows)) do before[hash.sha256(text)] = true end
    for i = 1, WORDS do
      local more, new = { table.unpack(rows) }, 0
      more[#more + 1] = row(random.seeded(1000 + i), i % 2 == 0 and "share" or "trust")
      for _, text in ipairs(cut(more)) do
        if not before[hash.sha256(text)] then new = new + 1 end
      end
      most = math.max(most, new)
      assert.is_true(new >= 1 and new <= 3, new) -- with humans.txt, the node and the folder at most six blocks
    end
    print(("# one new line of 5,001: at most %d other leaves"):format(most))
  end)
end)
