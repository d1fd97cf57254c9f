-- listed.lua - the answer to `updates`: all releases and runs that are known here, how far each robot is, what this one
-- has. Decides nothing.
local failing = require "clients.updates.failing"
local gate_facts = require "clients.updates.gate_facts"
local heard = require "clients.updates.heard"
local json = require "core.json"
local slices = require "slices"
local sorted = require "sorted"
local turn = require "clients.updates.turn"

local listed = {}

local UNNAMED_SHOWN <const> = 8
local HANDLERS_MOST <const> = 64 -- that are looked at

local function labels_of(signers)
  local list = {}
  for i, signer in ipairs(signers or {}) do list[i] = signer end
  return json.array(list)
end

-- What keeps the update of the run ONE that is under way here from its end | nil
local function own_trouble(one)
  local machine = one.updates.machine
  local now = machine:now()
  if not now or now.run ~= one.key then return nil end
  if machine.trouble then return "the disk takes nothing: " .. machine.trouble end
  local fails = failing.text(now)
  return fails and ("%s; again %s"):format(fails, failing.when(machine))
end

-- How discovery calls each node of ROWS, its own, now: by ID.
local function called(rows)
  local by_id = {}
  for _, row in ipairs(rows) do by_id[row.id] = row.status end
  return by_id
end

-- One robot of the run ONE, as its status and this robot's ears have it.
local function robot(one, known, id, place)
  local updates, status = one.updates, known[id]
  local state = status and status.state
  return { id = id, label = updates.node.who(id).label, place = place, wave = one.places.wave[id],
    round = turn.round(one.places, known, id), state = one.row.skipped[id] and not turn.RESOLVED[state] and "skipped"
      or state, why = id == updates.node.id and own_trouble(one) or status and status.why,
    word = status and status.word,
    seen_ms = id == updates.node.id and 0 or heard.silence(updates.node, id), self = id == updates.node.id or nil }
end

-- Living nodes among ROWS that the plan does not name, of a type that a named one has: a desk or a server of another
-- type is no robot that was left out. → how many, the first labels
local function unnamed(one, rows)
  local discovery, types, list, count = one.updates.node.discovery, {}, {}, 0
  for _, row in ipairs(rows) do
    if one.places.place[row.id] and row.type then types[row.type] = true end
  end
  for _, row in ipairs(rows) do
    if not one.places.place[row.id] and types[row.type] and discovery.is_living(row) then
      count = count + 1
      if count <= UNNAMED_SHOWN then list[count] = row.label end
    end
  end
  return count, json.array(list)
end

local function add_robots(one, answer)
  local known, robots, failures, committed = gate_facts.known(one), {}, 0, 0
  local discovery = one.updates.node.discovery
  local rows = discovery and discovery:nodes(false) or {}
  local node_status = called(rows)
  for i, id in ipairs(one.plan.order) do
    robots[i] = robot(one, known, id, i)
    robots[i].node_status = node_status[id]
    failures = failures + (turn.FAILED[robots[i].state] and 1 or 0)
    committed = committed + (robots[i].state == "committed" and 1 or 0)
    slices.step()
  end
  answer.robots, answer.complete = json.array(robots), committed == #robots
  answer.max_failures, answer.failures = one.plan.max_failures, failures
  if failures >= one.plan.max_failures then answer.stopped = ("%d failed, which stops it"):format(failures) end
  answer.unnamed, answer.unnamed_labels = unnamed(one, rows)
  answer.plan_facts = { absent = one.plan.absent, clock = one.plan.clock, patience = one.plan.patience,
    run = one.plan.run, unknown = one.plan.unknown, waves = one.plan.waves }
end

-- Why the run ONE does not count, for anybody; of one that counts why this robot takes no part → word, text
local function why_not(one)
  local row = one.row
  if row.counts then return one.word, one.text end
  return row.word or one.word, row.text or one.text
end

local function run_of(one)
  one:show_plan()
  local row, release = one.row, one.row.release
  local word, text = why_not(one)
  local data = release and release.data or {}
  local answer = { run = row.key, release = release and release.key, kind = data.kind, version = data.version,
    signers = labels_of(row.signers), word = word, text = text,
    ends = row.ends, phase = one.phase, counts = row.counts, plan = row.plan_cid,
    pause = row.pause and { by = row.pause.by, why = row.pause.why, ends = row.pause.ends,
      left_ms = gate_facts.pause(one).left_ms } or nil,
    complete = false, robots = json.array {} }
  if one.plan then add_robots(one, answer) end
  return answer
end

local function release_of(release)
  local data = release.data or {}
  local artefacts = {}
  for i, one in ipairs(data.artefacts or {}) do artefacts[i] = { platform = one[1], cid = one[2], size = one[3] } end
  return { key = release.key, name = release.name, seq = release.seq, kind = data.kind, version = data.version,
    from = data.from, limit = data.limit, note = data.note, security = data.security, target = data.target,
    unpacked = data.unpacked, tags = json.array { table.unpack(data.tags or {}) }, artefacts = json.array(artefacts),
    signers = labels_of(release.signers), counts = release.counts, word = release.word, text = release.text }
end

-- The kinds of releases that this node could take: its own, and those that it has a handler for.
local function kinds_of(updates)
  local node, set = updates.node, { files = true, policy = true }
  local folder = node.policy:get "clients.updates.handlers"
  local names = folder and node.disk:list(folder) or {}
  for i = 1, math.min(#names, HANDLERS_MOST) do
    if updates.kinds(names[i]) then set[names[i]] = true end
  end
  return json.array(sorted.keys(set))
end

local function me_of(updates)
  local data, now = updates.saved.data, updates.machine:now()
  local installed = {}
  for name, one in pairs(data.installed) do -- any order: sorted when written
    installed[name] = { seq = one[1], version = one[2], cid = one[3] }
  end
  return { installed = installed, floor = data.floor, failed = json.array { table.unpack(data.failed) },
    lost = updates.saved.lost, kinds = kinds_of(updates),
    now = now and { run = now.run, release = now.release, phase = now.phase, soaked = now.soaked, soak = now.soak,
      failures = now.failures, why = now.trouble or now.why, trouble = updates.machine.trouble } or nil }
end

--- What `updates` answers; ONLY: the key of a run | nil: all.
function listed.of(updates, only)
  local runs, releases = {}, {}
  for _, key in ipairs(sorted.keys(updates.runs)) do
    local one = updates.runs[key] -- nil where it went while the loop was let go on
    if one and (not only or key == only) then runs[#runs + 1] = run_of(one) end
  end
  for i, release in ipairs(updates.known:releases()) do releases[i] = release_of(release) end
  return { swarm = updates.node.swarm, runs = json.array(runs), releases = json.array(releases), me = me_of(updates),
    refused = updates.known:refused() }
end

return listed
