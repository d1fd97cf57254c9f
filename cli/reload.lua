-- reload.lua - `policy reload`: the daemon reads its policy again; what changed, what becomes of it. Reads no policy.
local policy_rows = require "cli.policy_rows"
local span = require "span"

local reload = {}

-- A daemon that starts anew for what was saved a moment ago hangs up on who asks just then.
reload.again_ms = 10 * 1000

function reload.request(options) return { command = "reload", confirm = options.confirm } end

local BY <const> = { save = "since its file was saved", signal = "since a SIGHUP" }

local function sum(answer, s)
  local policy, changed = s:text(answer.policy), policy_rows.count(answer.changes, answer.hooks, s)
  if answer.restart[1] then
    return ("%s is fine. The daemon starts anew for %s; ask it again in a few seconds."):format(policy,
      s:text(table.concat(answer.restart, ", ")))
  end
  local already = answer.already
  if already then
    return ("%s is in force already, %s %s: %s changed then, nothing since."):format(policy,
      BY[already.source] or s:text(already.source), span.ago(already.since_ms),
      changed == "" and "nothing" or changed)
  end
  if changed == "" then return ("%s was read again: no setting changed, and no hook."):format(policy) end
  return ("%s is in force: %s changed."):format(policy, changed)
end

-- What has to follow, so that the new policy stays.
local function on_trial(answer, s)
  local trial = answer.trial
  if not trial then return "" end
  if not trial.confirm then return (" On trial for %s."):format(s.span(trial.seconds * 1000)) end
  return (" It goes back by itself in %s, unless you say within that time: %s"):format(s.span(trial.seconds * 1000),
    s:cure(("dt-swarm-cli %s policy confirm"):format(s.host)))
end

--- Prints the answer.
function reload.show(answer, s, options)
  policy_rows.show(answer, s)
  policy_rows.warnings(answer, s)
  local unneeded = options.confirm and not answer.trial and " It was the good one before: nothing has to be confirmed."
  s:say(sum(answer, s) .. (unneeded or on_trial(answer, s)))
end

return reload
