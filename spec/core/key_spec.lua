-- key_spec.lua - keys, peer IDs and signatures against published and hostile vectors.
local key = require "core.key"

local read = require "spec.vectors.read"

local function lines(name)
  local rows = {}
  for _, line in ipairs(read(name)) do
    local row = {}
    for word in line:gmatch "%S+" do row[#row + 1] = word end
    rows[#rows + 1] = row
  end
  return rows
end

local function unhex(text)
  return (text:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

describe("core.key", function()
  it("reads libp2p key files and gives the IDs that IPFS gives", function()
    local rows = lines "keys.txt"
    assert.is_true(#rows >= 2)
    for _, row in ipairs(rows) do
      local bytes = unhex(row[1])
      local k = assert(key.load(bytes))
      assert.are.equal(row[2], k:id())
      assert.are.equal(bytes, k:export())
      assert.are.equal(k:public(), key.public(row[2]))
      assert.are.equal(row[2], key.id(k:public()))
      assert.are.equal(row[2], key.generate(bytes:sub(5, 36)):id())
      k:close()
      k:close()
      assert.has_error(function() k:id() end)
    end
  end)

  it("refuses key files that are not exactly one", function()
    local whole = key.generate(("s"):rep(32)):export()
    local bad = { "", whole:sub(1, -2), whole .. "\0", "\8\2" .. whole:sub(3),
      whole:sub(1, -2) .. string.char(whole:byte(-1) ~ 1), whole:sub(1, 4) .. "\0" .. whole:sub(6) }
    for _, bytes in ipairs(bad) do
      local k, _, word = key.load(bytes)
      assert.is_nil(k)
      assert.are.equal("form", word)
    end
  end)

  it("reads one spelling of a peer ID", function()
    for seed = 0, 255 do
      local k = key.generate(string.char(seed):rep(32))
      local id = k:id()
      assert.are.equal(52, #id)
      assert.are.equal(k:public(), key.public(id))
      for _, bad in ipairs { id .. "1", "1" .. id, id:sub(2), id:sub(1, -2), id:sub(1, -2) .. "0",
        id:sub(1, -2) .. "l", id:sub(1, -2) .. "\255", id:upper(), "2" .. id:sub(2), ("z"):rep(52), "" } do
        assert.is_nil(key.public(bad))
      end
      k:close()
    end
  end)

  it("refuses signatures with points of small order, S >= L and odd encodings", function()
    local rows = lines "signatures.txt"
    assert.is_true(#rows >= 40)
    for _, row in ipairs(rows) do
      local ok, _, word = key.verify(row[2], row[3], row[4], row[5], row[6])
      assert.are.equal(row[7], ok and "ok" or word, row[1])
    end
  end)

  it("answers the same when a key is met again", function()
    for _ = 1, 3 do
      for _, row in ipairs(lines "signatures.txt") do
        local ok, _, word = key.verify(row[2], row[3], row[4], row[5], row[6])
        assert.are.equal(row[7], ok and "ok" or word, row[1])
      end
    end
  end)

  it("tests itself with the vectors of the file", function()
    assert.is_true(key.self_test())
    local file = assert(io.open("core/crypto/torsion.h")):read "a"
    local texts = {}
    for _, row in ipairs(lines "signatures.txt") do
      texts[row[1]] = { text = row[5], public = key.public(row[2]), answer = row[7] }
    end
    local found = 0
    for name, text, public, answer in
      file:gmatch '{"(%S-)", "(%S-)",%s+"(%x-)",%s+"%x-"%s+"%x-", "(%a-)"}' do
      local row = assert(texts[name], name)
      assert.are.same({ row.text, row.public, row.answer }, { text, unhex(public), answer })
      found = found + 1
    end
    assert.are.equal(10, found)
  end)

  it("signs for one kind, one swarm, one text, one signer", function()
    local k, other = key.generate(("a"):rep(32)), key.generate()
    local signature = k:sign("statement", "lab", "text")
    assert.are.equal(86, #signature)
    assert.is_true(key.verify(k:id(), "statement", "lab", "text", signature))
    local function word(...) return (select(3, key.verify(...))) end
    assert.are.equal("signature", word(other:id(), "statement", "lab", "text", signature))
    assert.are.equal("signature", word(k:id(), "beacon", "lab", "text", signature))
    assert.are.equal("signature", word(k:id(), "statement", "lab2", "text", signature))
    assert.are.equal("signature", word(k:id(), "statement", "lab", "text ", signature))
    assert.are.equal("form", word(k:id(), "statement", "lab\ntext", "", signature))
    assert.are.equal("form", word(k:id(), "state ment", "lab", "text", signature))
    assert.are.equal("form", word(k:id(), "statement", "lab", "text", signature .. "A"))
    assert.are.equal("form", word("x", "statement", "lab", "text", signature))
    assert.are.equal("form", word(k:id(), "statement", "lab", ("x"):rep(8193), signature))
    assert.has_error(function() k:sign("statement", "a b", "text") end)
    for at = 1, 85, 3 do
      local c = signature:sub(at, at)
      local changed = signature:sub(1, at - 1) .. (c == "A" and "B" or "A") .. signature:sub(at + 1)
      assert.are.equal("signature", word(k:id(), "statement", "lab", "text", changed))
    end
  end)

  it("makes a new key each time without a seed", function()
    assert.are_not.equal(key.generate():id(), key.generate():id())
  end)
end)
