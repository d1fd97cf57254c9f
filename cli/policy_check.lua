-- policy_check.lua - `policy check`: is a policy fine? The daemon is asked, which knows its machine; where none runs
-- the file is read here, as `dt-swarm --check` does. Changes nothing.
local policy_rows = require "cli.policy_rows"

local policy_check = {}

--- PATH as the daemon finds it, too, wherever it was started.
function policy_check.whole_path(context, path)
  if not path or path:sub(1, 1) == "/" then return path end
  return (require "core.board".link "/proc/self/cwd" or context.world.env "PWD" or "") .. "/" .. path
end

-- What is wrong with the policy at PATH, or with the one that a daemon would begin with. → { policy =, faults = lines }
local function check_here(context, path)
  local root = context.world.root
  local files = require("policy_files").new { path = path, search = context.world.paths:policies(root),
    fleet = context.world.paths:fleet(), home = context.world.env "HOME",
    shipped = root .. "/policies", programs = require "routing.channels.programs".of(context.world.paths) }
  local chain, lines = files:read()
  local policy
  if chain then policy, lines = files:judge(chain) end
  local json = require "core.json"
  local warnings = policy and json.array(require "preflight".routes(policy))
  if policy then policy:close() end
  return { schema = 1, command = "policy-check", policy = chain and chain[1].name, hash = policy and policy.hash,
    faults = json.array(policy and {} or lines), warnings = warnings, daemon = false }
end

-- The daemon's answer, or that of this process where no daemon listens.
local function ask(context, path)
  local request = { command = "policy-check", file = policy_check.whole_path(context, path) }
  local answer, _, code = context:ask_quietly(request)
  if answer then
    answer.daemon = true
    return answer
  end
  if code == "closed" and context.host == context.cli.hosts[1] then return check_here(context, path) end
  return context:ask(request) -- with all words
end

local function show_faults(answer, s)
  if answer.daemon then return policy_rows.refused(answer.faults, s) end
  policy_rows.faults(answer.faults, s)
  s:say(("%s: a daemon would not begin with this policy."):format(s.count(#answer.faults, "fault")))
end

local function praise(answer, s)
  local policy = s:text(answer.policy or "The policy")
  local asked = "every hook was asked with everything known and with everything unknown"
  if not answer.daemon then return ("%s is fine: %s. No daemon runs here."):format(policy, asked) end
  local follows = answer.same and "It is in force."
    or answer.restart[1] and ("A reload would start the daemon anew for %s."):format(s:text(s.list(answer.restart)))
    or "dt-swarm-cli HOST policy reload puts it in force."
  return ("%s is fine: %s. %s"):format(policy, asked, s:cure(follows))
end

function policy_check.run(context, options)
  local answer, code = ask(context, options.file)
  if not answer then return code end
  local is_faulty = answer.faults[1] ~= nil
  if options.json then
    context:json(answer)
  elseif is_faulty then
    show_faults(answer, context.show)
  else
    policy_rows.warnings(answer, context.show)
    context.show:say(praise(answer, context.show))
  end
  return is_faulty and context.exit.no or context.exit.ok
end

return policy_check
