-- reload.lua - `policy reload`: the daemon reads its policy again; what changed, what becomes of it. Reads no policy.
local policy_rows = require "cli.policy_rows"

local reload = {}

function reload.request() return { command = "reload" } end

local BY <const> = { save = "when its file was saved", signal = "at a SIGHUP" }

local function sum(answer, s)
  local policy, changed = s:text(answer.policy), policy_rows.count(answer, s)
  if answer.restart[1] then
    return ("%s is fine. The daemon starts anew for %s; ask it again in a few seconds."):format(policy,
      s:text(table.concat(answer.restart, ", ")))
  end
  local already = answer.already
  if already then
    return ("%s is in force since %s, %s: %s changed then, nothing since."):format(policy, s.ago(already.since_ms),
      BY[already.source] or s:text(already.source), changed == "" and "nothing" or changed)
  end
  if changed == "" then return ("%s was read again: no setting changed, and no hook."):format(policy) end
  return ("%s is in force: %s changed."):format(policy, changed)
end

--- Prints the answer.
function reload.show(answer, s)
  policy_rows.show(answer, s)
  s:say(sum(answer, s))
end

return reload
