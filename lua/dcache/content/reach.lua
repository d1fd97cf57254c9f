-- reach.lua - which class of files may go to whom over a stream. Asks nobody, serves nothing.
--
-- Off the LAN class `lab` goes to those whom somebody vouches for: members of the lab, who is named as a holder, and
-- the keys that our own policy expects at the end of its lines. Who else is at the other end of a stream is no stranger
-- to the swarm, and has `swarm` and `public`.
local reach = {}

local NAMED <const> = "/dswarm%-line/dswarm/(%w+)$"

--- The IDs that stand at the end of LINES (routing.channels, as policy:get gives it), as a set.
function reach.named(lines)
  local ids = {}
  for _, line in ipairs(lines) do
    local id = type(line.address) == "string" and line.address:match(NAMED)
    if id then ids[id] = true end
  end
  return ids
end

--- given.id, is_member = in a lab: is he one of it?; holders = array of IDs; lines = routing.channels
--- → "lab" or "swarm", as core.gateway's add has them
function reach.of(given)
  if given.is_member or reach.named(given.lines)[given.id] then return "lab" end
  for _, id in ipairs(given.holders) do
    if id == given.id then return "lab" end
  end
  return "swarm"
end

return reach
