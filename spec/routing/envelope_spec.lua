-- envelope_spec.lua - envelopes to and fro, and the frames around them.
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local random = require "core.random"

describe("an envelope", function()
  it("comes back as it went", function()
    for _, line in ipairs { "* - 8 statements", "* - 0 beacon a b", "/dswarm/X/brain /dswarm/Y/brain 3 ping n" } do
      local message = assert(envelope.parse(line))
      assert.equal(line, envelope.head(message))
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
    local text = frame.text { head = "* - 8 statements", kind = "statements", body = { "a", "b" } }
    assert.equal("* - 8 statements\na\nb", text)
    assert.equal(#text, frame.size { head = "* - 8 statements", body = { "a", "b" } })
    local message = frame.read(text)
    assert.same({ "statements", 2, "a\nb" }, { message.kind, #message.list, message.list:text() })
    assert.is_nil(frame.read "* - 8 statements".list)
    assert.equal(1, #frame.read "* - 8 statements\n".list)
    assert.same({ "form", "form", "hops" }, { frame.read "* - 8 ping\na".code, frame.read "* - 8\na".code,
      frame.read "* - 9 ping".code })
  end)

  it("has one hop less when it is passed on, and ends where it has none", function()
    local message = assert(envelope.parse "/dswarm/X/brain - 3 ping n")
    for hops = 2, 0, -1 do
      message = assert(envelope.onward(message))
      assert.equal(("/dswarm/X/brain - %d ping n"):format(hops), envelope.head(message))
    end
    assert.same({ nil, "hops: passed on too often", "hops" }, { envelope.onward(message) })
  end)

  it("never throws on ten thousand lines of noise", function()
    local r = random.seeded(5)
    for _ = 1, 10000 do
      local bytes = r:bytes(r:integer(60)):gsub("[\128-\255]", " ")
      local message, _, word = envelope.parse(bytes)
      assert.is_true(message ~= nil or word == "form" or word == "hops")
      assert.equal(word, frame.read(bytes:gsub("\n", " ")).code)
    end
  end)
end)
