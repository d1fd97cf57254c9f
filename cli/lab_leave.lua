-- lab_leave.lua - `lab leave`: the daemon leaves its lab, and is in the open swarm again.
local asking = require "cli.asking"

local leave = {}

function leave.run(context, options)
  local ok, exit = asking.sure(context, "Leave the lab? Without its file this node cannot come back.", options)
  if not ok then return exit end
  local answer
  answer, exit = context:ask { command = "lab", leave = true }
  if not answer then return exit end
  if options.json then return context:json(answer) end
  local s = context.show
  s:say(answer.behind and ("This node starts anew in the lab %s, by %s: remove that file, too, to be in none."):format(
      s:text(answer.behind.name), s:text(answer.behind.file))
    or ("This node starts anew and is in no lab; it was in %s."):format(s:text(answer.left.name)))
  return context.exit.ok
end

return leave
