-- codecs.lua - core.text, and beside it the codecs of the core that no Lua of the program calls (core.spec).
local text = setmetatable({}, { __index = require "core.text" })
for name, codec in pairs(require "core.spec") do text[name] = codec end

-- Bytes of hex in lower case | nil, text, "form".
function text.unhex(spelled)
  if #spelled % 2 ~= 0 or spelled:find "[^0-9a-f]" then return nil, "form: not hex in its one spelling", "form" end
  return (spelled:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

return text
