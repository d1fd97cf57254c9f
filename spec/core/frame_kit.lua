-- frame_kit.lua - signed statements by one key, and batches of them, for the specs of frames. Asserts nothing.
local batch, key, statement = require "core.batch", require "core.key", require "core.statement"

local kit = { owner = key.generate(("b"):rep(32)), AT = 1700000000000 }

-- Number N of one signer's statements; MORE: fields that are otherwise.
function kit.word(n, more)
  local fields = { verb = "propose", bucket = "share/files", key = "k" .. n, at = kit.AT + n, valid_from = 1699999984,
    valid_until = 1700000000, data = "{}" }
  for name, value in pairs(more or {}) do fields[name] = value end
  return statement.sign(kit.owner, "duckietown", fields)
end

-- Statements or lines as one frame has them.
function kit.batch(...)
  local lines = {}
  for i, st in ipairs { ... } do lines[i] = type(st) == "string" and st or st.line end
  return batch.new(table.concat(lines, "\n"))
end

return kit
