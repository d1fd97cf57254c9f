-- cid_spec.lua - CIDs: those that IPFS publishes, and nothing but the one kind in its one spelling.
local cid = require "core.cid"
local hash = require "core.hash"
local random = require "core.random"
local text = require "spec.codecs"
local read = require "spec.vectors.read"

describe("cid", function()
  it("agrees with the published vectors both ways", function()
    for _, line in ipairs(read "cid.txt") do
      local codec, digest, spelled = line:match "^(%S+) (%S+) ?(%S*)$"
      if codec == "no" then
        local got, message, word = cid.parse(digest)
        assert.is_nil(got, line)
        assert.truthy(message:find "^form: ")
        assert.equal("form", word)
      else
        assert.equal(spelled, cid.make(codec, text.unhex(digest)))
        assert.same({ codec, text.unhex(digest) }, { cid.parse(spelled) })
        assert.equal(spelled, text.cid_text(text.cid_bytes(spelled)))
      end
    end
  end)

  it("names what was hashed", function()
    assert.equal("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
      cid.make("raw", hash.sha256 "hello world"))
    assert.equal("bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354",
      cid.make("dag-pb", hash.sha256 "\x0A\x02\x08\x01"))
  end)

  it("has one spelling per meaning", function()
    local r, letters, taken = random.seeded(1), "abcdefghijklmnopqrstuvwxyz234567ABZ0189=-", 0
    for _ = 1, 10000 do
      local codec, digest = r:integer(2) == 0 and "raw" or "dag-pb", r:bytes(32)
      local spelled = cid.make(codec, digest)
      assert.same({ codec, digest }, { cid.parse(spelled) })
      local at, c = r:integer(#spelled) + 1, r:integer(#letters) + 1
      local changed = spelled:sub(1, at - 1) .. letters:sub(c, c) .. spelled:sub(at + 1)
      local bytes = text.cid_bytes(changed)
      if bytes then
        taken = taken + 1
        assert.equal(changed, text.cid_text(bytes))
      end
    end
    assert.truthy(taken > 1000 and taken < 9900)
  end)

  it("refuses other bytes, throws on a caller's fault", function()
    local bytes = text.cid_bytes "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
    assert.equal(36, #bytes)
    for at, c in pairs { [1] = "\0", [2] = "\x71", [3] = "\x11", [4] = "\x1F" } do
      assert.is_nil((text.cid_text(bytes:sub(1, at - 1) .. c .. bytes:sub(at + 1))))
    end
    assert.is_nil((text.cid_text(bytes .. "\0")))
    assert.is_nil((text.cid_text(bytes:sub(1, 35))))
    assert.has_error(function() cid.make("dag-cbor", ("a"):rep(32)) end)
    assert.has_error(function() cid.make("raw", ("a"):rep(31)) end)
  end)
end)
