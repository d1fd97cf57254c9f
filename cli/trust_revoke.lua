-- trust_revoke.lua - `trust revoke WHO…`: all that a key said or says is void.
local ending = require "cli.trust_end"

local revoke = {}

function revoke.run(context, options)
  options.verb = "revoke"
  return ending.run(context, options)
end

return revoke
