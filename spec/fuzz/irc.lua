-- irc.lua - an IRC server that sends any bytes: what we answer is IRC, and bounded. The fuzzer's property.
local irc_lines = require "routing.channels.irc_lines"
local irc_protocol = require "routing.channels.irc_protocol"
local random = require "core.random"

local STATES <const> = { registering = true, welcomed = true, entering = true, joined = true, over = true }

local function check_said(line)
  assert(#line <= 5000 and not line:find "[%z\r\n]", "one line")
  assert(line:find "^%u+ " or line:find "^%u+$", "begins with a command")
end

-- A visit that gets BYTES, so many at a time → all that came of it, as one text
local function visit(bytes, piece)
  local told, ended = {}, 0
  local function note(...) told[#told + 1] = table.concat({ ... }, "\1") end
  local one = irc_protocol.new { id = "12D3KooWada", room = "#lab", password = "x", random = random.seeded(1), now = 0,
    say = function(line)
      check_said(line)
      assert(ended == 0, "nothing is said after the end")
      note("say", line)
    end,
    on = {
      joined = function() note "joined" end,
      met = function(nick) note("met", nick) end,
      heard = function(nick, text, to_all)
        assert(#nick > 0 and #nick <= 64 and not nick:find "[%s%c:,]", "a nick")
        assert(not text:find "[%z\n]" and #text < irc_lines.LINE_MAX, "a text")
        note("heard", nick, text, tostring(to_all))
      end,
      ended = function(fault)
        ended = ended + 1
        assert(ended == 1 and is_word(fault.code) and fault.text:sub(1, #fault.code) == fault.code, "one end")
        assert(#fault.text < 400 and not fault.text:find "%c", "said for people")
        note("ended", fault.text)
      end } }
  for at = 1, #bytes, piece do
    one:take(bytes:sub(at, at + piece - 1), at)
    assert(#one.reader.rest - one.reader.at < irc_lines.LINE_MAX + piece, "what waits is bounded")
  end
  assert(STATES[one.state] and one.members >= 0 and one.listed >= 0)
  local usable = one:usable()
  assert(usable >= 0 and usable <= 390, "room for text")
  assert((ended == 1) == (one.state == "over"))
  if one.state == "joined" then
    assert(not one:is_own "" and one:is_own(one.nick), "we have a nick")
    one:speak(("x"):rep(usable))
    local said = told[#told]:sub(5)
    assert(usable == 0 or #said + #one.nick + #one.user + 63 + 5 <= one.line_len, "handed on whole")
  end
  one:tick(1 << 30)
  return table.concat(told, "\n")
end

return function(bytes)
  local whole = visit(bytes, 4096)
  if #bytes <= 1024 then assert(whole == visit(bytes, 3), "pieces change what comes of it") end
end
