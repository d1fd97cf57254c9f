-- causes.lua - which failing check stands under which: one cause is one fault. Judges nothing.
local causes = {}

--- ROWS: checks of the policy, each of which depends on one before it or on none. FAILING: set of IDs.
--- → by ID of each check that depends, however far, on one that fails: the row of the check furthest above it that does
function causes.of(rows, failing)
  local by_id, found = {}, {}
  for _, row in ipairs(rows) do by_id[row.id] = row end
  for _, row in ipairs(rows) do
    local above = by_id[row.depends]
    if above then found[row.id] = found[above.id] or failing[above.id] and above or nil end
  end
  return found
end

return causes
