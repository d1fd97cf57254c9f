-- explained.lua - why a run stands as it does for this robot: what `update explain` and `why` tell. Decides nothing.
local gate_facts = require "clients.updates.gate_facts"
local gates = require "clients.updates.gates"
local json = require "core.json"
local sorted = require "sorted"

local explained = {}

local FORGIVE <const> = "update forgive, or a release of a higher number"

-- Of several runs the one that a person means: what is under way, then what is open, the newest first.
local function rank(one)
  if one.updates:updating() and one.updates.machine:now().run == one.key then return 3 end
  return one:is_open() and 2 or one.phase ~= "unnamed" and 1 or 0
end

local function is_before(a, b)
  if rank(a) ~= rank(b) then return rank(a) > rank(b) end
  if a.row.name ~= b.row.name then return a.row.name < b.row.name end
  if a.row.seq ~= b.row.seq then return a.row.seq > b.row.seq end
  return a.row.run > b.row.run
end

--- The run that WORD names, "demos/42/1" or "demos/42" or "demos"; without it the one that a person means.
--- → run.lua's | nil, text, code
function explained.find(updates, word)
  local list = {}
  for _, key in ipairs(sorted.keys(updates.runs)) do
    if not word or key == word or key:sub(1, #word + 1) == word .. "/" then list[#list + 1] = updates.runs[key] end
  end
  table.sort(list, is_before)
  if list[1] then return list[1] end
  return nil, word and ("missing: no rollout %s is known here"):format(word) or "missing: no rollout is known here",
    "missing"
end

local function of_gates(rows)
  local list = {}
  for _, row in ipairs(gates.closed(rows)) do
    list[#list + 1] = { code = row.gate, what = row.what, seen = row.seen, cure = row.cure }
  end
  return list
end

-- What is to be said where no gate is asked: it does not count, is over, or is under way.
local function of_phase(one)
  local updates = one.updates
  local now = updates.machine:now()
  if now and now.run == one.key then
    local why = updates.machine.trouble and "the disk takes nothing: " .. updates.machine.trouble or now.why
    return { { what = ("The update is %s."):format(one.phase), seen = why, cure = "Wait for its end." } }
  end
  if one.phase == "unnamed" then
    return { { code = "turn", what = "This robot is not named by the plan.", cure = "rollout plan --rest names it." } }
  end
  if one.phase == "offered" then
    return { { code = "payload", what = "The plan is not here yet.", cure = "Wait." } }
  end
  if one.phase == "committed" then return {} end
  local cure = (one.phase == "rolled_back" or one.word == "target") and FORGIVE or nil
  return { { code = one.word, what = ("The run is %s here."):format((one.phase:gsub("_", " "))), seen = one.text,
    cure = cure } }
end

--- The gates of ONE now | nil: it does not wait at them.
function explained.gates(one)
  return one.waiting and one.artefact and gate_facts.rows(one) or nil
end

--- ONE as `update explain` tells it: { run, version, from, round, phase, payload, rows, open, left_ms, disk }
function explained.of(one)
  local updates, row = one.updates, one.row
  local mine, has = updates.saved.data.runs[one.key], updates.saved.data.installed[row.name]
  local rows = explained.gates(one)
  local list = rows and of_gates(rows) or of_phase(one)
  local wave = one.places and one.places.wave[updates.node.id]
  local payload = one.artefact and updates.fetching:state(one.artefact.cid)
  local data = row.release and row.release.data or {}
  return { run = one.key, release = row.release and row.release.key, version = data.version,
    from = has and has[1], round = mine and mine.round or wave, wave = wave, phase = one.phase,
    place = one.places and one.places.place[updates.node.id],
    payload = payload and { done = payload.done, size = payload.size, from = payload.from } or nil,
    rows = json.array(list), open = rows and #rows - #list or 0,
    left_ms = one.waiting and one.waiting:left_ms() or nil,
    patience_ms = one.waiting and one.waiting:patience_ms() or nil }
end

--- Rows of lua/why.lua for THING = { update = run | true }.
function explained.why(updates, thing)
  if not thing.update then return nil end
  local one = explained.find(updates, thing.update ~= true and thing.update or nil)
  return one and explained.of(one).rows
end

return explained
