-- names_spec.lua - what a policy finds: order, globs, the nearest word, and the list that luacheck is given.
local random = require "core.random"
local load = require "policy.load"

local inner = { next = next, getmetatable = getmetatable, setmetatable = setmetatable }
inner.names = assert(loadfile "lua/policy/names.lua")(inner)
inner.form = assert(loadfile "lua/policy/form.lua")(inner)

describe("names", function()
  it("sort stably, whatever the list", function()
    local r = random.seeded(11)
    for _ = 1, 300 do
      local list, size = {}, r:integer(200)
      for i = 1, size do list[i] = { r:integer(10), i } end
      inner.names.sort(list, function(a, b) return a[1] < b[1] end)
      assert.equal(size, #list)
      for i = 2, size do
        local a, b = list[i - 1], list[i]
        assert.is_true(a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]))
      end
    end
  end)

  it("give pairs an order", function()
    local seen = {}
    local keyed = { b = 1, a = 1, [2.5] = 1, [2] = 1, [-1] = 1, [true] = 1, [false] = 1, B = 1 }
    for key in inner.names.pairs(keyed) do
      seen[#seen + 1] = tostring(key)
    end
    assert.same({ "-1", "2", "2.5", "B", "a", "b", "false", "true" }, seen)
    assert.has_error(function() inner.names.pairs { [{}] = 1 } end)
    assert.has_error(function() inner.names.pairs "x" end)
  end)

  it("match globs as patterns would", function()
    local r = random.seeded(12)
    local function word(letters, most)
      local out = {}
      for i = 1, r:integer(most) do
        local at = r:integer(#letters) + 1
        out[i] = letters:sub(at, at)
      end
      return table.concat(out)
    end
    local yes = 0
    for _ = 1, 10000 do
      local text, glob = word("ab.", 8), word("ab.*?", 6)
      local pattern = "^" .. glob:gsub("%.", "%%."):gsub("%*", ".*"):gsub("%?", ".") .. "$"
      assert.equal(text:find(pattern) ~= nil, inner.names.matches(text, glob), text .. " " .. glob)
      if text:find(pattern) then yes = yes + 1 end
    end
    assert.is_true(yes > 200)
  end)

  it("suggest what is near and nothing else", function()
    local known = { "routes", "relay", "open", "export", "prefer", "channels" }
    assert.equal("routes", inner.form.suggest("rotues", known))
    assert.equal("relay", inner.form.suggest("realy", known))
    assert.equal("channels", inner.form.suggest("Channel", known))
    assert.is_nil(inner.form.suggest("budget", known))
    assert.is_nil(inner.form.suggest("x", known))
    assert.is_nil(inner.form.suggest(("x"):rep(1000), known))
  end)

  it("are those that .luacheckrc lets policies read", function()
    local rc = { files = setmetatable({}, { __index = function(files, name)
      files[name] = {}
      return files[name]
    end }) }
    assert(loadfile(".luacheckrc", "t", rc))()
    local listed = rc.files["policies"].std.read_globals
    table.sort(listed)
    assert.same(load.names(), listed)
  end)
end)
