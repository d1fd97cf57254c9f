-- own_state.lua - how this node is, in a word: what is known about it decides. Says nothing to anybody.
local own_state = {}

local LOW <const> = 15 -- % of the battery
local BOOTING <const> = 2 * 60 -- s since the machine was switched on

--- HERE: facts of this node (node_facts.lua). WHY(fact) → the reason that whoever told that fact gave | nil. RELEASE:
--- what it is being updated to | nil. → state, and why it is so: text | nil
function own_state.of(here, why, release)
  if release then return "updating", release end
  if here.battery and here.battery < LOW and not here.charging then
    return "low-battery", ("battery %d %%"):format(here.battery // 1)
  end
  if here.busy then return "busy", why "busy" end
  if here.uptime and here.uptime <= BOOTING then return "booting" end
  return "ready"
end

return own_state
