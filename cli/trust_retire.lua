-- trust_retire.lua - `trust retire WHO…`: a role is over, and what was said by it stays.
local ending = require "cli.trust_end"

local retire = {}

function retire.run(context, options)
  options.verb = "retire"
  return ending.run(context, options)
end

return retire
