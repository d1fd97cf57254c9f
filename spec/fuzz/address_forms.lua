-- address_forms.lua - core.address on any bytes: its functions agree with each other. Part of the fuzzer `address`.
local address = require "core.address"

local function refused(message, word)
  assert(is_word(word), word)
  assert(message:sub(1, #word + 2) == word .. ": ", message)
end

local function whole(text)
  local parts, built = address.parts(text), {}
  for i, part in ipairs(parts) do built[i] = "/" .. table.concat(part, "/") end
  assert(table.concat(built) == text, "parts")
  for n = 1, #parts do
    local head, rest = address.head(text, n)
    assert(head .. rest == text and head == table.concat(built, "", 1, n), "head")
    local again = address.check(head) and (rest == "" or address.check(rest)) and address.join(head, rest)
    assert(not again or again == text, "join")
  end
end

return function(bytes)
  local text, message, word = address.check(bytes)
  if text then
    assert(text == bytes and #text <= 512, "check")
    assert(address.text(address.bytes(text)) == text, "there and back")
    whole(text)
  else
    refused(message, word)
  end
  text, message, word = address.text(bytes)
  if not text then return refused(message, word) end
  assert(address.bytes(text) == bytes, "back and there")
end
