-- copies.lua - whether the nodes that hold copies of files are here now. Asks nobody, changes nothing.
local to_json = require "clients.control.to_json"

local copies = {}

local OFF <const> = { left = true, lost = true }

--- → a function from a peer ID to { id, name, label, type, status and seen_ms (not given: unknown), by = "record" where
-- only others hear it, here = is it on, as far as NODE knows }, the same table for the same node each time. WHO(ID) →
-- { id, name, label, type }; NODES: discovery's.
function copies.holders(node, who, nodes)
  local rows, known = {}, {}
  for _, other in ipairs(nodes) do rows[other.id] = other end
  return function(id)
    if known[id] then return known[id] end
    local row, other = to_json.fields(who(id), { "id", "name", "label", "type" }), rows[id] or {}
    row.status, row.seen_ms = to_json.value(other.status), to_json.value(other.seen_ms)
    row.by = other.via and other.via.by -- "record": it is not heard here
    row.here = id == node.id or rows[id] ~= nil and not OFF[other.status]
    known[id] = row
    return row
  end
end

local function is_origin(file, id)
  for _, origin in ipairs(file.from) do
    if origin == id then return true end
  end
  return false
end

--- Are the copies of FILE (of shared_file) beside the one on the robot that it comes from all on nodes that are off?
-- HOLDER: of copies.holders. A file of which there is one copy only has no others.
function copies.others_off(file, holder)
  local on, one = 0, nil
  for _, id in ipairs(file.copies) do
    if holder(id).here then on, one = on + 1, id end
  end
  return #file.copies > 1 and (on == 0 or on == 1 and not file.gone and is_origin(file, one))
end

return copies
