-- rollout_played.lua - a plan played through in the simulator, several times with other chances: when who begins, how
-- many are down, who waits for whom. Signs nothing, asks no robot.
local json = require "core.json"
local turn = require "clients.updates.turn"

local rollout_played = {}

local RUNS <const>, WORK <const> = 20, 800 -- of a plan; so many times the square of its robots
local LOSS <const> = 10 -- percent
local MANY <const> = 8 -- robots, for whom it takes so long that a person is told
local STEP <const> = 60 * 1000 -- ms between two looks whether it is over
local IDLE <const> = 12 * 60 * 1000 -- ms without a change, beside the plan's own times, that end it

-- The IDs of the robots in WORDS, such as "donald,bea" → set | nil, why
local function chosen(words, plan, facts)
  local set = {}
  for word in (words or ""):gmatch "[^,%s]+" do
    local found
    for _, id in ipairs(plan.order) do
      local row = facts.by_id[id]
      if id == word or row.label == word or row.name == word and not found then found = id end
    end
    if not found then return nil, ("%s: no robot of the plan is called so"):format(word) end
    set[found] = true
  end
  return set
end

-- ms without news after which a run of PLAN stands still.
local function patience_of(plan)
  local most = 0
  for _, wave in ipairs(plan.waves) do most = math.max(most, wave.soak) end
  return IDLE + 1000 * (most + (plan.absent.most > 0 and plan.absent.after or 0))
end

