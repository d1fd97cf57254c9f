-- release_sign.lua - `release sign NAME/SEQ`, `rollout sign RUN`: another person signs what somebody proposes already,
-- who sees before what that is: the release's data, or the plan.
local record = require "cli.release_record"
local trust = require "cli.trust"
local updates = require "cli.updates"
local warnings = require "cli.rollout_warnings"

local signing = {}

local PLAN_MS <const>, AGAIN_MS <const> = 10 * 1000, 1000 -- for how long its plan is waited for; between two looks

local function sign(context, options, given)
  local signer, exit = updates.signer(context, options)
  if not signer then return exit end
  local s = context.show
  if not context.as_json then given.show(s) end
  return updates.sign(context, options, signer, { command = given.command, bucket = given.bucket, key = given.key,
    data = given.one.data, question = ("Sign %s?"):format(given.key), again = given.again, answer = given.answer,
    words = { { verb = "propose", bucket = given.bucket, key = given.key, data = given.one.data, ttl = given.ttl } },
    more = given.more })
end

local function release(context, options)
  local one, exit = record.one(context, "updates/release", options.release, options.hash)
  if not one then return exit end
  return sign(context, options, { command = "release sign", bucket = "updates/release", key = options.release,
    one = one, again = "release sign " .. options.release, ttl = updates.TTL.release, answer = { data = one.data },
    show = function(s) s:facts(updates.data_rows(options.release, one.data, s)) end })
end

-- The run that is meant, with its plan where that comes soon: it is fetched once somebody asks. → run | nil, exit code
local function run_with_plan(context, options)
  local loop = context.world.loop()
  local till = loop:now() + PLAN_MS
  local run
  repeat
    local facts, exit = updates.facts(context)
    if not facts then return nil, exit end
    run, exit = updates.run(context, facts, options.run)
    if not run then return nil, exit end
  until run.plan_facts or loop:now() >= till or not require "cli.call".pause(loop, AGAIN_MS)
  return run
end

-- The plan of RUN and what is to be told of it, as who started it was told. FACTS: rollout_plan.facts
local function show_run(run, facts, s)
  local plan = { clock = run.plan_facts.clock, order = {} }
  for i, robot in ipairs(run.robots) do plan.order[i] = robot.id end
  require "cli.rollout_rows".plan(run, s)
  warnings.say_time(warnings.timeless(plan, facts), #plan.order, s)
  warnings.say_handler(facts.updates, run.release, s)
end

local function rollout(context, options)
  local run, exit = run_with_plan(context, options)
  if not run then return exit end
  local one
  one, exit = record.one(context, "updates/rollout", run.run, options.hash)
  if not one then return exit end
  if not run.plan_facts or run.plan ~= one.data.plan then
    return select(2, trust.refuse(context, ("the plan of %s is not here yet, so nobody can look at it: wait a moment; \z
      it comes from who signed it"):format(run.run), "missing"))
  end
  local facts
  facts, exit = require "cli.rollout_plan".facts(context)
  if not facts then return exit end
  return sign(context, options, { command = "rollout sign", bucket = "updates/rollout", key = run.run, one = one,
    again = "rollout sign " .. run.run, ttl = updates.TTL.rollout, answer = { data = one.data, plan = run.plan_facts },
    show = function(s) show_run(run, facts, s) end })
end

function signing.run(context, options)
  if options.release then return release(context, options) end
  return rollout(context, options)
end

return signing
