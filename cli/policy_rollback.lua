-- policy_rollback.lua - `policy rollback`: the policy before this one comes back at once. It asks the daemon only.
local policy_rows = require "cli.policy_rows"

local policy_rollback = {}

function policy_rollback.request() return { command = "policy-rollback" } end

--- Prints the answer.
function policy_rollback.show(answer, s)
  policy_rows.show(answer, s)
  local name = ("%s, %s"):format(s:text(answer.policy), s:text(answer.hash))
  local words = answer.restart[1] and ("The daemon starts anew with %s, for %s; ask it again in a few seconds."):format(
    name, s:text(s.list(answer.restart))) or ("Back at %s."):format(name)
  s:say(("%s The text that was in force is not tried again until it changes, or policy reload asks for it."):format(
    words))
end

return policy_rollback
