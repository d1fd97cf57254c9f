-- updates.lua - what the commands of `release`, `rollout` and `update` share: the daemon's facts, which run is meant,
-- words that a person signs for, and how far they count then. No command's inside.
local asking = require "cli.asking"
local byte_size = require "byte_size"
local json = require "core.json"
local sorted = require "sorted"
local trust = require "cli.trust"

local updates = {}

local DAY <const> = 24 * 60 * 60
local LISTED_MS <const>, LISTED_AGAIN_MS <const> = 3000, 200

--- How long (s) what is signed holds: as long as its bucket lets it.
updates.TTL = { release = 90 * DAY, rollout = 60 * DAY, pause = 7 * DAY, skip = 60 * DAY, dismissal = 90 * DAY }

--- All that is known of releases and runs here (clients/updates/listed.lua) | nil, exit code, with words said
function updates.facts(context) return context:ask { command = "updates" } end

-- == which run is meant

local RESOLVED <const> = { committed = true, rolled_back = true, rejected = true, skipped = true }
local AWAY <const> = { lost = true, left = true }

--- The state of ROBOT, of a run, in words.
function updates.state_of(robot) return ((robot.state or "waits"):gsub("_", " ")) end

--- How far RUN is: "3 of 5 committed, 1 applying, 1 waits"
function updates.how_far(run)
  local by, words = {}, {}
  for _, robot in ipairs(run.robots) do
    local state = updates.state_of(robot)
    by[state] = (by[state] or 0) + 1
  end
  local committed = by.committed or 0
  by.committed = nil
  for i, state in ipairs(sorted.keys(by)) do
    words[i] = ("%d %s"):format(by[state], by[state] > 1 and state == "waits" and "wait" or state)
  end
  return ("%d of %d committed%s"):format(committed, #run.robots, words[1] and ", " .. table.concat(words, ", ") or "")
end

--- Did people end RUN, or its time? A robot's own word for why it takes no part is none of that.
function updates.ended(run) return not run.counts and run.word == "ended" or not run.plan end

--- Is nothing of RUN, of `facts`, left to be done? → "5 of 5 committed" | "it has ended" | nil
function updates.over(run)
  if not run.plan and run.word ~= "ended" then return "it was taken back" end
  if updates.ended(run) then return run.text and run.text:gsub("^%l+: ", "") or "it has ended" end
  local left = not run.robots[1]
  for _, robot in ipairs(run.robots) do left = left or not RESOLVED[robot.state or ""] end
  return not left and updates.how_far(run) or nil
end

--- Is ROBOT, of a run, resolved?
function updates.resolved(robot) return RESOLVED[robot.state or ""] or false end

--- Is a node away that `discover` calls so?
function updates.is_away(status) return AWAY[status or ""] or false end

--- How RUN stands, in a word or two, and the colour of it | nil
function updates.state(run)
  if run.complete then return "complete", "good" end
  if updates.ended(run) then return "ended", "warn" end
  if run.stopped then return "stopped", "bad" end
  if updates.over(run) then return "over", "warn" end
  if run.pause then return "paused", "warn" end
  if run.word and not run.counts then return run.word, "warn" end
  return "under way"
end

-- The open ones of RUNS, or all where none is open.
local function open_ones(runs)
  local open = {}
  for _, run in ipairs(runs) do
    if not updates.over(run) then open[#open + 1] = run end
  end
  return open[1] and open or runs
end

local function candidates(runs)
  local list = {}
  for i, run in ipairs(runs) do
    local over = updates.over(run)
    list[i] = { say = run.run, text = over and "over: " .. over or updates.state(run) }
  end
  return list
end

--- The run that WORD means: "demos/42/1", or a beginning of that; without it the only one that is open.
-- → a row of ANSWER.runs | nil, exit code, with words said
function updates.run(context, answer, word)
  local found = {}
  for _, run in ipairs(answer.runs) do
    if run.run == word then return run end
    if not word or run.run:sub(1, #word + 1) == word .. "/" then found[#found + 1] = run end
  end
  local open = open_ones(found)
  if open[1] and not open[2] then return open[1] end
  if open[2] then
    return trust.refuse(context, ("%d runs fit%s; say which:"):format(#open, word and " " .. word or ""), "ambiguous",
      candidates(open))
  end
  return trust.refuse(context, word and ("no run %s is known here: rollout status"):format(word)
    or "no rollout is known here", "missing")
end

--- The same for what only an open run can be asked: where several fit and none is open, that is said.
function updates.open_run(context, answer, word)
  local found, is_over = {}, true
  for _, run in ipairs(answer.runs) do
    if not word or run.run == word or run.run:sub(1, #word + 1) == word .. "/" then
      found[#found + 1] = run
      is_over = is_over and updates.over(run) ~= nil
    end
  end
  if not is_over or not found[2] then return updates.run(context, answer, word) end
  return trust.refuse(context, ("no run%s is open; here there are:"):format(word and " of " .. word or ""), "missing",
    candidates(found))
end

-- == a record as it stands

local function standing_of(answer, data)
  local text = data and json.encode(data)
  for _, one in ipairs(answer.proposals) do
    if not text or json.encode(one.data) == text then return one end
  end
end

--- What counts under KEY of BUCKET, once it was signed: { holds, needed, signed = who counts, could = who else may
-- sign, fault = why a signature does not count } | nil: nobody knows. DATA: of which proposal; ID: whose fault is told.
function updates.standing(context, bucket, key, data, id)
  local answer = context:ask_quietly { command = "record", bucket = bucket, key = key }
  local one = answer and standing_of(answer, data)
  if not one then return nil end
  local signed, fault = {}, nil
  for _, st in ipairs(one.statements) do
    if st.counts then signed[#signed + 1] = st.signer end
    if not st.counts and st.signer.id == id then fault = st.fault or "its role may not say this" end
  end
  return { holds = one.holds, needed = answer.needed, signed = json.array(signed), could = json.array(answer.could),
    could_count = answer.could_count, fault = fault, by = answer.by, why = one.why }
end

local function keys_of(list, s)
  local keys = {}
  for i, one in ipairs(list) do keys[i] = s:key(one.id) end
  return table.concat(keys, ", ")
end

-- Who may sign what is missing, and by which command.
local function others(standing, again, s)
  local names = {}
  for i, one in ipairs(standing.could) do names[i] = s:who(one) end
  local who = names[1] and (" Who could sign: %s."):format(s.list(names)) or " Nobody else here may sign it yet."
  return who .. (names[1] and again and " They do it by: " .. again or "")
end

--- How far what WHAT names counts, in a sentence or two. AGAIN: what others type who sign it, too.
function updates.counts(standing, what, again, s)
  if not standing then return ("%s is signed; whether it counts is not known here."):format(what) end
  local n = #standing.signed
  if standing.fault then return ("Your signature does not count: %s."):format(s:text(standing.fault)) end
  local of = ("%d of %d signed: %s."):format(n, standing.needed, keys_of(standing.signed, s))
  if standing.holds then return ("%s counts%s"):format(what, standing.needed > 1 and ", " .. of or ".") end
  if n < standing.needed then return ("%s does not count yet, %s"):format(what, of) .. others(standing, again, s) end
  return ("%s does not count: %s."):format(what, s:text(standing.why))
end

-- == what a person signs

local SENDS <const> = { admin = true, root = true, trusted = true }

-- Has the key of SIGNER a role in this lab in which it may say anything of updates? → true | nil, exit code, words said
local function may_sign(context, signer)
  local facts, exit = context:ask { command = "trust" }
  if not facts then return nil, exit end
  local role
  for _, row in ipairs(facts.keys) do
    if row.id == signer.id and SENDS[row.role or ""] then return true end
    if row.id == signer.id then
      role = ("your key is %s here; releases and rollouts are for admins"):format(row.role and "a " .. row.role
        or "of no role")
    end
  end
  return context:refuse(("%s. Nothing was signed. %s %s"):format(role or "your key is not in this lab",
    trust.whom_to_ask(facts, context.show, signer.id, signer.name)), "role")
end

-- There is no operator's key; one that is made now signs nothing in a lab before it was let in.
local function say_whom(context)
  local facts = not context.as_json and context:ask_quietly { command = "trust" }
  if not facts or not facts.keys[1] then return end
  context:complain(("A new key signs nothing in this lab before it was let in. %s %s; operator new shows all of it."):
    format(trust.whom_to_ask(facts, context.show)))
end

--- The person's key | nil, exit code, with words said
function updates.signer(context, options)
  local signer, exit, code = trust.signer(context, options)
  if not signer and code == "missing" then say_whom(context) end
  if not signer then return nil, exit end
  local may
  may, exit = may_sign(context, signer)
  if not may then return nil, exit end
  return signer
end

-- The daemon lists the run KEY a moment after it was signed: who looks at once shall see it.
local function wait_for(context, key)
  local loop = context.world.loop()
  local till = loop:now() + LISTED_MS
  repeat
    local facts = context:ask_quietly { command = "updates", run = key }
    if not facts or facts.runs[1] then return end
  until loop:now() >= till or not require "cli.call".pause(loop, LISTED_AGAIN_MS)
end

--- Asks, signs GIVEN.words by SIGNER, hands them over, says how far GIVEN.what (a record's `bucket`, `key` and `data`)
-- counts; AGAIN: what others type; RUN: a new run, which the daemon is to list; MORE: sentences behind that; ANSWER:
-- more members of what --json says. → exit code
function updates.sign(context, options, signer, given)
  local s = context.show
  local ok, exit = asking.sure(context, given.question, options)
  if not ok then return exit end
  ok, exit = trust.say(signer, given.words)
  if not ok then return exit end
  if given.run then wait_for(context, given.run) end
  local standing = updates.standing(context, given.bucket, given.key, given.data, signer.id)
  local answer = { command = given.command, key = given.key, standing = standing }
  for name, value in pairs(given.answer or {}) do answer[name] = value end -- any order
  local sentences = { given.done or updates.counts(standing, given.what or given.key, given.again, s) }
  table.move(given.more or {}, 1, #(given.more or {}), 2, sentences)
  exit = trust.finish(context, options, answer, sentences)
  return standing and standing.fault and context.exit.no or exit
end

-- == shown

--- That this node, ME of `facts`, could not take a release of KIND itself: then robots may be like it. → sentence | nil
function updates.no_handler(me, kind, s)
  for _, one in ipairs(me.kinds or { kind }) do
    if one == kind then return nil end
  end
  return ("This node has no handler %s; robots without one reject it."):format(s:text(kind))
end

--- TEXT of the daemon without the word before it.
function updates.said(text, s) return s:text((text:gsub("^%l+: ", ""))) end

--- DATA of the release KEY, as rows of word and text.
function updates.data_rows(key, data, s)
  local rows = { { "release", s:text(key) .. (data.security and ", a security fix" or "") },
    { "kind", s:text(data.kind) .. (data.target and ", for " .. s:text(data.target) or "") },
    { "version", s:text(data.version) } }
  local function add(word, text) rows[#rows + 1] = text and { word, text } or nil end
  for _, one in ipairs(data.artefacts) do
    add(s:text(one[1]), ("%s  %s"):format(byte_size.of(one[3]), s:short(one[2])))
  end
  add("unpacked", data.unpacked and byte_size.of(data.unpacked))
  add("from", data.from and ("needs %s/%d or newer"):format(s:text(key:match "^[^/]*"), data.from))
  add("limit", data.limit and s.span(data.limit * 1000))
  add("tags", data.tags and data.tags[1] and s:text(table.concat(data.tags, ", ")))
  add("note", data.note and s:text(data.note))
  return rows
end

--- The highest number of a release NAME that is known here, 0 for none.
function updates.highest(answer, name)
  local most = math.max(answer.me.floor[name] or 0, (answer.me.installed[name] or { seq = 0 }).seq)
  for _, release in ipairs(answer.releases) do
    if release.name == name then most = math.max(most, release.seq) end
  end
  return most
end

return updates
