-- span.lua - how long something lasted, as people say it. Knows no clock.
local span = {}

--- Milliseconds: "0 s", "34 s", "3 min", "5 h", "2 d".
function span.of(ms)
  local seconds = ms // 1000
  if seconds < 120 then return ("%d s"):format(seconds) end
  if seconds < 7200 then return ("%d min"):format(seconds // 60) end
  if seconds < 172800 then return ("%d h"):format(seconds // 3600) end
  return ("%d d"):format(seconds // 86400)
end

--- So many ms ago: "just now", "34 s ago".
function span.ago(ms) return ms < 1000 and "just now" or span.of(ms) .. " ago" end

return span
