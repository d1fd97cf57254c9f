-- part.lua - pieces of frames in any order, from several senders: as the second reader has it. The fuzzer's property.
local part = require "routing.channels.part"
local second = require "spec.second.part"

local MOST <const> = 65536 -- what is held of one sender; no input here has so many bytes that another's would go

-- Each line: a byte that says who speaks and whether a minute passes before it, then what he says.
local function lines_of(bytes)
  local list, now = {}, 0
  for line in bytes:gmatch "[^\n]+" do
    local first = line:byte()
    if first >= 128 then now = now + 60001 end
    list[#list + 1] = { at = now, sender = ("%d"):format(first % 4), line = line:sub(2) }
  end
  return list
end

local function joined(list)
  local now = 0
  local joiner = part.joiner { now = function() return now end }
  local expected = second.join(list)
  for i, each in ipairs(list) do
    now = each.at
    local got, text, code = joiner:take(each.sender, each.line)
    assert(got == (expected[i] or nil), "as the second reader has it")
    assert(not code or code == "form" and text:sub(1, 5) == "form:" and expected[i] == false, "refused with a word")
    local held = joiner:bounds()[1].count
    assert(held >= 0 and held <= 4 * MOST and (joiner.count == 0) == (held == 0), "what is held is counted")
  end
  now = now + 60001
  assert(joiner:bounds()[1].count == 0 and joiner.count == 0 and not next(joiner.senders), "all is forgotten")
end

-- Any text, cut and put together, the last piece first.
local function there_and_back(bytes, room)
  local pieces, text, code = part.split(bytes, room)
  if not pieces then return assert(is_word(code) and text:sub(1, #code) == code) end
  assert(#pieces <= 64)
  local joiner, whole = part.joiner { now = function() return 0 end }, nil
  for i = #pieces, 1, -1 do
    assert(#pieces[i] <= room and not pieces[i]:find "[\n\r%z]", "a line of at most so many bytes")
    assert(not whole)
    whole = joiner:take("a", pieces[i])
  end
  assert(whole == bytes and joiner.count == 0, "there and back")
end

return function(bytes)
  joined(lines_of(bytes))
  there_and_back(bytes, 24 + #bytes % 380)
end
