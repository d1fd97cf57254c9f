-- rollout_status.lua - `rollout status`: how far each run is. It asks the daemon only.
local rows = require "cli.rollout_rows"
local sorted = require "sorted"
local trust = require "cli.trust"
local update_keys = require "dcache.update_keys"
local updates = require "cli.updates"

local status = {}

local COLUMNS <const> = {
  { title = "RUN", rank = 1 }, { title = "KIND", rank = 4 }, { title = "VERSION", give = true, least = 6, rank = 3 },
  { title = "DONE", align = "right", rank = 1 }, { title = "STATE", give = true, least = 9, rank = 2 },
}

local function state_of(run, s)
  local state, colour = updates.state(run)
  return { s:text(state), colour = colour }
end

-- One line a run.
local function list(runs, s)
  local lines = {}
  for i, run in ipairs(runs) do
    local done = 0
    for _, robot in ipairs(run.robots) do done = done + (robot.state == "committed" and 1 or 0) end
    lines[i] = { s:text(run.run), s:text(run.kind), s:text(run.version), ("%d of %d"):format(done, #run.robots),
      state_of(run, s) }
  end
  s:table(COLUMNS, lines)
  s:say "One of them: rollout status RUN."
end

local function is_newer(one, other)
  local _, seq, number = update_keys.run(one.run)
  local _, its_seq, its_number = update_keys.run(other.run)
  return seq > its_seq or seq == its_seq and number > its_number
end

-- Beside the run SHOWN: the newest of each name, where that came to its end and not to what it was for.
local function say_newest(runs, shown, s)
  local newest = {}
  for _, run in ipairs(runs) do
    local name = update_keys.run(run.run)
    if not newest[name] or is_newer(run, newest[name]) then newest[name] = run end
  end
  for _, name in ipairs(sorted.keys(newest)) do
    local run = newest[name]
    local over = run ~= shown and not run.complete and not updates.ended(run) and updates.over(run)
    if over then s:say(("%s is over: %s. Why: rollout status %s"):format(s:text(run.run), over, s:text(run.run))) end
  end
end

local function chosen(context, answer, options)
  if options.run then
    local run, exit = updates.run(context, answer, options.run)
    return run and { run }, exit
  end
  local open = {}
  for _, run in ipairs(answer.runs) do
    if not updates.over(run) then open[#open + 1] = run end
  end
  if not options.all and open[1] and not open[2] then return open end
  return answer.runs
end

function status.run(context, options)
  local answer, exit = updates.facts(context)
  if not answer then return exit end
  local runs
  runs, exit = chosen(context, answer, options)
  if not runs then return exit end
  if options.json then
    answer.runs = options.run and require "core.json".array(runs) or answer.runs
    return context:json(answer)
  end
  local s = context.show
  trust.say_rivals(answer, s)
  if not runs[1] then
    s:say "No rollout is known here. To begin one: release new, rollout plan, rollout start."
  elseif runs[2] then
    list(runs, s)
  else
    if not options.run then say_newest(answer.runs, runs[1], s) end
    rows.status(runs[1], s, options.all)
  end
  return context.exit.ok
end

return status
