-- checks.lua - reads beacons and checks signatures, each time anew. Decides nothing. The simulator puts another one in
-- its place that remembers by exact bytes what came of a check (sim/checks.lua).
local key = require "core.key"
local messages = require "comms.messages"

local checks = {}

--- REST of a beacon → facts, which nobody changes | nil, text, "form".
checks.beacon = messages.parse_beacon

--- Does the signature of FACTS (of a KIND "beacon" or "pong", read by messages.lua) fit? → true | nil, text, code.
function checks.signed(facts, kind, swarm) return key.verify(facts.id, kind, swarm, facts.signed, facts.signature) end

--- The same of a statement.
function checks.statement(st, swarm) return st:verify(swarm) end

--- The same of the places FROM … TO of LIST (core.batch): code(place) says afterwards what was wrong, if anything.
function checks.batch(list, from, to, swarm) list:verify(swarm, from, to) end

return checks