-- One run. → what became of it
local function play_once(given, seed)
  local fleet = require("sim.rollout").new { seed = seed, loss = LOSS / 100, plan = given.plan, policy = given.policy,
    off = given.off, fail = given.fail, size = given.size }
  fleet:start()
  local changed, patience = 0, patience_of(given.plan)
  repeat
    fleet:run(STEP)
    for _, one in ipairs(fleet.robots) do changed = math.max(changed, one.changed or 0) end
  until fleet:is_done() or fleet:ms() - changed > patience
  return fleet
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- What the fleets have in common: of each robot (by its place in the order) how often it was in which state at the end,
-- when it began.
local function sum_up(plan, fleets)
  local found = { runs = #fleets, loss_percent = LOSS, down_most = 0, failed_most = 0, robots = json.array {} }
  for i, id in ipairs(plan.order) do
    found.robots[i] = { id = id, committed = 0, rolled_back = 0, waits = 0, at = {} }
  end
  for _, fleet in ipairs(fleets) do
    found.down_most = math.max(found.down_most, fleet.down_most)
    found.failed_most = math.max(found.failed_most, fleet.failed)
    for i, one in ipairs(fleet.robots) do
      local row, state = found.robots[i], one.state
      if not turn.RESOLVED[state] then state = "waits" end
      row[state], row.at[#row.at + 1] = (row[state] or 0) + 1, one.started
      if one.ended then found.done_ms = math.max(found.done_ms or 0, one.ended) end
    end
  end
  for _, row in ipairs(found.robots) do
    row.starts_ms, row.at = median(row.at), nil
  end
  return found
end

-- ms of the first start in each wave; false where none began.
local function starts_of(plan, robots)
  local starts, at = json.array {}, 0
  for i, wave in ipairs(plan.waves) do
    local first
    for k = at + 1, at + wave.robots do
      local ms = robots[k].starts_ms
      first = ms and math.min(first or ms, ms) or first
    end
    starts[i], at = first or false, at + wave.robots
  end
  return starts
end

-- Who begins when, the first one first: IDs.
local function order_of(robots)
  local list, order = {}, json.array {}
  for i, row in ipairs(robots) do
    if row.starts_ms then list[#list + 1] = { row.starts_ms, i, row.id } end
  end
  table.sort(list, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for i, one in ipairs(list) do order[i] = one[3] end
  return order
end

-- PLAN, and the sets OFF and FAIL of its robots, for a fleet whose robots have names that nodes may have.
local function by_names(plan, off, fail)
  local copy, given = { order = json.array {} }, { off = {}, fail = {} }
  for name, value in pairs(plan) do copy[name] = copy[name] or value end -- any order
  for i, id in ipairs(plan.order) do
    local name = "robot-" .. i
    copy.order[i], given.off[name], given.fail[name] = name, off[id], fail[id]
  end
  given.plan = copy
  return given
end

--- Plays PLAN through, OPTIONS.runs times. OPTIONS.off, OPTIONS.fail: names, "a,b". → what is shown | nil, why
function rollout_played.play(context, plan, facts, options)
  local off, fail, why
  off, why = chosen(options.off, plan, facts)
  if not off then return nil, why end
  fail, why = chosen(options.fail, plan, facts)
  if not fail then return nil, why end
  local given = by_names(plan, off, fail)
  given.size = facts.size
  given.policy = require("sim.rollout").policy(context.world.root .. "/policies")
  local fleets, runs = {}, options.runs or math.max(1, math.min(RUNS, WORK // (#plan.order * #plan.order)))
  if context.world.columns(2) and #plan.order > MANY then
    context:complain(("%d robots are played through %s; Ctrl-C ends it."):format(#plan.order,
      runs == 1 and "once" or runs .. " times"))
  end
  for seed = 1, runs do fleets[seed] = play_once(given, seed) end
  local found = sum_up(plan, fleets)
  found.starts, found.order = starts_of(plan, found.robots), order_of(found.robots)
  for _, row in ipairs(found.robots) do row.off, row.fails = off[row.id] or nil, fail[row.id] or nil end
  return found
end

-- == in words

local NAMED <const> = 6

-- "3 commit", "1 waits (donald, off)" | nil for none
local function counted(n, verb, verbs, names)
  if n == 0 then return nil end
  local words = ("%d %s"):format(n, n == 1 and verb or verbs)
  return names and ("%s (%s)"):format(words, names) or words
end

local function names_of(rows, label, s)
  local names = {}
  for i = 1, math.min(#rows, NAMED) do names[i] = label(rows[i]) end
  return s.list(names) .. (#rows > NAMED and " …" or "")
end

-- What becomes of each in most runs: { committed, rolled_back, rejected, waits = rows each }
local function by_end(robots)
  local found = { committed = {}, rolled_back = {}, rejected = {}, waits = {} }
  for _, row in ipairs(robots) do
    local most = "waits"
    for _, state in ipairs { "rejected", "rolled_back", "committed" } do
      if (row[state] or 0) > (row[most] or 0) then most = state end
    end
    table.insert(found[most], row)
  end
  return found
end

-- Who waits: those that are OFF, and those that are ON.
local function apart(waits)
  local off, on = {}, {}
  for _, row in ipairs(waits) do table.insert(row.off and off or on, row) end
  return off, on
end

-- How it ends: all done, stopped by failures, or waiting for somebody.
local function ending(answer, off, on, label, s)
  local found, most = answer.simulated, answer.plan.max_failures
  local after = found.done_ms and " after " .. s.span(found.done_ms) or ""
  if found.failed_most >= most and on[1] then
    return ("It stops%s, by %s: %s not begin."):format(after, s.count(most, "failure"), counted(#on, "does", "do"))
  end
  if on[1] then
    local whom = off[1] and " for " .. names_of(off, label, s) or ""
    return ("Nothing more happens%s: %s%s."):format(after, counted(#on, "waits", "wait"), whom)
  end
  return ("Done%s%s."):format(after, off[1] and "; nobody waits for " .. names_of(off, label, s) or "")
end

--- Says what ANSWER.simulated came to, beneath the table.
function rollout_played.say(answer, s)
  local found, labels = answer.simulated, {}
  for _, wave in ipairs(answer.waves) do
    for _, one in ipairs(wave.robots) do labels[one.id] = s:text(one.label) end
  end
  local function label(row) return labels[row.id] end
  local ends = by_end(found.robots)
  local off, on = apart(ends.waits)
  local parts = {}
  parts[1] = counted(#ends.committed, "commits", "commit")
  parts[#parts + 1] = counted(#ends.rolled_back, "rolls back", "roll back")
  parts[#parts + 1] = counted(#ends.rejected, "rejects it", "reject it")
  parts[#parts + 1] = counted(#off, "waits", "wait", names_of(off, label, s) .. ", off")
  parts[#parts + 1] = counted(#on, "waits", "wait", names_of(on, label, s))
  s:say(("%s, loss 0.%d: %s. Never over %d down (limit %d)."):format(s.count(found.runs, "run"),
    found.loss_percent // 10, table.concat(parts, ", "), found.down_most, answer.down_most))
  s:say(ending(answer, off, on, label, s))
end

return rollout_played
