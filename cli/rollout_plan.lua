-- rollout_plan.lua - `rollout plan`: a plan file as the plan that would be signed, played through on demand; and whom
-- earlier runs left out. Signs nothing, changes nothing.
local is_away = require "cli.updates".is_away
local json = require "core.json"
local plan_file = require "cli.plan_file"
local plans = require "clients.updates.plan"
local text = require "core.text"
local update_keys = require "dcache.update_keys"
local warnings = require "cli.rollout_warnings"

local rollout_plan = {}

local BYTES_MAX <const> = 64 * 1024 -- of a plan file

-- == what the daemon knows

-- Which robots some run of NAME brought to SEQ or beyond, as a set of IDs.
local function brought(runs, name, seq)
  local there = {}
  for _, run in ipairs(runs) do
    local its_name, its_seq = update_keys.run(run.run)
    if its_name == name and its_seq >= seq then
      for _, robot in ipairs(run.robots or {}) do
        if robot.state == "committed" then there[robot.id] = true end
      end
    end
  end
  return there
end

local function release_of(updates, key)
  local found, used, next_run = nil, {}, 1
  for _, one in ipairs(updates.releases) do
    if one.key == key then found = one end
  end
  if not found then return nil, ("%s is no release that is known here: release list"):format(key) end
  for _, run in ipairs(updates.runs) do
    local name, seq, number = update_keys.run(run.run)
    if name == found.name and seq == found.seq then used[number], next_run = true, math.max(next_run, number + 1) end
  end
  return { kind = found.kind, run = next_run, used = used }
end

-- Bytes of the largest artefact of the release KEY.
local function size_of(releases, key)
  local size = 1
  for _, one in ipairs(releases) do
    for _, artefact in ipairs(one.key == key and one.artefacts or {}) do size = math.max(size, artefact.size) end
  end
  return size
end

--- Robots and releases as the daemon knows them: { rows, by_id, updates } | nil, exit code, words said
function rollout_plan.facts(context)
  local updates, exit = context:ask { command = "updates" }
  if not updates then return nil, exit end
  local answer
  answer, exit = context:ask { command = "discover", all = true }
  if not answer then return nil, exit end
  local facts = { rows = plan_file.sorted(answer.nodes), by_id = {}, updates = updates }
  for _, row in ipairs(facts.rows) do facts.by_id[row.id] = row end
  return facts
end

