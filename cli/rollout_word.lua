-- rollout_word.lua - `rollout pause|resume|skip|abort`: a person signs that nobody begins for now, or again; that
-- robots count as resolved; that the run shall not be.
local blake2b = require "core.hash".blake2b
local json = require "core.json"
local text = require "core.text"
local trust = require "cli.trust"
local update_keys = require "dcache.update_keys"
local updates = require "cli.updates"

local words = {}

local WHY_MAX <const> = 120 -- bytes
local PAUSES_MOST <const> = 99 -- of one run for one reason
local SKIP_MOST <const> = 8 -- robots in a skip

local function key_end(id) return id:sub(-4) end

-- Which robot of RUN WORD names: a name, name~key, the end of an ID or all of it → robot | nil, exit code
local function robot_of(context, run, word)
  local found = {}
  for _, robot in ipairs(run.robots) do
    local name = robot.label or ""
    if robot.id == word or name == word or name:match "^(.*)~" == word or "~" .. key_end(robot.id) == word
      or name .. "~" .. key_end(robot.id) == word then
      found[#found + 1] = robot
    end
  end
  if found[1] and not found[2] then return found[1] end
  local names = {}
  for i = 1, math.min(#run.robots, 12) do names[i] = run.robots[i].label end
  if found[1] then
    return trust.refuse(context, ("%s fits %d robots of %s; say name~key"):format(word, #found, run.run), "ambiguous")
  end
  return trust.refuse(context, ("%s is not named by %s, so there is nothing to skip; it names %s%s"):format(word,
    run.run, table.concat(names, ", "), #run.robots > #names and " …" or ""), "missing")
end

-- The pauses of RUN that hold now; and a set of the hashes of all that somebody ended.
local function pauses(context, run)
  local answer = context:ask_quietly { command = "record", bucket = "updates/pause", key = run.run }
  local list, ended = {}, {}
  for _, one in ipairs(answer and answer.proposals or {}) do
    if one.holds then list[#list + 1] = one end
  end
  for _, st in ipairs(answer and answer.dismissals or {}) do ended[st.hash or ""] = true end
  return list, ended
end

-- The beginning of LINE, at most MOST bytes of whole characters.
local function cut(line, most)
  return #line <= most and line or line:sub(1, utf8.offset(line, 0, most + 1) - 1)
end

local function hash_of(data) return text.base64url(blake2b(json.encode(data))) end

-- Whoever ends a pause bars its very DATA for good: another one for the same reason has a number behind that.
local function new_why(reason, ended)
  local why = reason
  for n = 2, PAUSES_MOST do
    if not ended[hash_of { why = why }] then return why end
    local number = (" (pause %d)"):format(n)
    why = cut(reason, WHY_MAX - #number) .. number
  end
  return why
end

local verbs = {}

function verbs.pause(context, options, run)
  local held, ended = pauses(context, run)
  if held[1] then
    return trust.refuse(context, ("%s is paused already: %s"):format(run.run, held[1].data.why), "duplicate")
  end
  local why = new_why(options.why, ended)
  local ttl = options["for"] or updates.TTL.pause
  return { bucket = "updates/pause", key = run.run, data = { why = why },
    question = ("Pause %s? Nobody begins; what is under way goes on."):format(run.run),
    words = { { verb = "propose", bucket = "updates/pause", key = run.run, data = { why = why }, ttl = ttl } },
    what = ("The pause of %s"):format(run.run), again = ("record sign updates/pause %s"):format(run.run),
    more = { ("It ends after %s, or by: rollout resume %s"):format(context.show.span(ttl * 1000), run.run) } }
end

function verbs.resume(context, _, run)
  local list = pauses(context, run)
  if not list[1] then
    return trust.refuse(context, ("%s is not paused, so there is nothing to resume"):format(run.run), "missing")
  end
  local signed = {}
  for i, one in ipairs(list) do
    signed[i] = { verb = "dismiss", bucket = "updates/pause", key = run.run, data = one.hash,
      ttl = updates.TTL.dismissal }
  end
  return { bucket = "updates/pause", key = run.run, words = signed, question = ("Resume %s?"):format(run.run),
    done = ("%s goes on where this is heard."):format(run.run) }
end

-- The key of the next skip of RUN.
local function skip_key(context, run)
  for n = 1, update_keys.RUN_MAX do
    local key = ("%s/%d"):format(run.run, n)
    local _, _, code = context:ask_quietly { command = "record", bucket = "updates/skip", key = key }
    if code == "missing" then return key end
  end
  return context:refuse("that run has too many skips; start another run", "full")
end

local DONE <const> = { committed = "has it already", rolled_back = "has gone back already", rejected = "will not begin",
  skipped = "is skipped already" }

-- → labels and IDs of those whom OPTIONS.robots names | nil, exit code
local function skipped(context, options, run)
  local labels, ids = {}, json.array {}
  for i, word in ipairs(options.robots) do
    local robot, exit = robot_of(context, run, word)
    if not robot then return nil, exit end
    local done = DONE[robot.state or ""]
    if done then
      return trust.refuse(context, ("%s %s: it holds up nobody"):format(robot.label, done), "duplicate")
    end
    labels[i], ids[i] = robot.label, robot.id
  end
  return labels, ids
end

function verbs.skip(context, options, run)
  if #options.robots > SKIP_MOST then
    return nil, context:misused(("rollout skip: at most %d robots at once"):format(SKIP_MOST))
  end
  local labels, ids = skipped(context, options, run)
  if not labels then return nil, ids end
  local key, exit = skip_key(context, run)
  if not key then return nil, exit end
  local data, n, s = { robots = ids, why = options.why }, #ids, context.show
  return { bucket = "updates/skip", key = key, data = data, again = "record sign updates/skip " .. key,
    question = ("Skip %s in %s? %s counts as done there, and one that was at work unheard makes one more down."):format(
      s.list(labels), run.run, n == 1 and "It" or "Each"), what = ("The skip of %s"):format(s.list(labels)),
    answer = { robots = ids }, words = { { verb = "propose", bucket = "updates/skip", key = key, data = data,
      ttl = updates.TTL.skip } } }
end

function verbs.abort(_, _, run)
  return { bucket = "updates/rollout", key = run.run, question = ("Abort %s? Nobody begins in it any more where that \z
    is heard; what is under way goes on to its end."):format(run.run), done = ("%s is dismissed."):format(run.run),
    words = { { verb = "dismiss", bucket = "updates/rollout", key = run.run, ttl = updates.TTL.dismissal } },
    more = { "What robots have they keep. To have the old one everywhere: release again, then another run." } }
end

function words.run(context, options)
  if options.why and #options.why > WHY_MAX then
    return context:misused(("rollout %s: --why has at most %d bytes"):format(options.verb, WHY_MAX))
  end
  options.why = options.why or "no reason given"
  local facts, exit = updates.facts(context)
  if not facts then return exit end
  local run, signer, given
  run, exit = updates.open_run(context, facts, options.run)
  if not run then return exit end
  local over = updates.over(run)
  if over then
    return select(2, trust.refuse(context, ("%s is over: %s. There is nothing to %s"):format(run.run, over,
      options.verb), "ended"))
  end
  signer, exit = updates.signer(context, options)
  if not signer then return exit end
  given, exit = verbs[options.verb](context, options, run)
  if not given then return exit end
  given.command, given.answer = "rollout " .. options.verb, given.answer or {}
  given.answer.run = run.run
  return updates.sign(context, options, signer, given)
end

return words
