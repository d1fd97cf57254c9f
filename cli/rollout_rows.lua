-- rollout_rows.lua - how a run looks: its plan, its robots, how far it is. Asks nobody.
local plans = require "clients.updates.plan"
local updates = require "cli.updates"

local rows = {}

local SHOWN <const> = 40 -- robots; of more those that are not done
local REASONS <const> = 8 -- different ones that robots have
local NAMED <const> = 12 -- robots that a sentence or a row of the plan names

rows.COLOURS = { committed = "good", applying = "title", failed = "bad", rolled_back = "bad", rejected = "warn",
  deferred = "warn", skipped = "dim" }

local DONE <const> = { committed = true, skipped = true }
local RANK <const> = { failed = 1, rolled_back = 1, applying = 2 } -- in which order people look at many robots

local function names(list, s)
  local shown = {}
  for i = 1, math.min(#list, NAMED) do shown[i] = s:text(list[i].label) end
  if #list > NAMED then shown[#shown + 1] = ("%d more"):format(#list - NAMED) end
  return s.list(shown)
end

local PLAN <const> = {
  { title = "WAVE", rank = 1 }, { title = "ROBOTS", align = "right", rank = 3 },
  { title = "AT ONCE", align = "right", rank = 2 }, { title = "SOAK", rank = 4 },
  { title = "WHO", give = true, least = 12, rank = 1 },
}

local function robots_of(run, wave)
  local list = {}
  for _, robot in ipairs(run.robots) do
    if robot.wave == wave then list[#list + 1] = robot end
  end
  return list
end

--- The plan of RUN, of `updates`, as it is to be signed.
function rows.plan(run, s)
  local plan, list = run.plan_facts, {}
  for i, wave in ipairs(plan.waves) do
    list[i] = { tostring(i), tostring(wave.robots), tostring(wave.max_unavailable), s.span(wave.soak * 1000),
      names(robots_of(run, i), s) }
  end
  s:line(("%s, %s %s"):format(s:paint("title", s:text(run.run)), s:text(run.kind), s:text(run.version)))
  s:table(PLAN, list)
  s:say(("At most %d down at once; it stops at %s. A robot that cannot use its turn for %s goes on to the next round; \z
    one that cannot tell whether it is well %s. Time: %s."):format(plans.down_most(plan, #run.robots),
    s.count(run.max_failures, "failure"), s.span(plan.patience * 1000),
    plan.unknown == "back" and "goes back" or "stays", s:text(plan.clock)))
  if plan.absent.most > 0 then
    s:say(("Up to %s may be left out that %s not heard for %s."):format(s.count(plan.absent.most, "robot"),
      plan.absent.most == 1 and "is" or "are", s.span(plan.absent.after * 1000)))
  end
end

-- == how far it is

local COLUMNS <const> = {
  { title = "ROBOT", cut = "middle", give = true, least = 8, rank = 1 }, { title = "WAVE", align = "right", rank = 5 },
  { title = "ROUND", align = "right", rank = 4 }, { title = "STATE", rank = 1 }, { title = "SEEN", rank = 3 },
}

local function row(robot, s)
  return { s:text(robot.label), tostring(robot.wave), tostring(robot.round),
    { s:text(updates.state_of(robot)), colour = rows.COLOURS[robot.state or ""] },
    robot.self and "here" or s.age(robot.seen_ms) }
end

-- What robots say of their state, each reason once: "ada and bea rejected (target): no handler of kind deb."
local function say_reasons(run, s)
  local list, by_text = {}, {}
  for _, robot in ipairs(run.robots) do
    local why = robot.why or robot.word
    local word = robot.why and robot.word and (" (%s)"):format(robot.word) or ""
    local text = why and ("%s%s: %s"):format(updates.state_of(robot), word, why)
    if text and not by_text[text] and #list < REASONS then
      by_text[text] = {}
      list[#list + 1] = text
    end
    if by_text[text] then table.insert(by_text[text], robot) end
  end
  for _, text in ipairs(list) do s:say(("%s %s."):format(names(by_text[text], s), s:text(text))) end
end

-- Why the run does not count. Of one that counts: why this node takes no part, where its own status does not say so.
local function say_why_not(run, s)
  if not run.text or not run.word then return end
  local form = updates.ended(run) and "It has ended: %s." or "It does not count: %s (%s)."
  for _, robot in ipairs(run.counts and run.robots or {}) do
    if robot.self and (robot.word or robot.why) then return end
  end
  if run.counts then form = "This node takes no part in it: %s (%s)." end
  s:say(form:format(updates.said(run.text, s), s:text(run.word)))
end

local function say_troubles(run, s)
  say_why_not(run, s)
  if run.pause then
    local left = run.pause.left_ms and (" for %s"):format(s.span(run.pause.left_ms)) or ""
    s:say(("Paused by %s%s: %s. Nobody begins; what is under way goes on. To go on: rollout resume %s"):format(
      s:text(run.pause.by), left, s:text(run.pause.why), s:text(run.run)))
  end
  if run.stopped then
    s:say(("It has stopped: %s of %d. Nobody else begins; look at those robots, then sign another run for the rest: \z
      rollout plan FILE --rest"):format(s.count(run.failures, "failure"), run.max_failures))
  end
end

local AWAY_MS <const> = 6 * 60 * 1000 -- not heard for so long: also one that is not called lost
local SKIPPED <const> = 8 -- robots that one skip may name

-- Robots of RUN that are not here and that others wait for, who stand behind them; and for how long the one that was
-- heard last was not.
local function awaited(run)
  local list, least, last = {}, nil, nil
  for _, robot in ipairs(run.robots) do
    local is_last = not last or robot.round > last.round or robot.round == last.round and robot.place > last.place
    if not updates.resolved(robot) and is_last then last = robot end
  end
  for _, robot in ipairs(run.robots) do
    local seen = robot.seen_ms or 0
    local away = updates.is_away(robot.node_status) or seen >= AWAY_MS
    if away and not robot.self and not updates.resolved(robot) and robot ~= last then
      list[#list + 1], least = robot, math.min(least or seen, seen)
    end
  end
  return list, least
end

local function say_away(run, s)
  if updates.over(run) or run.stopped then return end
  local list, least = awaited(run)
  local absent = run.plan_facts and run.plan_facts.absent or { most = 0 }
  local one = #list == 1
  if #list == 0 or #list <= absent.most and least >= absent.after * 1000 then return end
  local labels = {}
  for i = 1, math.min(#list, SKIPPED) do labels[i] = s:text(list[i].label) end
  local left_out = absent.most > 0 and (" (but for %d, once not heard for %s)"):format(absent.most,
    s.span(absent.after * 1000)) or ""
  s:say(("%s %s not been heard for %s%s; those behind wait for %s%s: rollout skip %s %s"):format(names(list, s),
    one and "has" or "have", s.span(least), one and "" or " or longer", one and "it" or "them", left_out,
    s:text(run.run), table.concat(labels, " ")))
end

-- Robots that could begin, and do not.
local function some_wait(run)
  if updates.over(run) or run.stopped or run.pause or run.counts == false then return false end
  for _, robot in ipairs(run.robots) do
    if not robot.state or robot.state == "deferred" then return true end
  end
  return false
end

local function say_unnamed(run, s)
  local n = run.unnamed or 0
  if n == 0 then return end
  local labels = {}
  for i, label in ipairs(run.unnamed_labels or {}) do labels[i] = { label = label } end
  local which = labels[1] and (": " .. names(labels, s) .. (n > #labels and " …" or "")) or ""
  s:say(("%s here %s not named by the plan, so %s never start%s%s. A plan for them: rollout plan FILE --rest"):format(
    s.count(n, "robot"), n == 1 and "is" or "are", n == 1 and "it" or "they", n == 1 and "s" or "", which))
end

-- Of many robots those that people look for first: in trouble, at work, then in the order of the plan; who is done not
-- at all. → rows, how many are left out
local function some(run, all, s)
  local by_rank, list = { {}, {}, {} }, {}
  for _, robot in ipairs(run.robots) do
    if all or #run.robots <= SHOWN then
      list[#list + 1] = row(robot, s)
    elseif not DONE[robot.state or ""] then
      table.insert(by_rank[RANK[robot.state or ""] or #by_rank], robot)
    end
  end
  for _, robots in ipairs(by_rank) do
    for i = 1, math.min(#robots, SHOWN - #list) do list[#list + 1] = row(robots[i], s) end
  end
  return list, #run.robots - #list
end

local STANDS <const> = { complete = "Complete", ended = "Ended", stopped = "Stopped", over = "Over", paused = "Paused",
  ["under way"] = "Under way" }

--- RUN, of `updates`: who is how far; ALL: each robot, also of many.
function rows.status(run, s, all)
  local list, left = some(run, all, s)
  s:line(("%s, %s %s"):format(s:paint("title", s:text(run.run)), s:text(run.kind), s:text(run.version)))
  if list[1] then s:table(COLUMNS, list) end
  if left > 0 then s:say(("and %s: --all"):format(s.count(left, "other robot"))) end
  say_reasons(run, s)
  say_troubles(run, s)
  say_away(run, s)
  say_unnamed(run, s)
  if run.robots[1] then
    s:say(("%s: %s."):format(STANDS[updates.state(run)] or "Not under way", updates.how_far(run)))
  elseif not updates.ended(run) then
    s:say "The plan is not here yet, so nobody knows whom it names."
  end
  if some_wait(run) then s:say "Why one waits: dt-swarm-cli ROBOT update explain" end
end

return rows
