-- sorted.lua - the keys of a table in order, since no order may come from `pairs`. Sorts nothing else.
local sorted = {}

-- All keys of MAP, which are of one kind that `<` compares, as a new array.
function sorted.keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

return sorted
