-- seal_spec.lua - boxes of core.seal: who can open them, and who cannot.
require "spec.helper"
local seal = require "core.seal"

describe("a box", function()
  local caller, secret, callee, out, back

  before_each(function()
    caller = seal.pair(("a"):rep(32))
    secret = seal.secret(("s"):rep(32))
    callee = secret:pair(caller:public(), ("k"):rep(32))
    out, back = caller:keys("caller", callee:public()), callee:keys("callee", caller:public())
  end)

  it("is opened by the other end, both ways, and is 16 bytes longer", function()
    for _, text in ipairs { "", "hello", ("\0"):rep(16384) } do
      local there, here = out:seal(1, "with", text), back:seal(1, "with", text)
      assert.equal(#text + 16, #there)
      assert.equal(text, back:open(1, "with", there))
      assert.equal(text, out:open(1, "with", here))
      assert.are_not.equal(there, here)
    end
  end)

  it("opens for nobody else, under no other number or words, and not where a bit differs", function()
    local box = out:seal(7, "with", "hello")
    local other = seal.pair()
    local keys = other:keys("callee", caller:public())
    for _, tried in ipairs { { back, 8, "with", box }, { back, 7, "without", box }, { out, 7, "with", box },
      { keys, 7, "with", box }, { back, 7, "with", box:sub(1, -2) }, { back, 7, "with", "" },
      { back, 7, "with", box .. "\0" }, { back, 7, "with", string.char(box:byte() ~ 1) .. box:sub(2) },
      { back, 7, "with", box, ("p"):rep(16) }, { back, 7, "with", ("x"):rep(20000) } } do
      local text, why, code = tried[1]:open(tried[2], tried[3], tried[4], tried[5])
      assert.is_nil(text)
      assert.truthy(why:find "^signature: ")
      assert.equal("signature", code)
    end
    assert.equal("hello", back:open(7, "with", box))
  end)

  it("may be sealed under a prefix of chance instead of a number of its own", function()
    local box = out:seal(0, "", "no", ("p"):rep(16))
    assert.equal("no", back:open(0, "", box, ("p"):rep(16)))
    assert.is_nil(back:open(0, "", box))
  end)

  it("costs the callee no memory: its pair comes back from the secret, and only for this caller and callee", function()
    assert.equal(callee:public(), secret:pair(caller:public(), ("k"):rep(32)):public())
    assert.are_not.equal(callee:public(), secret:pair(caller:public(), ("l"):rep(32)):public())
    assert.are_not.equal(callee:public(), secret:pair(("e"):rep(32), ("k"):rep(32)):public())
    assert.are_not.equal(callee:public(), seal.secret():pair(caller:public(), ("k"):rep(32)):public())
    assert.are_not.equal(seal.pair():public(), seal.pair():public())
  end)

  it("is not made with a key of small order, by which everybody would know the box's key", function()
    for _, small in ipairs { ("\0"):rep(32), "\1" .. ("\0"):rep(31),
      "\xec" .. ("\xff"):rep(30) .. "\x7f", "\xed" .. ("\xff"):rep(30) .. "\x7f" } do
      local keys, why, code = caller:keys("caller", small)
      assert.is_nil(keys)
      assert.truthy(why:find "^form: ")
      assert.equal("form", code)
    end
  end)

  it("cannot be made or opened with what is closed; twice is safe", function()
    for _, each in ipairs { caller, secret, out } do
      each:close()
      each:close()
    end
    assert.error_matches(function() caller:public() end, "closed")
    assert.error_matches(function() secret:pair(("e"):rep(32), ("k"):rep(32)) end, "closed")
    assert.error_matches(function() out:seal(1, "", "") end, "closed")
    assert.error_matches(function() out:open(1, "", "") end, "closed")
  end)

  it("throws at what only a bug gives", function()
    for _, wrong in ipairs { function() seal.pair "short" end, function() seal.secret "short" end,
      function() caller:keys("judge", callee:public()) end, function() caller:keys("caller", "short") end,
      function() out:seal(-1, "", "") end, function() out:seal(1, "", ("x"):rep(16385)) end,
      function() out:seal(1, "", "", "short") end, function() secret:pair("short", ("k"):rep(32)) end } do
      assert.is_false(pcall(wrong))
    end
  end)
end)