--- The plan that the file at PATH says. OPTIONS.rest: for those alone whom no run of its release brought there.
--- → plan, { rows = of discover, by_id, size = bytes of the release, updates = the daemon's answer } | nil, exit code,
--- words said
function rollout_plan.of(context, path, options)
  local source = context.world.read(path, BYTES_MAX + 1)
  if not source then return context:refuse(("%s: no such file, or it cannot be read"):format(path), "missing") end
  if #source > BYTES_MAX then
    return context:refuse(("%s: a plan file has at most %d bytes"):format(path, BYTES_MAX), "long")
  end
  local facts, exit = rollout_plan.facts(context)
  if not facts then return nil, exit end
  local plan, why = plan_file.run(source, path, { robots = facts.rows, swarm = facts.updates.swarm,
    release = function(key) return release_of(facts.updates, key) end,
    done = options.rest and function(key)
      local name, seq = update_keys.release(key)
      return brought(facts.updates.runs, name, seq)
    end or nil })
  if not plan then return context:refuse(why, "form") end
  facts.size = size_of(facts.updates.releases, plan.release)
  return plan, facts
end

-- == what is shown

local function robot(facts, id)
  local row = facts.by_id[id]
  return { id = id, label = row.label or row.name or id, status = row.status, seen_ms = row.seen_ms }
end

-- The waves of PLAN with the robots of each.
local function waves_of(plan, facts)
  local waves, at = json.array {}, 0
  for i, wave in ipairs(plan.waves) do
    local robots = json.array {}
    for k = 1, wave.robots do robots[k] = robot(facts, plan.order[at + k]) end
    at = at + wave.robots
    waves[i] = { max_unavailable = wave.max_unavailable, robots = robots, soak = wave.soak }
  end
  return waves
end

local COLUMNS <const> = {
  { title = "WAVE", rank = 1 }, { title = "ROBOTS", rank = 3 }, { title = "AT ONCE", rank = 2 },
  { title = "SOAK", rank = 4 }, { title = "STARTS", rank = 1 }, { title = "WHO", give = true, least = 12, rank = 1 },
}

local NAMED <const> = 12 -- robots of a wave that its row names

local function who(robots, s)
  local names = {}
  for i = 1, math.min(#robots, NAMED) do names[i] = s:text(robots[i].label) end
  return table.concat(names, " ") .. (#robots > NAMED and (" and %d more"):format(#robots - NAMED) or "")
end

-- STARTS: ms of the first start of each wave, where they are known.
local function rows_of(waves, starts, s)
  local rows = {}
  for i, wave in ipairs(waves) do
    local at = starts and starts[i]
    local when = not starts and "" or not at and "never" or at < 60000 and "now" or "after " .. s.span(at)
    rows[i] = { ("%d"):format(i), ("%d"):format(#wave.robots), ("%d"):format(wave.max_unavailable),
      s.span(wave.soak * 1000), when, who(wave.robots, s) }
    if not starts then table.remove(rows[i], 5) end
  end
  return rows
end

local function say_bounds(answer, s)
  local plan = answer.plan
  local goes_on = answer.failed_most > plan.max_failures and ", as who has begun goes on" or ""
  s:say(("%s, run %d: %s, at most %d down at once; it stops at %s. At most %d fail%s."):format(plan.release,
    plan.run, s.count(#plan.order, "robot"), answer.down_most, s.count(plan.max_failures, "failure"),
    answer.failed_most, goes_on))
  local away = {}
  for _, wave in ipairs(answer.waves) do
    for _, one in ipairs(wave.robots) do
      if is_away(one.status) then away[#away + 1] = s:text(one.label) end
    end
  end
  if away[1] then
    local it, they_are = "it", "it is"
    if away[2] then it, they_are = "them", "they are" end
    local whom = plan.absent.most > 0 and ("all but %d of them"):format(plan.absent.most) or it
    s:say(("Not here now: %s. Those behind wait for %s, until %s back or skipped."):format(s.list(away), whom,
      they_are))
  end
end

local function show_plan(answer, s)
  local starts = answer.simulated and answer.simulated.starts
  local columns = table.move(COLUMNS, 1, #COLUMNS, 1, {})
  if not starts then table.remove(columns, 5) end
  s:table(columns, rows_of(answer.waves, starts, s))
  if answer.simulated then require("cli.rollout_played").say(answer, s) else say_bounds(answer, s) end
  warnings.say_time(answer.timeless, #answer.plan.order, s)
end

-- == whom earlier runs left out

-- Of each name the newest release that was rolled out, and who has it not: { release, robots, named = how many of
-- them some run of it named }
local function left_of(facts)
  local newest, list = {}, json.array {}
  for _, run in ipairs(facts.updates.runs) do
    local name, seq = update_keys.run(run.run)
    newest[name] = math.max(newest[name] or 0, seq)
  end
  for _, name in ipairs(require("sorted").keys(newest)) do
    local named, one = {}, { release = ("%s/%d"):format(name, newest[name]), robots = json.array {} }
    local there = brought(facts.updates.runs, name, newest[name])
    for _, run in ipairs(facts.updates.runs) do
      local its_name, its_seq = update_keys.run(run.run)
      local is_of_it = its_name == name and its_seq == newest[name]
      for _, each in ipairs(is_of_it and run.robots or {}) do named[each.id] = each.state or "waits" end
    end
    for _, row in ipairs(facts.rows) do
      if not there[row.id] then
        local each = robot(facts, row.id)
        each.type, each.state = row.type, named[row.id]
        one.robots[#one.robots + 1] = each
      end
    end
    list[#list + 1] = one
  end
  return list
end

local REST <const> = { { title = "RELEASE", rank = 1 },
  { title = "NAME", give = true, least = 13, cut = "middle", rank = 1 },
  { title = "TYPE", give = true, least = 10, rank = 3 }, { title = "STATE", rank = 2 }, { title = "SEEN", rank = 4 } }

local function show_rest(list, s)
  local rows = {}
  for _, one in ipairs(list) do
    for _, each in ipairs(one.robots) do
      rows[#rows + 1] = { s:text(one.release), s:text(each.label), s:text(each.type), s:text(each.state or "not named"),
        s.age(each.seen_ms) }
    end
  end
  if not list[1] then return s:say "Nothing was rolled out yet." end
  if not rows[1] then return s:say "Nobody is left: all that are known here have the newest releases." end
  s:table(REST, rows)
  s:say(("%s left. A plan for them alone: rollout plan FILE --rest"):format(s.count(#rows, "robot")))
end

local function run_rest(context)
  local facts, exit = rollout_plan.facts(context)
  if not facts then return exit end
  local list = left_of(facts)
  if context.as_json then return context:json { schema = 1, rest = list } end
  show_rest(list, context.show)
  return context.exit.ok
end

local function answer_of(plan, facts)
  local answer = { schema = 1, plan = plan, waves = waves_of(plan, facts), size = #assert(plans.write(plan)) }
  answer.down_most = plans.down_most(plan, #plan.order)
  answer.failed_most = math.min(#plan.order, plan.max_failures + answer.down_most - 1)
  answer.timeless = warnings.timeless(plan, facts)
  return answer
end

--- PLAN, FACTS: what `of` gave, shown.
function rollout_plan.show(plan, facts, s) show_plan(answer_of(plan, facts), s) end

function rollout_plan.run(context, options)
  if not options.file and options.rest then return run_rest(context) end
  if not options.file then return context:misused "Which plan file? rollout plan FILE" end
  for _, name in ipairs { "off", "fail", "runs" } do
    if options[name] and not options.simulate then
      return context:misused(("rollout plan: --%s needs --simulate"):format(name))
    end
  end
  local plan, facts = rollout_plan.of(context, options.file, options)
  if not plan then return facts end
  local answer = answer_of(plan, facts)
  if options.simulate then
    local played, why = require("cli.rollout_played").play(context, plan, facts, options)
    if not played then return context:misused(text.escape(why)) end
    answer.simulated = played
  end
  if options.json then return context:json(answer) end
  show_plan(answer, context.show)
  return context.exit.ok
end

return rollout_plan
