-- explained.lua - why a run stands as it does for this robot: what `update explain` and `why` tell. Decides nothing.
local failing = require "clients.updates.failing"
local gate_facts = require "clients.updates.gate_facts"
local gates = require "clients.updates.gates"
local json = require "core.json"
local sorted = require "sorted"
local span = require "span"
local update_keys = require "dcache.update_keys"

local explained = {}

-- What opens it where a run does not count, or this robot takes no part in it, by the word of that.
local CURES <const> = {
  threshold = "Others who may do sign it, too: release sign, rollout sign.",
  conflict = "Their signers take them back (rollout abort, record dismiss); then another run.",
  ended = "Start another run: rollout start.",
  role = "Let an admin sign it: release sign, rollout sign.",
  seq = "A release of a higher number: release again; then another run.",
  swarm = "Make the plan anew in this lab: rollout start.",
  missing = "Wait until its release is heard here: release list.",
  target = "Mend that; then another run: rollout plan FILE --rest.",
  permission = "Mend that; then another run: rollout plan FILE --rest.",
}
-- The same by what was seen.
local MENDS <const> = {
  { "^no handler", "Install a handler of that kind there (make install-handlers); then another run." },
  { "^has no artefact", "A release with a file for that platform (release new); then another run." },
  { "first roll out", "A run of that one first; then another run of this." },
  { "extend", "Let its policy begin with extend \"fleet\"; then another run." },
  { "^dt%-swarm may not write", "Let its service write there, by root of that robot (systemctl edit dt-swarm, and the \z
    folder is its user's); then another run." },
  { "no folder", "Name it there: p.clients.updates.folders; then another run." },
  { "not wanted", "A release with tags that this robot has, or another p.clients.updates.want; then another run." },
}
local NEXT <const> = "Another run takes it in: rollout plan FILE --rest."
local FORGIVE <const> = "update forgive %s, then another run; or a release of a higher number."

local CLOSED <const> = { unnamed = 1, ended = 0, refused = 0 } -- phases

-- Of several runs the one that a person means: what is open and counts, then what is over here, what names others, what
-- does not count; the newest first.
local function rank(one)
  if one:is_open() then return one.row.counts and 4 or 3 end
  return CLOSED[one.phase] or 2
end

local function is_before(a, b)
  if rank(a) ~= rank(b) then return rank(a) > rank(b) end
  if a.row.at ~= b.row.at then return (a.row.at or 0) > (b.row.at or 0) end
  if a.row.name ~= b.row.name then return a.row.name < b.row.name end
  if a.row.seq ~= b.row.seq then return a.row.seq > b.row.seq end
  return a.row.run > b.row.run
end

local function fits(key, word) return not word or key == word or key:sub(1, #word + 1) == word .. "/" end

-- What is under way here, also where nobody knows the record of its run any more | nil
local function under_way(updates)
  local now = updates.machine:now()
  if not now or updates.runs[now.run] then return now and updates.runs[now.run] end
  local name, seq, number = update_keys.run(now.run)
  return { key = now.run, updates = updates, phase = (now.phase:gsub("_", " ")), row = { key = now.run, name = name,
    seq = seq, run = number, release = { key = now.release, data = { version = now.version } } } }
end

--- The run that WORD names, "demos/42/1" or "demos/42" or "demos"; without it the one that a person means.
--- → run.lua's | nil, text, code
function explained.find(updates, word)
  if word ~= nil and type(word) ~= "string" then return nil, "form: run is NAME, NAME/SEQ or NAME/SEQ/RUN", "form" end
  local list, now = {}, under_way(updates)
  if now and fits(now.key, word) then return now end
  for _, key in ipairs(sorted.keys(updates.runs)) do
    if fits(key, word) then list[#list + 1] = updates.runs[key] end
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

-- The update is under way: NOW is what machine.lua keeps of it.
local function of_machine(one, now)
  local trouble = one.updates.machine.trouble
  local what, fails = ("The update is %s."):format(one.phase), failing.text(now)
  if trouble then
    return { code = "disk", what = what, seen = "the disk takes nothing: " .. trouble, cure = "Look at dmesg." }
  end
  if fails then
    local why = now.trouble and now.why and ("; it goes back for: %s"):format(now.why) or ""
    return { code = "failed", what = ("The update is %s, and that fails."):format(one.phase), seen = fails .. why,
      cure = failing.cure(one.updates) }
  end
  local well = one.phase == "verifying" and ("well for %s of %s"):format(span.of((now.soaked or 0) * 1000),
    span.of((now.soak or 0) * 1000)) or nil
  return { what = what, seen = now.why or well, cure = "Wait for its end." }
end

local function mend(why)
  for _, one in ipairs(MENDS) do
    if why and why:find(one[1]) then return one[2] end
  end
end

-- This robot takes no part in it any more, or it does not count.
local function of_end(one)
  local release = one.row.release and one.row.release.key or "it"
  if one.phase == "refused" or one.phase == "ended" then
    return { code = one.word, what = "The run does not count here.", seen = one.text, cure = CURES[one.word or ""]
      or "Make the plan anew: rollout start." }
  end
  local mine = one.updates.saved.data.runs[one.key] or { state = one.phase }
  local is_back, why, word = mine.state == "rolled_back", mine.why or one.text, mine.word or one.word
  local failed = is_back or why and why:find "^failed here"
  local cure = failed and FORGIVE:format(release) or mend(why) or CURES[word or ""] or NEXT
  return { code = word or mine.state, seen = why, cure = cure, what = is_back
    and "It was tried here, and this robot went back." or "This robot takes no part in the run." }
end

-- What this robot brought to its end is here, unless its card was restored since.
local function of_committed(one)
  local lacks = one.updates.states:lacks(one.row)
  if not lacks then return {} end
  return { { code = "seq", what = "This robot committed it, and does not have it any more.", seen = lacks,
    cure = ("Bring it again: release again %s; then a rollout of that."):format(one.row.release.key) } }
end

-- What is to be said where no gate is asked: it does not count, is over, or is under way.
local function of_phase(one)
  local updates = one.updates
  local now = updates.machine:now()
  if now and now.run == one.key then return { of_machine(one, now) } end
  if one.phase == "unnamed" then
    return { { code = "turn", what = "This robot is not named by the plan.",
      seen = ("its order has %d others"):format(#one.plan.order), cure = NEXT } }
  end
  if one.phase == "offered" then
    local plan = one.row.plan_cid and updates.fetching:state(one.row.plan_cid) or {}
    return { { code = "payload", what = "The plan is not here yet.",
      seen = plan.from and "it comes from " .. plan.from or plan.missing or "it was asked for",
      cure = "Wait; where it does not come, start the node that it was signed at." } }
  end
  if one.phase == "committed" then return of_committed(one) end
  if one:is_open() then
    return { { what = "It is looked at here just now.", cure = "Ask again in a moment." } }
  end
  return { of_end(one) }
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
    payload = payload and { done = payload.done, size = payload.size, from = payload.from,
      near = payload.near } or nil,
    rows = json.array(list), open = rows and #rows - #list or 0,
    left_ms = one.waiting and one.waiting:left_ms() or nil,
    patience_ms = one.waiting and one.waiting:patience_ms() or nil }
end

--- Rows of lua/why.lua for THING = { update = "NAME/SEQ/RUN" or a beginning of that }.
function explained.why(updates, thing)
  local one = type(thing.update) == "string" and explained.find(updates, thing.update)
  if not one then return nil end
  local rows = explained.of(one).rows
  if rows[1] then return rows end
  local has = updates.saved.data.installed[one.row.name]
  local is_there = has and has[1] == one.row.seq
  return { { what = one.key, seen = one.phase ~= "committed" and "all gates are open" or is_there
    and "it is installed here" or ("it was installed here; now there is %s/%d"):format(one.row.name, has[1]) } }
end

return explained
