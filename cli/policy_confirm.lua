-- policy_confirm.lua - `policy confirm`: whoever asked for a change says that it may stay. It asks the daemon only.
local policy_confirm = {}

function policy_confirm.request() return { command = "policy-confirm" } end

--- Prints the answer.
function policy_confirm.show(answer, s)
  s:say(("%s, %s, stays: it is the good policy from here on."):format(s:text(answer.policy), s:text(answer.hash)))
end

return policy_confirm
