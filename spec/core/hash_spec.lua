-- hash_spec.lua - SHA-256 and BLAKE2b-256 against published vectors, whole and in parts.
local hash = require "core.hash"
local random = require "core.random"
local text = require "spec.codecs"
local read = require "spec.vectors.read"

local function unhex(s) return s == "-" and "" or assert(text.unhex(s)) end

describe("hash", function()
  it("agrees with the published vectors", function()
    for _, line in ipairs(read "hash.txt") do
      local name, bytes, digest, key = line:match "^(%S+) (%S+) (%S+) ?(%S*)$"
      local got = key == "" and hash[name](unhex(bytes)) or hash[name](unhex(bytes), unhex(key))
      assert.equal(digest, text.hex(got), line)
    end
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      text.hex(hash.sha256(("a"):rep(1000000))))
  end)

  it("gives the same in parts as whole", function()
    local r = random.seeded(1)
    for _ = 1, 1000 do
      for _, name in ipairs { "sha256", "blake2b" } do
        local bytes, h, at = r:bytes(r:integer(600)), hash.new(name), 1
        while at <= #bytes do
          local n = 1 + r:integer(200)
          assert.equal(h, h:update(bytes:sub(at, at + n - 1)))
          at = at + n
        end
        assert.equal(hash[name](bytes), h:final())
      end
    end
  end)

  it("refuses what is finished, and closes twice", function()
    local h = hash.new "sha256"
    h:final()
    assert.has_error(function() h:update "a" end)
    assert.has_error(function() h:final() end)
    h:close()
    h:close()
    assert.has_error(function() hash.new "md5" end)
    assert.has_error(function() hash.blake2b("a", ("k"):rep(65)) end)
  end)
end)
