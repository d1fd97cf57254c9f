-- hooks_asked.lua - what the hooks want, ready, go and healthy are told, and asked. Decides nothing itself.
local body = require "clients.updates.body"
local turn = require "clients.updates.turn"
local windows = require "clients.updates.windows"

local hooks_asked = {}

--- The artefact of RELEASE (its DATA) for this robot → { platform, cid, size } | nil
function hooks_asked.artefact(node, release)
  local arch, any = node.here().arch, nil
  for _, one in ipairs(release.artefacts) do
    if one[1] == arch then return { platform = one[1], cid = one[2], size = one[3] } end
    if one[1] == "any" then any = { platform = "any", cid = one[2], size = one[3] } end
  end
  return any
end

-- Are the policy's windows open, and else in how many ms → as windows.lua says
local function windows_of(node)
  return windows.are_open(node.policy:get "clients.updates.windows", node.time:proved_now(), node.calendar)
end

--- In how many ms a window of this robot opens | nil: one is open, or nobody proves the time
function hooks_asked.opens_ms(node) return (select(2, windows_of(node))) end

-- ROW: known.lua's of a run.
local function release_facts(updates, row)
  local node, data = updates.node, row.release.data
  local artefact = hooks_asked.artefact(node, data)
  return { name = row.name, seq = row.seq, run = row.run, kind = data.kind, version = data.version,
    target = data.target, unpacked = data.unpacked, security = data.security == true, from_seq = data.from,
    tags = data.tags or {}, size = artefact and artefact.size or 0, platform = artefact and artefact.platform,
    signers = row.release.signers and #row.release.signers or nil,
    in_window = (windows_of(node)) }
end

--- Does this robot want the release of ROW? → yes or no, why
function hooks_asked.want(updates, row)
  local node = updates.node
  return node.policy:ask("clients.updates.want", release_facts(updates, row), node.here())
end

--- Is this robot at rest, so that the release of ROW may begin? → yes or no, why
function hooks_asked.ready(updates, row)
  local node = updates.node
  return node.policy:ask("clients.updates.ready", release_facts(updates, row), node.here())
end

-- As the hook `go` is told them: the run, its robots.
local function run_facts(row, plan, places, known)
  local robots, failures, unresolved, me = {}, 0, 0, {}
  for i, id in ipairs(plan.order) do
    local status = known[id]
    local state = status and status.state
    robots[i] = { id = id, place = i, round = turn.round(places, known, id), status = state }
    failures = failures + (turn.FAILED[state] and 1 or 0)
    unresolved = unresolved + ((row.skipped[id] or turn.RESOLVED[state]) and 0 or 1)
    me[id] = robots[i]
  end
  return { id = row.key, name = row.name, seq = row.seq, run = row.run, robots = #plan.order, waves = #plan.waves,
    max_unavailable = plan.waves[1].max_unavailable, max_failures = plan.max_failures, failures = failures,
    unresolved = unresolved }, robots, me
end

--- May this robot go on, as the policy sees the run? KNOWN: statuses by ID. → yes or no, why
function hooks_asked.go(updates, row, plan, places, known)
  local rollout, robots, by_id = run_facts(row, plan, places, known)
  return updates.node.policy:ask("clients.updates.go", rollout, robots, by_id[updates.node.id])
end

--- Is it healthy NOW, who was BEFORE (body.look's)? → true, false or nil, why
function hooks_asked.healthy(updates, before, now)
  local was, is = body.compared(before, now)
  return updates.node.policy:ask("clients.updates.healthy", was, is)
end

return hooks_asked
