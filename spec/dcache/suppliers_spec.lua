-- suppliers_spec.lua - which answers make a source a slow one: it is then asked over new connections, more at once.
local suppliers = require "dcache.content.suppliers"

describe("a source of files", function()
  local MIB <const> = 1024 * 1024
  local source = { id = "ada", url = "http://10.77.0.1:3826" }

  local function new()
    local loop = { now = function() return 1000 end }
    local random = require("core.random").seeded(1)
    local s = suppliers.new { loop = loop, random = random, list = function() return { source } end }
    assert.equal(source, (s:pick()))
    return s
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

  it("is not judged by a short answer: that tells of the way, not of its width", function()
    local s = new()
    s:gave(source, 800, 1200)
    assert.is_false(s:is_slow(source))
  end)
end)
