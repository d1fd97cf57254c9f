-- facts.lua - facts that several answers of the control socket share: ages, people, own files. It changes nothing.
local plain = require "clients.control.plain"

local facts = {}

function facts.age(now, at)
  return now and at and math.max(now - at, 0) or nil
end

--- → a function from a peer ID to { id =, name = } of who has it.
function facts.people(node)
  local names = {}
  for _, other in ipairs(node.discovery:nodes()) do names[other.id] = other.name end
  return function(id) return { id = id, name = plain.value(names[id]) } end
end

function facts.own_file(file)
  return plain.fields(file, { "name", "size", "cid", "state", "reason", "rate", "progress", "since" })
end

function facts.share_problem(node)
  return node.logs.problem and plain.value(node.logs:problem())
end

return facts
