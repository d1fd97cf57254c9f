-- counted.lua - how often a node of the simulator dials, and how often it wants something. Changes nothing it does.
--- → { dials = times, wants = lines `want` }: of NODE, from here on.
return function(node)
  local seen, dial, say = { dials = 0, wants = 0 }, node.comms.dial, node.comms.repair.say
  node.comms.dial = function(...)
    seen.dials = seen.dials + 1
    return dial(...)
  end
  node.comms.repair.say = function(link, message)
    if message.kind == "want" then seen.wants = seen.wants + 1 end
    return say(link, message)
  end
  return seen
end
