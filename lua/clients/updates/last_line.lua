-- last_line.lua - the last line that a program wrote, as it may be printed. Reads no file.
local text = require "core.text"

local MOST <const> = 80 -- characters

--- The last line of BYTES that is not empty, made printable | nil
return function(bytes)
  local last
  for line in bytes:gmatch "[^\r\n]+" do
    if line:find "%S" then last = line end
  end
  return last and text.escape(last:match "^%s*(.-)%s*$", MOST)
end
