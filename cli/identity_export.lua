-- identity_export.lua - `identity export`: the private key on standard output, for an IPFS config. It writes no file.
local json = require "core.json"

local export = {}

--- One line of JSON as the member "Identity" of an IPFS config holds it.
function export.run(context, options)
  local answer, exit_code = context:ask { command = "identity", secret = true }
  if not answer then return exit_code end
  if options.json then return context:json(answer) end
  context.world.write(json.encode { Identity = { PeerID = answer.id, PrivKey = answer.key } } .. "\n")
  context:complain(("Whoever has this is %s: keep it secret."):format(context.show:text(answer.name)))
  return context.exit.ok
end

return export
