-- nearest.lua - which of some names a mistyped word may have meant, for "did you mean". It takes none by itself.
local edit_distance = require "edit_distance"

local nearest = {}

local LONGEST <const> = 40 -- bytes of a word that are compared

--- The name of NAMES (an array) that is fewest edits from WORD: two at most, and one for each three of its letters;
-- else one that has the word in it | nil where there is none.
function nearest.of(names, word)
  word = word:sub(1, LONGEST)
  local best, least, longer = nil, 3, nil
  for _, name in ipairs(names) do
    if math.abs(#name - #word) < least then
      local edits = edit_distance(word, name)
      if edits < least and edits <= #word // 3 then best, least = name, edits end
    end
    if #word > 2 and not longer and name:find(word, 1, true) then longer = name end
  end
  return best or longer
end

return nearest
