-- envelope_spec.lua - envelopes to and fro, and the frames around them.
local envelope = require "routing.envelope"
local random = require "core.random"

describe("an envelope", function()
  it("comes back as it went", function()
    for _, line in ipairs { "* - 8 statements", "* - 0 beacon a b", "/dswarm/X/brain /dswarm/Y/brain 3 ping n" } do
      local message = assert(envelope.parse(line))
      assert.equal(line, envelope.format(message))
    end
  end)

  it("is refused by word when it is of another form", function()
    for line, word in pairs { [""] = "form", ["* - 8"] = "form", ["* -  8 ping"] = "form", ["* - 9 ping"] = "hops",
      ["* - 8 Ping"] = "form", ["* - 8 ping "] = "form", ["* - 08 ping"] = "form", ["* \1 8 ping"] = "form",
      [" * - 8 ping"] = "form", ["* - 8 ping  x"] = "ok" } do
      local message, _, got = envelope.parse(line)
      assert.equal(word, message and "ok" or got, line)
    end
  end)

  it("carries statements behind it", function()
    local frame = envelope.format { kind = "statements", rest = "2", body = { "a", "b" } }
    assert.same({ "* - 8 statements 2", "a\nb" }, { envelope.split(frame) })
    assert.same({ "* - 8 statements" }, { envelope.split "* - 8 statements" })
    assert.same({ "* - 8 statements", "" }, { envelope.split "* - 8 statements\n" })
  end)

  it("never throws on ten thousand lines of noise", function()
    local r = random.seeded(5)
    for _ = 1, 10000 do
      local bytes = r:bytes(r:integer(60)):gsub("[\128-\255]", " ")
      local message, _, word = envelope.parse(bytes)
      assert.is_true(message ~= nil or word == "form" or word == "hops")
      envelope.split(bytes)
    end
  end)
end)
