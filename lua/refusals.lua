-- refusals.lua - counts what was refused, by words of the one closed list. Judges nothing.
local core = require "core"

local refusals = {}

-- → refused(word [, n]), and the table of counts by word. A word off the list that is no errno is the caller's bug.
function refusals.new()
  local counts = {}
  local function refused(word, n)
    if not core.words[word] and not tostring(word):match "^E[A-Z0-9]+$" then
      error("not a refusal word: " .. tostring(word), 2)
    end
    counts[word] = (counts[word] or 0) + (n or 1)
  end
  return refused, counts
end

return refusals
