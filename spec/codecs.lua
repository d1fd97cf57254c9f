-- codecs.lua - core.text, and beside it the codecs of the core that no Lua of the program calls (core.spec).
local text = setmetatable({}, { __index = require "core.text" })
for name, codec in pairs(require "core.spec") do text[name] = codec end

-- Bytes of hex in lower case | nil, text, "form".
function text.unhex(spelled)
  if #spelled % 2 ~= 0 or spelled:find "[^0-9a-f]" then return nil, "form: not hex in its one spelling", "form" end
  return (spelled:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- Unsigned varint of multiformats, from position AT on → n, position after it | nil, text, "form".
function text.unvarint(bytes, at)
  local value, from = 0, at or 1
  assert(from >= 1 and from <= #bytes + 1, "outside of the bytes")
  for i = from, math.min(from + 8, #bytes) do
    local byte = bytes:byte(i)
    value = value | (byte & 127) << 7 * (i - from)
    if byte < 128 and (byte > 0 or i == from) then return value, i + 1 end
    if byte < 128 then break end
  end
  return nil, "form: not a minimal varint of at most 9 bytes", "form"
end

return text
