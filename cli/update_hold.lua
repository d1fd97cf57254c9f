-- update_hold.lua - `update hold -- COMMAND`: no update begins here for as long as COMMAND runs. It is the lease of the
-- fact `hold`, told over a connection.
local fact = require "cli.fact"

local hold = {}

function hold.run(context, options)
  if not options.words[1] then
    return context:misused "update hold: -- COMMAND is needed; for a time: fact hold yes --for 2h --why class"
  end
  options.name, options.value = "hold", "yes"
  return fact.run(context, options)
end

return hold
