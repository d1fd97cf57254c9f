-- part_spec.lua - frames cut into pieces and put together: lost, doubled, out of order, and hostile. No channel.
local part = require "routing.channels.part"
local random = require "core.random"
local shuffled = require "spec.shuffled"

local function text_of(random_source, size)
  local bytes = {}
  for i = 1, size do
    local n = random_source:integer(20)
    bytes[i] = n == 0 and "\n" or n < 4 and " " or n == 5 and "é" or string.char(33 + random_source:integer(94))
  end
  return "* - 8 statements\n" .. table.concat(bytes)
end

describe("a frame in pieces", function()
  local now, joiner
  before_each(function()
    now = 0
    joiner = part.joiner { now = function() return now end }
  end)

  it("stays as it is where it is one line that fits", function()
    assert.same({ "* - 8 ping x" }, part.split("* - 8 ping x", 12))
    assert.equal("* - 8 ping x", joiner:take("bea", "* - 8 ping x"))
  end)

  it("comes whole, whatever is doubled or out of order, by whomever else speaks between", function()
    local r = random.seeded(3)
    for _ = 1, 200 do
      local text, room, list = text_of(r, 1 + r:integer(1200)), 60 + r:integer(340), {}
      for _, piece in ipairs(assert(part.split(text, room))) do
        assert.is_true(#piece <= room and not piece:find "[\n\r]" and utf8.len(piece) ~= nil)
        list[#list + 1] = piece
        if r:integer(3) == 0 then list[#list + 1] = piece end
      end
      local got = {}
      for _, piece in ipairs(shuffled(r, list)) do
        joiner:take("eve", (piece:gsub("^(part %S+ %d+ %d+ ).", "%1x")))
        got[#got + 1] = joiner:take("bea", piece)
      end
      assert.equal(text, got[1])
    end
  end)

  it("that is not whole goes after a minute without a new piece", function()
    local pieces = part.split(("x"):rep(500), 200)
    assert.is_nil(joiner:take("bea", pieces[1]))
    now = 60000
    assert.is_nil(joiner:take("bea", pieces[2]))
    now = 120001
    joiner:take("bea", part.split(("y"):rep(500), 200)[1])
    assert.same({ 1, 1 }, { joiner.count, joiner.ended })
  end)

  it("costs a sender 64 KiB at most, and all of them 1 MiB", function()
    for sender = 1, 25 do
      for i = 1, 30 do joiner:take("s" .. sender, part.split(("%08d"):format(i):rep(1000), 4000)[1]) end
      assert.is_true(joiner.senders["s" .. sender] <= 65536)
    end
    assert.is_true(joiner.bytes <= 1 << 20 and joiner.bytes > 900000, joiner.bytes)
  end)

  it("is refused where it would need more than 64 pieces, or a piece has another form", function()
    assert.equal("long", select(3, part.split(("x"):rep(64 * 180), 200)))
    assert.equal("long", select(3, part.split("a\nb", 10)))
    for _, text in ipairs { "part x 1 2 y", "part AAAAAAAAAAA 3 2 y", "part AAAAAAAAAAA 1 65 y",
      "part AAAAAAAAAAA 0 2 y", "part AAAAAAAAAAA 1 2", "part " } do
      assert.equal("form", select(3, joiner:take("bea", text)), text)
    end
    assert.equal("form", select(3, joiner:take("bea", "part AAAAAAAAAAA 1 1 no such text")))
    assert.equal(0, joiner.count)
  end)
end)
