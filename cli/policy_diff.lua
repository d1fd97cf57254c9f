-- policy_diff.lua - `policy diff`: what a reload would change, and what would be wrong with it. Changes nothing.
local policy_rows = require "cli.policy_rows"
local policy_check = require "cli.policy_check"

local policy_diff = {}

function policy_diff.run(context, options)
  local s = context.show
  local answer, code = context:ask { command = "policy-diff", file = policy_check.whole_path(context, options.file) }
  if not answer then return code end
  if options.json then
    context:json(answer)
    return answer.faults[1] and context.exit.no or context.exit.ok
  end
  if answer.changes then policy_rows.show(answer, s) end
  if answer.faults[1] then
    policy_rows.refused(answer.faults, s)
    return context.exit.no
  end
  policy_rows.warnings(answer, s)
  local policy, changed = s:text(answer.policy), policy_rows.count(answer.changes, answer.hooks, s)
  if answer.same then
    s:say(("%s is in force as it stands there."):format(policy))
  elseif changed == "" then
    s:say(("%s has another text, but changes no setting and no hook."):format(policy))
  elseif answer.restart[1] then
    s:say(("%s would change %s; the daemon would start anew for %s."):format(policy, changed,
      s:text(s.list(answer.restart))))
  else
    s:say(("%s would change %s, all while the daemon runs."):format(policy, changed))
  end
  return context.exit.ok
end

return policy_diff
