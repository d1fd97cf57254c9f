-- byte_size.lua - bytes as people say them: "8.8 GB". No other words.
local byte_size = {}

local UNITS = { "kB", "MB", "GB", "TB", "PB" }

--- Bytes in powers of ten: "812 B", "41.3 MB".
function byte_size.of(bytes)
  if bytes < 1000 then return ("%d B"):format(bytes) end
  local value, unit = bytes / 1000, 1
  while value >= 999.95 and unit < #UNITS do
    value, unit = value / 1000, unit + 1
  end
  return ("%.1f %s"):format(value, UNITS[unit])
end

return byte_size
