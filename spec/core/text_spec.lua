-- text_spec.lua - text codecs: published vectors, and one spelling per meaning under seeded mutation.
local text = require "spec.codecs"
local random = require "core.random"
local read = require "spec.vectors.read"

local function unhex(s) return s == "-" and "" or assert(text.unhex(s)) end
local function nothing(s) return s == "-" and "" or s end

-- One change of a string: a character replaced, put in, taken out, doubled, or its case turned.
local function mutate(r, s, alphabet)
  local at, kind = r:integer(#s + 1) + 1, r:integer(5)
  local c = alphabet:sub(r:integer(#alphabet) + 1):sub(1, 1)
  local before, here, after = s:sub(1, at - 1), s:sub(at, at), s:sub(at + 1)
  if kind == 0 then return before .. c .. after end
  if kind == 1 then return before .. c .. here .. after end
  if kind == 2 then return before .. after end
  if kind == 3 then return before .. here .. here .. after end
  return before .. (here:upper() == here and here:lower() or here:upper()) .. after
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \n\0\255"

describe("text codecs", function()
  it("agree with the published vectors both ways", function()
    for _, line in ipairs(read "text.txt") do
      local codec, bytes, spelled = line:match "^(%S+) (%S+) (%S+)$"
      assert.equal(nothing(spelled), text[codec](unhex(bytes)), line)
      assert.equal(unhex(bytes), text["un" .. codec](nothing(spelled)), line)
    end
  end)

  for seed, codec in ipairs { "base58", "base32", "base64url", "base64", "hex" } do
    it("have one spelling per meaning: " .. codec, function()
      local r, encode, decode = random.seeded(seed), text[codec], text["un" .. codec]
      local refused = 0
      for _ = 1, 10000 do
        local bytes = r:bytes(r:integer(48))
        if r:integer(4) == 0 then bytes = ("\0"):rep(r:integer(4)) .. bytes end
        local spelled = encode(bytes)
        assert.equal(bytes, decode(spelled))
        local changed = mutate(r, spelled, alphabet)
        local value, message, word = decode(changed)
        if value then
          assert.equal(changed, encode(value))
        else
          refused = refused + 1
          assert.equal("form", word)
          assert.truthy(message:find("^form: "))
        end
      end
      assert.truthy(refused > 500)
    end)
  end

  it("refuse trailing bits, lone characters, wrong case and padding", function()
    for _, case in ipairs {
      { "base32", "mz", "m", "MY", "my======", "mzxw6y" }, { "base64url", "Zh", "Z", "Zg==", "Zg+/", "Zm9\xE9" },
      { "base64", "Zg", "Zm\xFFv", "Zg=", "Zh==", "====", "Z===", "Zm9v====" }, { "hex", "6", "6G", "6F" },
      { "base58", "0", "O", "I", "l", ("z"):rep(400) },
    } do
      for i = 2, #case do
        assert.is_nil((text["un" .. case[1]](case[i])), case[1] .. " " .. case[i])
      end
    end
  end)

  it("bound the work of base58", function()
    assert.equal(256, #text.unbase58(text.base58(("\255"):rep(256))))
    assert.equal(256, #text.unbase58(("1"):rep(256)))
    assert.is_nil((text.unbase58(("1"):rep(257))))
    assert.is_nil((text.unbase58(("z"):rep(1000000))))
    assert.has_error(function() text.base58(("a"):rep(257)) end)
  end)
end)

describe("varint", function()
  it("agrees with the published vectors and refuses the others", function()
    for _, line in ipairs(read "varint.txt") do
      local number, bytes = line:match "^(%S+) (%S+)$"
      if number == "no" then
        assert.is_nil((text.unvarint(unhex(bytes))), line)
      else
        assert.equal(unhex(bytes), text.varint(math.tointeger(number)), line)
        assert.same({ math.tointeger(number), #unhex(bytes) + 1 }, { text.unvarint(unhex(bytes)) })
      end
    end
  end)

  it("has one spelling", function()
    local r = random.seeded(6)
    for _ = 1, 10000 do
      local n = r:integer(math.maxinteger) >> r:integer(63)
      local before, spelled = r:bytes(r:integer(4)), text.varint(n)
      local value, after = text.unvarint(before .. spelled .. "x", #before + 1)
      assert.equal(n, value)
      assert.equal(#before + #spelled + 1, after)
      local noise = r:bytes(1 + r:integer(10))
      value, after = text.unvarint(noise)
      if value then assert.equal(noise:sub(1, after - 1), text.varint(value)) end
    end
  end)

  it("throws on a caller's fault", function()
    assert.has_error(function() text.varint(-1) end)
    assert.has_error(function() text.unvarint("a", 3) end)
    assert.has_error(function() text.unvarint("a", 0) end)
  end)
end)

describe("clean UTF-8", function()
  -- By the table of well-formed byte sequences of Unicode, independent of the C code.
  local function is_clean(code)
    for _, span in ipairs {
      { 0, 0x1F }, { 0x7F, 0x9F }, { 0xD800, 0xDFFF },
      { 0x61C, 0x61C }, { 0x200E, 0x200F }, { 0x2028, 0x202E }, { 0x2066, 0x2069 },
    } do
      if code >= span[1] and code <= span[2] then return false end
    end
    return code <= 0x10FFFF
  end

  it("is decided alike for each code point", function()
    local function compare(first, last, step)
      for code = first, last, step do
        if (text.utf8(utf8.char(code)) == true) ~= is_clean(code) then error(("U+%04X"):format(code)) end
      end
    end
    compare(0, 0x2FFF, 1)
    compare(0x3000, 0x10FFFF, 61)
    compare(0xD7F0, 0xE010, 1)
    compare(0x10FFF0, 0x11000F, 1)
  end)

  it("agrees with Lua's own reading on noise", function()
    local r, seen = random.seeded(7), { [true] = 0, [false] = 0 }
    local pool = { "a", "ä", "€", "🦆", "\xC3", "\x80", "\xE2\x82", "\xED\xA0\x80", "\xF5", "\27",
      "\xC0\x80", "\xE0\x80\x80", "\xF4\x90\x80\x80" }
    for _ = 1, 20000 do
      local parts = {}
      for i = 1, r:integer(6) do parts[i] = pool[r:integer(r:integer(2) == 0 and 4 or #pool) + 1] end
      local s = table.concat(parts)
      local expected = utf8.len(s) ~= nil
      if expected then
        for _, code in utf8.codes(s) do expected = expected and is_clean(code) end
      end
      seen[expected] = seen[expected] + 1
      assert.equal(expected, text.utf8(s) == true, text.hex(s))
    end
    assert.truthy(seen[true] > 1000 and seen[false] > 1000)
  end)
end)

describe("escape", function()
  it("leaves clean text alone and shows the rest as bytes", function()
    assert.equal("käse 🦆 \\ ok", text.escape "käse 🦆 \\ ok")
    assert.equal("a\\x1b[31mb\\x0a", text.escape "a\27[31mb\n")
    assert.equal("\\xff\\xe2\\x80\\xaex\\x00", text.escape "\xFF\u{202E}x\0")
  end)

  it("cuts at a number of characters, never within one", function()
    assert.equal("abc", text.escape("abc", 3))
    assert.equal("ab…", text.escape("abcd", 3))
    assert.equal("…", text.escape("abcd", 1))
    assert.equal("ää…", text.escape("ääää", 3))
    assert.equal("a…", text.escape("a\nb", 3))
    assert.equal("", text.escape("", 1))
    assert.has_error(function() text.escape("a", 0) end)
  end)

  it("always gives clean text within the limit", function()
    local r = random.seeded(8)
    for _ = 1, 10000 do
      local s, max = r:bytes(r:integer(40)), 1 + r:integer(40)
      local shown = text.escape(s, max)
      assert.is_true(text.utf8(shown))
      assert.truthy(utf8.len(shown) <= max)
      assert.is_true(text.utf8(text.escape(s)))
    end
  end)
end)
