-- gate_facts.lua - what the gates of a run (gates.lua) rest on, gathered now. Judges nothing.
local gates = require "clients.updates.gates"
local heard = require "clients.updates.heard"
local hooks_asked = require "clients.updates.hooks_asked"
local lease = require "lease"
local rooms = require "clients.updates.rooms"
local span = require "span"
local turn = require "clients.updates.turn"

local gate_facts = {}

--- What is known of the robots of the run ONE (run.lua) → statuses by ID, this robot's by its own state file
function gate_facts.known(one)
  local known = {}
  for id, status in pairs(one.updates.known:statuses(one.key, one.tail)) do known[id] = status end -- any order
  local mine = one.updates.saved.data.runs[one.key]
  known[one.updates.node.id] = mine and mine.state and mine or nil
  return known
end

local function turn_of(one)
  local row, plan = one.row, one.plan
  one.statuses = gate_facts.known(one)
  one.away = heard.absent(one.updates.node, plan.order, plan.absent.after)
  local open, found = turn.may_start({ plan = plan, places = one.places, known = one.statuses, absent = one.away,
    skipped = row.skipped }, one.updates.node.id)
  if open then
    one.wave = found
    return {}
  end
  return { closed = found }
end

-- The hook holds back only whose turn has come, so before nobody asks it.
local function go_of(one, is_open)
  if not is_open then return { yes = true } end
  local yes, why = hooks_asked.go(one.updates, one.row, one.plan, one.places, one.statuses)
  return { yes = yes, why = why }
end

local function payload_of(one)
  local updates, artefact = one.updates, one.artefact
  local state = updates.fetching:state(artefact.cid)
  return { done = updates.fetching:path(artefact.cid) and artefact.size or math.min(state.done, artefact.size - 1),
    size = artefact.size, from = state.from, rate = state.rate, missing = state.missing, staged = one:is_staged(),
    why = one.stage_why }
end

local function disk_of(updates)
  local trouble = updates.node.state_health and updates.node.state_health.trouble
  return updates.saved.lost and "STATE/updates/state: " .. updates.saved.lost or updates.refused_by_disk
    or trouble and trouble.text or nil
end

--- Who paused the run ONE, and for how long still → { by, why, left_ms } | nil
function gate_facts.pause(one)
  local pause = one.row.pause
  if not pause then return nil end
  local left = pause.ends and math.max(0, pause.ends - one.updates.node.time:now()) or 0
  return { by = pause.by, why = pause.why, left_ms = left }
end

-- Roles are acted on when what is known of the lab was compared, and this robot's turn when records of updates were.
local function settled_of(one)
  local updates = one.updates
  local yes, why = updates.node.dcache.trust:settled()
  if yes then yes, why = updates.compared:state() end
  if yes and updates.states:is_behind(one.row) then yes, why = false, "others know more of this robot's turn" end
  return { yes = yes == true, why = why and why:gsub("^permission: ", "") }
end

local function clone_of(node) return node.comms.clones:own() and "heard under its own key" or nil end

-- Who tells `hold`, and for how long still.
local function hold_of(node)
  local leases = node.leases
  if not leases or leases:value "hold" ~= true then return nil end
  for _, row in ipairs(leases:rows()) do
    if row.fact == "hold" and row.counts then
      return ("hold%s, %s"):format(row.why and ": " .. row.why or "",
        row.left_ms and "for " .. span.of(row.left_ms) or "as long as a command runs")
    end
  end
end

local function clock_of(one)
  local quality, wanted = one.updates.node.time.quality, one.plan.clock
  if quality ~= "proved" and (wanted == "proved" or quality ~= "adopted") then
    one.updates:refuse(one, "clock")
  end
  return { quality = quality, wanted = wanted }
end

-- Facts that the reason WHY names and that nobody tells here: a person is told how to tell them.
local function untold(node, why)
  local here, list = node.here(), {}
  for _, fact in ipairs(lease.facts) do
    if here[fact] == nil and why:find(fact .. " is not known", 1, true) then list[#list + 1] = fact end
  end
  return list
end

local function ready_of(one)
  local yes, why = hooks_asked.ready(one.updates, one.row)
  return { yes = yes, why = why, opens_ms = not yes and hooks_asked.opens_ms(one.updates.node) or nil,
    untold = not yes and untold(one.updates.node, why or "") or {} }
end

-- The disk that has too little; else what a disk refused, for files or blocks that are not counted as room.
local function space_of(one)
  local room = rooms.short(one)
  if room then return room end
  if one.stage_why and one.stage_why:find "^disk: " then return { refused = one.stage_why:gsub("^disk: ", "") } end
  return rooms.of(one)[1]
end

--- The gates of the run ONE (run.lua, whose plan is here) now → gates.lua's rows
function gate_facts.rows(one)
  local updates, node = one.updates, one.updates.node
  local its_turn = turn_of(one)
  local mine = updates.saved.data.runs[one.key]
  return gates.look { payload = payload_of(one), space = space_of(one), disk = disk_of(updates),
    paused = gate_facts.pause(one), turn = its_turn, name = function(id) return node.who(id).label end,
    go = go_of(one, not its_turn.closed), clock = clock_of(one),
    settled = settled_of(one), clone = clone_of(node), busy = updates:busy_with(one), hold = hold_of(node),
    ready = ready_of(one), passes = mine and mine.go }
end

--- Does an unresolved robot stand behind this one in the run ONE, and does this one know what it said there before?
function gate_facts.may_defer(one)
  if not one.updates.compared:state() then return false end
  local me, known = one.updates.node.id, one.statuses
  local mine, place = turn.round(one.places, known, me), one.places.place
  for _, id in ipairs(one.plan.order) do
    local status, round = known[id], turn.round(one.places, known, id)
    local is_behind = round > mine or round == mine and place[id] > place[me]
    if id ~= me and is_behind and not one.row.skipped[id] and not (status and turn.RESOLVED[status.state]) then
      return true
    end
  end
  return false
end

return gate_facts
