-- part_spec.lua - frames cut into pieces and put together: lost, doubled, out of order, and hostile. No channel.
local abnf = require "spec.second.abnf"
local part = require "routing.channels.part"
local random = require "core.random"
local second = require "spec.second.part"
local shuffled = require "spec.shuffled"

local BOUND, OF_SENDER, MINUTE = 1024 * 1024, 64 * 1024, 60 * 1000

local function text_of(r, size)
  local bytes = { "* - 8 statements\n" }
  for _ = 1, size do
    local n = r:integer(20)
    bytes[#bytes + 1] = n == 0 and "\n" or n < 4 and " " or n == 5 and "é" or string.char(33 + r:integer(94))
  end
  return table.concat(bytes) .. "."
end

local function shown(text) return (text:gsub("\\n", "\n"):gsub("\\t", "\t"):gsub("\\x(%x%x)", function(h)
  return string.char(tonumber(h, 16))
end)) end

describe("a frame in pieces", function()
  local now, joiner
  before_each(function()
    now = 0
    joiner = part.joiner { now = function() return now end }
  end)

  local function held() return joiner:bounds()[1].count end

  it("stays as it is where it is one line that fits", function()
    assert.same({ "* - 8 ping x" }, part.split("* - 8 ping x", 12))
    assert.equal("* - 8 ping x", joiner:take("bea", "* - 8 ping x"))
    assert.equal(2, #part.split("* - 8 ping " .. ("x"):rep(50), 60))
    assert.equal(1, #part.split("* - 8 statements\none", 400))
    assert.is_truthy(part.split("part x", 400)[1]:find "^part %S+ 1 1 part x$")
  end)

  it("is not cut where it needs more pieces than may be, or has no text of ours", function()
    local head = #"part AAAAAAAAAAA 64 64 "
    local most = ("x"):rep(64 * (400 - head))
    assert.equal(64, #part.split(most, 400))
    for text, code in pairs { [most .. "x"] = "long", [""] = "form", ["a\tb"] = "form", ["a\rb"] = "form" } do
      local pieces, why, word = part.split(text, 400)
      assert.same({ nil, code, code }, { pieces, why:match "^%l+", word })
    end
    assert.equal("long", select(3, part.split("* - 8 ping " .. ("x"):rep(40), head)))
  end)

  it("comes whole, whatever is lost, doubled, out of order or said by others, as by the second reader", function()
    local r = random.seeded(3)
    local whole, lost = 0, 0
    for round = 1, 300 do
      local text, room = text_of(r, 1 + r:integer(1200)), 60 + r:integer(340)
      local lines, missing = {}, false
      for _, piece in ipairs(assert(part.split(text, room))) do
        assert.is_true(#piece <= room and not piece:find "[\n\r]" and utf8.len(piece) ~= nil, piece)
        assert.is_true(piece:sub(-1) ~= " ", "a server may take spaces at the end away")
        local times = r:integer(24) == 0 and 0 or 1 + r:integer(3) // 2
        missing = missing or times == 0
        for _ = 1, times do lines[#lines + 1] = { at = now, sender = "bea", line = piece } end
        lines[#lines + 1] = { at = now, sender = "eve", line = (piece:gsub(".$", "#")) }
      end
      lines = shuffled(r, lines)
      local expected, came = second.join(lines), false
      for i, each in ipairs(lines) do
        local got, _, code = joiner:take(each.sender, each.line)
        assert.equal(expected[i] or nil, got, round)
        assert.equal(expected[i] == false, code == "form", round)
        came = came or each.sender == "bea" and got == text
      end
      assert.equal(not missing, came, round)
      whole, lost = whole + (came and 1 or 0), lost + (missing and 1 or 0)
      now = now + MINUTE + 1
    end
    assert.is_true(whole > 100 and lost > 30, whole .. " whole, " .. lost .. " with a piece lost")
  end)

  it("follows the vectors, and the grammar of the page", function()
    local file <close> = io.open "spec/PROTOCOL.md"
    local rules = abnf.parse(file:read "a":match "\n## Pieces of frames\n.-```abnf\n(.-)\n```")
    rules.base64url = abnf.parse 'base64url = ALPHA / DIGIT / "-" / "_"'.base64url
    local function look(name) return rules[name] or abnf.core[name] end
    local lines, results = {}, {}
    for _, vector in ipairs(require "spec.vectors.read" "part.txt") do
      local at, sender, line, result = vector:match "^(%d+) (%S+) (.-) | (.*)$"
      lines[#lines + 1] = { at = tonumber(at), sender = sender, line = shown(line) }
      results[#lines] = result
      if line:find "^part " then
        assert.equal(not result:find "grammar$", abnf.fits(look, "piece", shown(line)), line)
      end
    end
    local again = second.join(lines)
    for i, each in ipairs(lines) do
      now = each.at
      local got, _, code = joiner:take(each.sender, each.line)
      local expected = results[i]
      assert.equal(expected == "waits" and "waits" or expected:match "^form" or shown(expected), got or code or "waits",
        each.line)
      assert.equal(expected:find "^form" and "form" or got or "waits", again[i] or again[i] == false and "form"
        or "waits", each.line)
    end
  end)

  it("is given up a minute after its last new piece, and not before", function()
    local pieces = part.split(text_of(random.seeded(1), 900), 390)
    for i = 1, #pieces - 1 do
      assert.is_nil(joiner:take("bea", pieces[i]))
      now = now + MINUTE
    end
    assert.is_string(joiner:take("bea", pieces[#pieces]))
    joiner:take("bea", pieces[1])
    now = now + MINUTE // 2
    joiner:take("bea", pieces[1]) -- not a new one
    now = now + MINUTE // 2 + 1
    assert.equal(0, held())
    assert.equal(1, joiner.ended)
  end)

  it("takes no more than 64 KiB of one sender: his own older frames go, nobody else's", function()
    joiner:take("ann", "part AAAAAAAAAAA 1 2 of ann")
    local before = held()
    for i = 1, 2000 do
      joiner:take("eve", ("part %011d 1 2 %s"):format(i, ("x"):rep(1 + i % 390)))
      assert.is_true(held() <= OF_SENDER + before, i)
    end
    assert.is_true(held() > OF_SENDER // 2, "or this shows nothing")
    assert.is_true(joiner.dropped > 1000)
    local code
    for i = 1, 64 do
      code = select(3, joiner:take("eve", ("part AAAAAAAAAAB %d 64 %s"):format(i, ("x"):rep(4000))))
      if code then break end
    end
    assert.equal("full", code)
    assert.equal(before, held())
  end)

  it("takes no more than 1 MiB in all: who holds the most loses his oldest, so few lines pass a flood", function()
    local frame_text = text_of(random.seeded(2), 900)
    local pieces = part.split(frame_text, 390)
    joiner:take("bea", pieces[1])
    for i = 1, 4000 do
      joiner:take("eve" .. i % 40, ("part %011d 1 2 %s"):format(i, ("x"):rep(390)))
      assert.is_true(held() <= BOUND, i)
    end
    assert.is_true(held() > BOUND // 2 and joiner.dropped > 1000)
    local got
    for i = 2, #pieces do got = joiner:take("bea", pieces[i]) end
    assert.equal(frame_text, got)
    now = now + MINUTE + 1
    assert.equal(0, held())
    assert.equal(0, joiner.count)
  end)
end)
