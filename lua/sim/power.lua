-- power.lua - a machine of the simulator whose power goes: its loop calls nothing more, its connections are silent, its
-- disk is what a power cut leaves. Decides nothing.
local channel = require "routing.channels.channel"

local power = {}

local NEVER <const> = { cancel = function() end, close = function() end, set = function() end }

--- LOOP (of the simulator) for one life of a machine, whose clock is AHEAD ms (nil: 0) of the true time. Its field
--- `dead` tells that it is over; die() ends it, and lets go all that waits.
function power.loop(loop, ahead)
  local own = { ahead = ahead or 0 }
  local function alive(fn)
    return function() if not own.dead then fn() end end
  end
  function own.now() return loop.time end -- asked most of all
  function own.micro() return loop:micro() end
  function own.wall() return loop:wall() + own.ahead end
  local function mine(timer)
    timer.own = own
    return timer
  end
  function own.after(_, ms, fn) return own.dead and NEVER or mine(loop:after(ms, alive(fn))) end
  function own.every(_, ms, fn)
    if own.dead then return NEVER end
    return mine(loop:every(ms, alive(fn)))
  end
  function own.post(_, fn) loop:post(alive(fn)) end
  own.spawn = loop.spawn
  function own.die()
    own.dead = true
    loop:forget(own)
  end
  return own
end

--- The power of NODE goes, which WORLD (sim's) added with such a loop and DISK. SEED: chance, for what is left of the
--- last writes. → its disk
function power.off(world, node, disk, seed)
  local image = disk:crash(seed)
  node.loop.die()
  for _, one in ipairs(table.move(node.routing.list, 1, #node.routing.list, 1, {})) do
    one.closed, one.owner = true, channel.nobody -- who is at the other end finds out by silence
    if one.looks then one.looks:cancel() end
    for i, other in ipairs(one.medium_of and one.medium_of.channels or {}) do
      if other == one then table.remove(one.medium_of.channels, i) end
    end
  end
  for i, other in ipairs(world.nodes) do
    if other == node then table.remove(world.nodes, i) end
  end
  return image
end

return power
