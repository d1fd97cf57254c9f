-- shuffled.lua - the values of a list in another order, by a seed. Changes no list.
--- R (random.seeded) decides. → a new array
return function(r, list)
  local copy = table.move(list, 1, #list, 1, {})
  for i = #copy, 2, -1 do
    local j = r:integer(i) + 1
    copy[i], copy[j] = copy[j], copy[i]
  end
  return copy
end
