-- comms.lua - whom this node speaks with and what it says first. Defaults of the top and the `comms` section.
local p = ...

p.swarm = "duckietown"
p.tags = {}
p.site = false
p.clock = "auto"

p.comms.beacon = { 2 * second, 60 * second }
p.comms.checkpoint = 5 * minute
p.comms.links = 6

function p.comms.rebroadcast(record, from, to)
  if from and from.address == to.address then return false, "it came from there" end
  if record.verb == "dismiss" then return 9, "dismissals first" end
  if matches(record.bucket, "trust/*") then return 9, "trust first" end
  if record.bucket == "peer" or matches(record.bucket, "pri/*/addresses") then
    if record.renewed then return 1, "it says what was said before" end
    if record.mine then return 7, "my own" end
    return record.renewed == false and 6 or 5, "who is here"
  end
  if matches(record.bucket, "pri/*/store") then return 1, "what a store does goes last" end
  if record.mine then return 7, "my own" end
  if from and from.kind == "ipfs" then return false, "whoever lacks it reads the checkpoint, too" end
  return 5
end
