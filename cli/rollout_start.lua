-- rollout_start.lua - `rollout start FILE`: the plan that a plan file comes to is held here and signed; open runs of
-- the same name are dismissed by that.
local json = require "core.json"
local plans = require "clients.updates.plan"
local record = require "cli.release_record"
local rollout_plan = require "cli.rollout_plan"
local update_keys = require "dcache.update_keys"
local updates = require "cli.updates"
local warnings = require "cli.rollout_warnings"

local start = {}

local BUCKET <const> = "updates/rollout"

local function key_of(plan, run) return ("%s/%d"):format(plan.release, run) end

-- Did anybody ever say anything under KEY?
local function is_used(context, key)
  local _, _, code = context:ask_quietly { command = "record", bucket = BUCKET, key = key }
  return code ~= "missing"
end

-- The next number that no run of the plan's release has had | nil
local function next_run(context, plan)
  for run = 1, update_keys.RUN_MAX do
    if not is_used(context, key_of(plan, run)) then return run end
  end
end

-- The number that the daemon's list of runs would give to the next one of the plan's release.
local function listed_next(answer, plan)
  local most = 0
  for _, run in ipairs(answer.runs) do
    local name, seq, number = update_keys.run(run.run)
    if ("%s/%d"):format(name, seq) == plan.release then most = math.max(most, number) end
  end
  return most + 1
end

-- The run's number is one that nobody used: of a run that was taken back only its record tells, so who left the number
-- out gets the next one. → true | nil, exit code, with words said
local function check_run(context, plan, answer)
  if not is_used(context, key_of(plan, plan.run)) then return true end
  local free = next_run(context, plan)
  if not free then return context:refuse(("%s had %d runs; make another release of it: release again %s"):format(
    plan.release, update_keys.RUN_MAX, plan.release), "full") end
  if plan.run == listed_next(answer, plan) then
    plan.run = free
    return true
  end
  return context:refuse(("run %d of %s is used already; the next is run = %d. Nothing was signed"):format(plan.run,
    plan.release, free), "conflict")
end

-- Runs of the same name that may still begin something.
local function open_runs(answer, plan)
  local name, list = update_keys.release(plan.release), {}
  for _, run in ipairs(answer.runs) do
    local counts = run.counts ~= false or run.word == "threshold"
    if counts and update_keys.run(run.run) == name and not updates.over(run) then list[#list + 1] = run end
  end
  return list
end

local function say_before(context, plan, facts, old)
  local s = context.show
  if context.as_json then return end
  rollout_plan.show(plan, facts, s)
  warnings.say_handler(facts.updates, plan.release, s)
  for _, run in ipairs(old) do
    local its = run.plan_facts and plans.down_most(run.plan_facts, #run.robots) -- else its plan is not here
    s:say(("%s is dismissed by that. A robot that has not heard so counts in both: %s more may be down meanwhile.")
      :format(s:text(run.run), its and "up to " .. its or "some"))
  end
end

-- The words to sign: the old runs dismissed, the new one proposed.
local function words_of(key, data, old)
  local words = {}
  for i, run in ipairs(old) do
    words[i] = { verb = "dismiss", bucket = BUCKET, key = run.run, ttl = updates.TTL.dismissal }
  end
  words[#words + 1] = { verb = "propose", bucket = BUCKET, key = key, data = data, ttl = updates.TTL.rollout }
  return words
end

-- The plan's bytes are held here → the record's DATA | nil, exit code
local function take(context, plan, release)
  local bytes, why, code = plans.write(plan)
  if not bytes then return context:refuse(why, code) end
  local answer, exit = context:ask { command = "take", text = bytes }
  if not answer then return nil, exit end
  return { plan = answer.cid, release = release.hash, size = #bytes }
end

function start.run(context, options)
  local signer, exit = updates.signer(context, options)
  if not signer then return exit end
  local plan, facts = rollout_plan.of(context, options.file, { rest = options.rest })
  if not plan then return facts end
  local ok, release, data
  ok, exit = check_run(context, plan, facts.updates)
  if not ok then return exit end
  release, exit = record.one(context, "updates/release", plan.release)
  if not release then return exit end
  data, exit = take(context, plan, release)
  if not data then return exit end
  local key, old, s = key_of(plan, plan.run), open_runs(facts.updates, plan), context.show
  say_before(context, plan, facts, old)
  local dismissed = json.array {}
  for i, run in ipairs(old) do dismissed[i] = run.run end
  return updates.sign(context, options, signer, { command = "rollout start", bucket = BUCKET, key = key, data = data,
    question = ("Start %s?"):format(key), words = words_of(key, data, old), again = "rollout sign " .. key,
    run = key,
    answer = { data = data, run = key, dismissed = dismissed, release_holds = release.holds },
    more = { not release.holds and ("%s itself does not count yet (release list), so nobody begins."):format(
      s:text(plan.release)) or false, "How far it is: rollout status " .. key } })
end

return start
