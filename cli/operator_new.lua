-- operator_new.lua - `operator new`: see operator.lua.
local operator = require "cli.operator"

return { run = function(context, options)
  options.verb = "new"
  return operator.run(context, options)
end }
