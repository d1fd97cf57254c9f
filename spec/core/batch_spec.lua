-- batch_spec.lua - the statements of one frame as one thing: read by themselves, put in order.
local kit = require "spec.core.frame_kit"
local batch = require "core.batch"

local word, of = kit.word, kit.batch

local function keys(list, from, to)
  local found = {}
  for i = from or 1, to or #list do found[#found + 1] = list:statement(i).key end
  return found
end

describe("a batch", function()
  it("reads every line by itself", function()
    local list = of(word(1), "nonsense", word(2), "", ("x"):rep(1025))
    assert.equal(5, #list)
    assert.same({ nil, "form", nil, "form", "long" },
      { list:code(1), list:code(2), list:code(3), list:code(4), list:code(5) })
    assert.equal(word(2).short, list:short(3))
    assert.equal(word(2).line, list:statement(3).line)
    assert.has_error(function() list:statement(2) end)
    assert.has_error(function() list:short(6) end)
  end)

  it("takes a line feed at its end or none, and at most 256 lines", function()
    assert.equal(1, #batch.new(word(1).line .. "\n"))
    assert.same({ "form" }, { batch.new "":code(1) })
    assert.equal(2, #batch.new "\n\n")
    assert.equal(256, #batch.new(("x\n"):rep(256)))
    assert.equal("long", select(3, batch.new(("x\n"):rep(257))))
    local text = word(1).line .. "\n" .. word(2).line
    local list = batch.new(text)
    assert.same({ text, #text }, { list:text(), list:bytes() })
  end)

  it("puts those that nothing is known against first, and else keeps their order", function()
    local list = of(word(1), word(2), word(3), word(4), word(5))
    list:refuse(2, "quota")
    list:refuse(4, "full")
    assert.equal(2, list:part(3))
    assert.same({ "k1", "k3", "k2", "k4", "k5" }, keys(list))
    assert.equal(3, list:part(5))
    assert.same({ "k1", "k3", "k5", "k2", "k4" }, keys(list))
    assert.same({ "quota", "full" }, { list:code(4), list:code(5) })
    assert.has_error(function() list:refuse(1, "of no list") end)
    assert.has_error(function() list:part(6) end)
  end)

  it("finds what is of one bucket", function()
    local list = of(word(1), word(2, { bucket = "share/safe" }), "nonsense", word(3))
    assert.same({ 1, 4, nil }, { list:next("share/files", 1, 4), list:next("share/files", 2, 4),
      list:next("share/files", 2, 3) })
    list:refuse(4, "older")
    assert.is_nil(list:next("share/files", 2, 4))
    assert.is_nil(list:next("share", 1, 4))
  end)

  it("lets go of what does not wait: its first places stay as they were", function()
    local list = of(word(1), "nonsense", word(2), word(3), ("x"):rep(1000))
    list:refuse(3, "duplicate")
    assert.equal(2, list:part(5))
    list:cut(2)
    assert.same({ 2, "k1", "k3", nil }, { #list, list:statement(1).key, list:statement(2).key, list:code(2) })
    assert.equal(word(1).line .. "\n" .. word(3).line .. "\n", list:text())
    assert.equal(word(3).short, list:short(2))
    assert.equal(2, list:next("share/files", 2, 2))
    list:verify("duckietown", 1, 2)
    assert.is_nil(list:code(1))
    list:cut(2)
    assert.has_error(function() list:cut(3) end)
    assert.has_error(function() list:cut(0) end)
    list:refuse(1, "signature")
    assert.has_error(function() list:cut(1) end)
  end)

  it("is closed for good, once or twice", function()
    local list = of(word(1))
    list:close()
    list:close()
    assert.has_error(function() list:code(1) end)
    assert.has_error(function() return #list end)
  end)
end)
