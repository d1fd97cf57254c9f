-- refusals.lua - counts what was refused, by words of the one closed list. Judges nothing.
local core = require "core"

local refusals = {}

--- Is CODE a word of the closed list, or the name of an errno? What another node says may be neither.
function refusals.is_code(code) return core.words[code] ~= nil or tostring(code):match "^E[A-Z0-9]+$" ~= nil end

-- → refused(code [, n]), and the table of counts by word. A word off the list that is no errno is the caller's bug.
function refusals.new()
  local counts = {}
  local function refused(code, n)
    if not refusals.is_code(code) then error("not a refusal word: " .. tostring(code), 2) end
    counts[code] = (counts[code] or 0) + (n or 1)
  end
  return refused, counts
end

return refusals
