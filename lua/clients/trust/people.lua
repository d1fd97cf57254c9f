-- people.lua - what keys of a lab are called: as they were heard, else as whoever let them in signed it. Hears nobody.
local to_json = require "clients.control.to_json"

local people = {}

--- For one answer of NODE, by VERDICT (nil: no lab). → fn(id) → { id, name or nil, label, role or nil }
function people.of(node, verdict)
  return function(id)
    local one = to_json.value(node.who(id))
    local known = verdict and verdict.keys[id]
    if not one.name and known and known.name and known.name ~= "" then
      one.name = to_json.text(known.name)
      one.label = one.name
    end
    one.role = verdict and node.dcache.trust:role(id) or nil
    return one
  end
end

return people
