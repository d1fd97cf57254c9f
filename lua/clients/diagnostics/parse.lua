-- parse.lua - which parser tells which metric. Understands no text itself.
local board = require "clients.diagnostics.parse_board"
local system = require "clients.diagnostics.parse_system"

local parse = {}

--- FOUND: a reading (reading.lua). ROW: of metrics.list.
--- → value, quality | nil, quality, why
function parse.value(found, row)
  if row.missing then return nil, "unsupported", row.missing end
  return found:ask(board[row.name] or system[row.name])
end

return parse
