-- suppliers_spec.lua - which answers make a source a slow one, and how long one that failed rests. No requests.
local suppliers = require "dcache.content.suppliers"

describe("a source of files", function()
  local MIB <const> = 1024 * 1024
  local source = { id = "ada", url = "http://10.77.0.1:3826" }

  local function new()
    local loop = { time = 1000, now = function(self) return self.time end }
    local random = require("core.random").seeded(1)
    local s = suppliers.new { loop = loop, random = random, list = function() return { source } end }
    assert.equal(source, (s:pick()))
    return s, loop
  end

  it("is slow when its last long answer came at less than a megabyte a second", function()
    local s = new()
    assert.is_false(s:is_slow(source))
    s:gave(source, MIB, 1048)
    assert.is_false(s:is_slow(source))
    s:gave(source, MIB, 1049)
    assert.is_true(s:is_slow(source) and s:width() == 8)
    s:gave(source, MIB, 10)
    assert.is_false(s:is_slow(source) or s:width() ~= 4)
  end)

  it("that is slow is asked after one that is not, and where the other rests", function()
    local loop, bea = { now = function() return 1000 end }, { id = "bea", url = "http://10.77.0.2:3826" }
    local s = suppliers.new { loop = loop, random = require("core.random").seeded(1),
      list = function() return { source, bea } end }
    assert.equal(source, (s:pick())) -- the nearest
    s:gave(source, MIB, 5000)
    assert.equal(bea, (s:pick()))
    s:failed(bea, "closed")
    assert.equal(source, (s:pick()))
    assert.is_false(s:all_failed())
    s:failed(source, "moved")
    assert.is_true(s:all_failed())
  end)

  it("that is slow is left for another slow one that is four times as fast, though further away", function()
    local loop, bea = { now = function() return 1000 end }, { id = "bea", url = "http://10.77.0.2:3826" }
    local s = suppliers.new { loop = loop, random = require("core.random").seeded(1),
      list = function() return { source, bea } end }
    s:pick()
    s:gave(source, MIB, 40000)
    s:gave(bea, MIB, 10000)
    assert.equal(source, (s:pick()))
    s:gave(bea, MIB, 9000)
    assert.equal(bea, (s:pick()))
    s:gave(source, MIB, 9000)
    assert.equal(source, (s:pick()))
  end)

  -- One that failed by WORD until it rests for long → suppliers, its loop, ms until it may be asked
  local function resting(word)
    local s, loop = new()
    for _ = 1, 8 do
      loop.time = loop.time + 4 * 3600 * 1000
      s:failed(source, word)
    end
    loop.time = loop.time + 100
    return s, loop
  end

  it("that could not be reached is asked a second after it failed, when it is back", function()
    for _, word in ipairs { "slow", "closed", "EHOSTUNREACH" } do
      local s, loop = resting(word)
      assert.is_nil((s:pick()))
      assert.equal(900, s:back "ada")
      loop.time = loop.time + 899
      assert.is_nil((s:pick()))
      loop.time = loop.time + 1
      assert.equal(source, (s:pick()))
      s:failed(source, word) -- and backs off from the beginning
      loop.time = loop.time + 500
      assert.equal(source, (s:pick()))
    end
  end)

  it("that lied, or has nothing, rests on when it is back", function()
    for _, word in ipairs { "block", "long", "redirect", "form", "missing", "permission" } do
      local s, loop = resting(word)
      assert.is_nil(s:back "ada")
      loop.time = loop.time + 10000
      assert.is_nil((s:pick()))
    end
  end)

  it("that comes back each moment is asked once a second by that", function()
    local s, loop = resting "slow"
    local asked = 0
    for _ = 1, 1000 do
      loop.time = loop.time + 10
      s:back "ada"
      if s:pick() then
        asked = asked + 1
        for _ = 1, 6 do s:failed(source, "slow") end
      end
    end
    assert.is_true(asked >= 5 and asked <= 20, asked .. " times in ten seconds")
  end)

  it("is asked at another of its addresses where one does not answer, and at one address for one that lies", function()
    local loop = { time = 1000, now = function(self) return self.time end }
    local function list() return { { id = "ada", url = "old", urls = { "old", "new" } } } end
    local s = suppliers.new { loop = loop, random = require("core.random").seeded(1), list = list }
    local asked = {}
    for i, word in ipairs { "slow", "slow", "slow", "block", "block" } do
      local one = assert(s:pick())
      asked[i] = one.url
      for _ = 1, 4 do s:failed(one, word) end -- requests that were under way together
      loop.time = loop.time + 3600 * 1000
    end
    assert.same({ "old", "new", "old", "new", "new" }, asked)
  end)

  it("that nobody knows of is not asked when it is back", function()
    local s = new()
    assert.is_nil(s:back "mallory")
    assert.is_nil(s:back "ada")
  end)

  it("is not judged by a short answer: that tells of the way, not of its width", function()
    local s = new()
    s:gave(source, 800, 1200)
    assert.is_false(s:is_slow(source))
  end)
end)
