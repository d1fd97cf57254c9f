-- facts.lua - facts that several answers of the control socket share: ages, people, own files. It changes nothing.
local plain = require "clients.control.plain"

local facts = {}

function facts.age(now, at)
  return now and at and math.max(now - at, 0) or nil
end

--- → a function from a peer ID to { id =, name =, label = } of who has it: label is the name, name~key where several
-- have it, ~key where nobody knows one.
function facts.people(node)
  return function(id) return plain.value(node.discovery:who(id)) end
end

function facts.own_file(file)
  return plain.fields(file, { "name", "size", "cid", "state", "reason", "rate", "progress", "since" })
end

function facts.share_problem(node)
  return node.logs.problem and plain.value(node.logs:problem())
end

return facts
