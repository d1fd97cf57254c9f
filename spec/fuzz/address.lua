-- address.lua - core.address on any bytes: what it takes, it gives back equal, and its parts make it up. The fuzzer's
-- property.
local address = require "core.address"

return function(bytes)
  local text, message, word = address.check(bytes)
  if not text then
    assert(is_word(word), word)
    assert(message:sub(1, #word + 2) == word .. ": ", message)
    return
  end
  assert(text == bytes and #text <= 512, "check")
  local parts, built = address.parts(text), {}
  assert(#parts >= 1 and #parts <= 32, "how many")
  for i, part in ipairs(parts) do built[i] = "/" .. table.concat(part, "/") end
  assert(table.concat(built) == text, "parts")
end
