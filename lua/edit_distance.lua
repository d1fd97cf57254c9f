-- edit_distance.lua - how far two short words are apart, for "did you mean". It chooses none.

--- Edits (a letter put in, left out, changed, or two swapped) between A and B. Takes time as their lengths multiplied.
return function(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    rows[i] = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      local swapped = i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
      rows[i][j] = swapped and math.min(best, rows[i - 2][j - 2] + 1) or best
    end
  end
  return rows[#a][#b]
end
