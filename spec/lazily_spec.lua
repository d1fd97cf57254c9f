-- lazily_spec.lua - modules that are read when they are used: not before, and then as any other.
local folder = require "spec.folder"
local lazily = require "lazily"

describe("a module that is read lazily", function()
  it("is read when something of it is first used, once, and is what `require` gives", function()
    local reads = 0
    package.preload["toy.lazily"] = function()
      reads = reads + 1
      return { answer = 42, add = function(a, b) return a + b end }
    end
    local toy = lazily "toy.lazily"
    assert.equal(0, reads)
    assert.equal(42, toy.answer)
    assert.equal(3, toy.add(1, 2))
    assert.is_nil(toy.nothing)
    assert.equal(1, reads)
    assert.equal(42, require "toy.lazily".answer)
    package.preload["toy.lazily"], package.loaded["toy.lazily"] = nil, nil
  end)

  it("throws each time it is used where it cannot be read", function()
    local toy = lazily "toy.missing"
    for _ = 1, 2 do assert.error_matches(function() return toy.answer end, "toy.missing") end
  end)

  it("is there: no name is misspelled", function()
    local pipe, names = io.popen "grep -rhoE 'lazily \"[a-z_.]+\"' lua cli", 0
    for line in pipe:lines() do
      local name = line:match '"(.*)"'
      local path = "lua/" .. name:gsub("%.", "/")
      assert.truthy(folder.read(path .. ".lua") or folder.read(path .. "/init.lua"), name)
      names = names + 1
    end
    pipe:close()
    assert.is_true(names > 10, names)
  end)
end)
