-- identity_renew.lua - `identity renew`: another key for this node, such as for a copied SD card. The daemon makes it.
local asking = require "cli.asking"

local renew = {}

local QUESTION <const> = "Another key? This node becomes a new one to all others: its files are shared anew, "
  .. "and roles that its key has in a lab do not go over."

function renew.run(context, options)
  local ok, exit = asking.sure(context, QUESTION, options)
  if not ok then return exit end
  local answer
  answer, exit = context:ask { command = "identity", renew = true }
  if not answer then return exit end
  if options.json then return context:json(answer) end
  local s = context.show
  s:say "This node has another key and starts anew with it. Its peer ID is"
  s:line(s:text(answer.id))
  s:say(("The old key is kept in %s."):format(s:text(answer.aside)))
  s:say "Others may show clone? for ten minutes more."
  return context.exit.ok
end

return renew
