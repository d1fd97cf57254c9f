-- linked_list.lua - a list in order whose entries leave it from anywhere at once. Looks into no entry.
--
-- A list is a table with `first` and `last`. An entry is in one list at a time, which it names by its field `list`, and
-- has its neighbours `before` and `after`.
local linked_list = {}

--- ENTRY becomes the last of LIST.
function linked_list.push(list, entry)
  entry.list, entry.before, entry.after = list, list.last, nil
  if list.last then list.last.after = entry else list.first = entry end
  list.last = entry
end

--- ENTRY leaves its list.
function linked_list.unlink(entry)
  local list = entry.list
  if entry.before then entry.before.after = entry.after else list.first = entry.after end
  if entry.after then entry.after.before = entry.before else list.last = entry.before end
  entry.list, entry.before, entry.after = nil, nil, nil
end

return linked_list
