-- turn.lua - may a robot take its turn in a rollout now? A pure function of the signed plan and the statuses that are
-- known: no clock, no facts of here, no effects.
--
-- A robot's round is that of its status, else the number of its wave. Whoever is resolved stays so, and rounds only
-- rise. So who knows less waits longer, and no more than max_unavailable + absent.most robots are ever down at once,
-- however networks are cut (spec/clients/turn_search.lua goes through all histories of a few robots).
local turn = {}

--- States of a status after which a robot holds up nobody.
turn.RESOLVED = { committed = true, rolled_back = true, rejected = true }
--- Those that count as failures.
turn.FAILED = { failed = true, rolled_back = true }
--- Those of a robot that has begun in this run: it never starts again, and cannot be absent.
turn.BEGUN = { applying = true, failed = true, committed = true, rolled_back = true }
--- All states, by how far a robot is: within a run no word takes the place of a higher one, whatever is heard last.
turn.RANK = { deferred = 1, applying = 2, failed = 3, committed = 4, rolled_back = 4, rejected = 4 }

local SHOWN <const> = 8 -- robots that a reason names

--- Where each robot of PLAN stands: → by ID its place in the order and its wave's number, both from 1
function turn.places(plan)
  local place, wave_of, wave, left = {}, {}, 1, plan.waves[1].robots
  for i, id in ipairs(plan.order) do
    while left == 0 do wave, left = wave + 1, plan.waves[wave + 1].robots end
    place[id], wave_of[id], left = i, wave, left - 1
  end
  return { place = place, wave = wave_of }
end

-- Did a robot that took its turn in this run commit? One that had the release already took none: it tells no round.
local function has_canary(plan, known)
  for _, id in ipairs(plan.order) do
    local status = known[id]
    if status and status.state == "committed" and status.round then return true end
  end
  return false
end

--- The wave whose limits hold in ROUND: the first one until a robot committed, the last one after all waves.
function turn.wave(plan, known, round)
  if not has_canary(plan, known) then return plan.waves[1] end
  return plan.waves[math.min(round, #plan.waves)]
end

--- The round that robot ID is in. PLACES: turn.places of the plan.
function turn.round(places, known, id)
  local status = known[id]
  return status and status.round or places.wave[id]
end

local function is_resolved(given, id)
  local status = given.known[id]
  return given.skipped[id] or status ~= nil and turn.RESOLVED[status.state] == true
end

local function is_absent(given, id)
  local status = given.known[id]
  return given.absent[id] and not (status and turn.BEGUN[status.state])
end

local function add(list, id)
  list.count = list.count + 1
  if list.count <= SHOWN then list[list.count] = id end
end

-- Who holds up robot ME of round ROUND: { behind = unresolved ones of earlier rounds, before = those of the same round
-- that stand before it, away = how many of either are absent, failures }.
local function look(given, me, round)
  local plan, places = given.plan, given.places
  local found = { behind = { count = 0 }, before = { count = 0 }, failures = 0, away_behind = 0, away_before = 0 }
  for i, id in ipairs(plan.order) do
    local status = given.known[id]
    if status and turn.FAILED[status.state] then found.failures = found.failures + 1 end
    if id ~= me and not is_resolved(given, id) then
      local its, away = turn.round(places, given.known, id), is_absent(given, id)
      if its < round and away then
        found.away_behind = found.away_behind + 1
      elseif its < round then
        add(found.behind, id)
      elseif its == round and i < places.place[me] then
        add(found.before, id)
        found.away_before = found.away_before + (away and 1 or 0)
      end
    end
  end
  return found
end

local function closed(code, more)
  more.code = code
  return nil, more
end

--- May robot ME begin?
--- given.plan     as plan.lua reads it
--- given.places   turn.places of it
--- given.known    by ID { state =, round = of its status | nil }, ME's own too
--- given.absent   set of IDs that were not heard for as long as the plan says
--- given.skipped  set of IDs that signed words skip
--- → true, the wave whose limits hold | nil, { code = "named", "skipped", "begun", "failures", "absent", "behind" or
--- "before": why not, robots = IDs (the first eight), count = of how many, most = how many there may be }
function turn.may_start(given, me)
  local plan, mine = given.plan, given.known[me]
  if not given.places.place[me] then return closed("named", {}) end
  if given.skipped[me] then return closed("skipped", {}) end
  if mine and (turn.BEGUN[mine.state] or turn.RESOLVED[mine.state]) then return closed("begun", {}) end
  local round = turn.round(given.places, given.known, me)
  local wave, found = turn.wave(plan, given.known, round), look(given, me, round)
  if found.failures >= plan.max_failures then
    return closed("failures", { count = found.failures, most = plan.max_failures - 1 })
  end
  if found.behind.count > 0 then
    return closed("behind", { robots = found.behind, count = found.behind.count, most = 0 })
  end
  if found.away_behind > plan.absent.most then
    return closed("absent", { count = found.away_behind, most = plan.absent.most })
  end
  local left_out = math.min(found.away_before, plan.absent.most - found.away_behind)
  if found.before.count - left_out >= wave.max_unavailable then
    return closed("before", { robots = found.before, count = found.before.count - left_out,
      most = wave.max_unavailable - 1 })
  end
  return true, wave
end

return turn
