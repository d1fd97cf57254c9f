-- record.lua - `record sign` and `record dismiss`: a person signs what somebody proposes already, or that it shall
-- not be.
local asking = require "cli.asking"
local json = require "core.json"
local record_show = require "cli.record_show"
local text = require "core.text"
local trust = require "cli.trust"

local record = {}

local LEAST <const> = 4 -- characters of a hash
local ACTS <const> = { -- data: which member of the proposal the word has as its DATA
  sign = { verb = "propose", data = "data", question = "Sign the same?", done = "Signed." },
  dismiss = { verb = "dismiss", data = "hash", question = "Dismiss that proposal?", done = "Dismissed." },
}

local function candidates(proposals)
  local list = {}
  for i, one in ipairs(proposals) do
    list[i] = { say = "--hash " .. one.hash:sub(1, 8),
      text = one.data and text.escape(json.encode(one.data)):sub(1, 120) or one.hash }
  end
  return list
end

-- The proposal whose hash begins with options.hash; without it the only one. → proposal | nil, exit code
local function pick(context, answer, options)
  local found = {}
  for _, one in ipairs(answer.proposals) do
    local hash = options.hash
    if not hash or #hash >= LEAST and one.hash:sub(1, #hash) == hash then found[#found + 1] = one end
  end
  if found[2] then
    return trust.refuse(context, ("%d different things are proposed there; say which:"):format(#found), "ambiguous",
      candidates(found))
  end
  if not found[1] then
    return trust.refuse(context, options.hash and "nothing is proposed there whose hash begins so"
      or "nothing is proposed there", "missing")
  end
  return found[1]
end

-- Signs WORD about the record ANSWER; QUESTION is asked before. → exit code
local function sign(context, options, answer, word, question)
  local s = context.show
  local signer, exit = trust.signer(context, options)
  if not signer then return exit end
  if not context.as_json then record_show.show(answer, s) end
  local ok
  ok, exit = asking.sure(context, question, options)
  if ok then ok, exit = trust.say(signer, { word }) end
  if not ok then return exit end
  local after
  if not options.to then
    after = context:ask_quietly { command = "record", bucket = answer.bucket, key = answer.key }
  end
  local holds = after and (" %s now: %s."):format(after.holds and "Holds" or "Does not hold", s:text(after.why)) or ""
  return trust.finish(context, options, { command = "record " .. options.verb, bucket = answer.bucket, key = answer.key,
    holds = after and after.holds, why = after and after.why },
    { ACTS[options.verb].done .. holds })
end

--- OPTIONS.verb: "sign" or "dismiss". → exit code
function record.run(context, options)
  local answer, exit = context:ask(record_show.request(options))
  if not answer then return exit end
  local act = ACTS[options.verb]
  local word = { verb = act.verb, bucket = answer.bucket, key = answer.key, ttl = answer.max_ttl }
  if options.verb == "dismiss" and not options.hash then
    return sign(context, options, answer, word, "Dismiss all that is proposed there?")
  end
  local one
  one, exit = pick(context, answer, options)
  if not one then return exit end
  word.data = one[act.data]
  return sign(context, options, answer, word, act.question)
end

return record
