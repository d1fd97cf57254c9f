-- trust.lua - what the commands of `trust` and `record` share: the daemon's facts, a person's key, what words would
-- change before they are signed, handing them over. No command's inside.
local json = require "core.json"
local node_name = require "node_name"

local trust = {}

--- Says why it is not done. → nil, exit code
function trust.refuse(context, text, code, candidates)
  local no = code == "missing" or code == "ambiguous"
  local _, exit = context:refuse(text, code, candidates)
  return nil, no and context.exit.no or exit
end

local OFFER <const> = "With --to FILE it is signed without a daemon; FILE is then taken in by `import` where one runs."

--- The answer to REQUEST; where no daemon runs and --to FILE is given: false. OPTIONS.needs_daemon: it cannot be done
-- without one. → answer | false | nil, exit code
function trust.ask(context, request, options)
  if options.to then
    local answer, _, code = context:ask_quietly(request)
    if answer then return answer end
    if code == "closed" then return false end
  end
  local answer, exit = context:ask(request)
  local may_go_without = not options.to and not options.needs_daemon
  if not answer and exit == context.exit.daemon and may_go_without then context:complain(OFFER) end
  if not answer then return nil, exit end
  return answer
end

--- What `trust list` shows | false: no daemon, and --to FILE | nil, exit code
function trust.facts(context, options) return trust.ask(context, { command = "trust" }, options) end

--- The same with `words`: all that was signed in the buckets of trust. → the same
function trust.all_facts(context, options)
  local facts, exit = trust.facts(context, options)
  if not facts then return facts, exit end
  local all
  all, exit = trust.ask(context, { command = "trust", words = true }, options)
  if not all then return nil, exit end
  facts.words = all.words
  return facts
end

--- The key that signs (cli/sign.lua). → signer | nil, exit code, word
function trust.signer(context, options) return require("cli.sign").open(context, options) end

local ADMITS <const> = { admin = true, root = true }
local ASKED <const> = 3 -- of those who may let a key in, that a person is told of

--- Whom to ask that the key ID, called NAME, may sign here, and what they type; ID nil: a key that is still to be made.
-- FACTS: what `trust list` shows. → "Ask ada UdH6 to type:", the command
function trust.whom_to_ask(facts, s, id, name)
  local rows = {}
  for _, row in ipairs(facts.keys) do
    if ADMITS[row.role or ""] and row.id ~= id then rows[#rows + 1] = row end
  end
  local line = id and (require "cli.openssh".line(id, name or ""):gsub(" $", ""))
  return ("Ask %s to type:"):format(rows[1] and trust.names(rows, s, ASKED) or "an admin of the lab"),
    ("dt-swarm-cli trust grant %s admin"):format(line and require "shell".word(line) or "'ssh-ed25519 …'")
end

--- What WORDS of SIGNER would change, by the daemon; false where there is none. → answer | false | nil, exit code
function trust.preview(context, signer, words, options)
  local list = {}
  for i, word in ipairs(words) do
    list[i] = { verb = word.verb, bucket = word.bucket, key = word.key, data = word.data, ended = word.ttl == 0 or nil }
  end
  return trust.ask(context, { command = "trust", suppose = list, signer = signer.id, at = signer:time() }, options)
end

--- Those of the preview's FAULTS for which signing is no use: all but `threshold`, where others have to sign, too.
function trust.hopeless(preview)
  for _, fault in ipairs(preview and preview.faults or {}) do
    if fault.code ~= "threshold" then return fault end
  end
end

--- Says that a word would not count, and signs nothing. → nil, exit code
function trust.would_not_count(context, fault)
  local text = (fault.text or "it would not count"):gsub("^%l+: ", "")
  return trust.refuse(context, text .. ". Nothing was signed", fault.code)
end

--- The word that the key ID is called NAME (nil: nobody knows) and has ROLE, for cli/sign.lua. TAGS: an array or nil;
-- TTL: how long (s), 0: over at once, nil: as long as its class allows.
function trust.grant(id, name, role, tags, ttl)
  return { verb = "propose", bucket = "trust/grants", key = id, ttl = ttl,
    data = { name = node_name.like(name or ""), role = role, tags = json.array(tags or {}) } }
end

--- Signs WORDS and hands them over. → true | nil, exit code, words said
function trust.say(signer, words)
  local lines, exit = signer:sign(words)
  if not lines then return nil, exit end
  return signer:put(lines)
end

--- The names of ROWS, at most MOST (8), as people read them: "ghost1 a9Qe, ghost2 Yw3b and 3 more".
function trust.names(rows, s, most)
  local names = {}
  most = most or 8
  for i = 1, math.min(#rows, most) do
    local name = rows[i].name and s:text(rows[i].name) .. " " or ""
    names[i] = name .. s:key(rows[i].id)
  end
  return table.concat(names, ", ") .. (#rows > most and (" and %d more"):format(#rows - most) or "")
end

--- Ends a command: ANSWER as JSON, or the SENTENCES. → exit code
function trust.finish(context, options, answer, sentences)
  local s = context.show
  answer.schema, answer.to = 1, options.to
  if context.as_json then return context:json(answer) end
  for _, words in ipairs(sentences) do
    if words and words ~= "" then s:say(words) end
  end
  if options.to then
    s:say(("Signed into %s: take it to a machine of the lab, and there: import it."):format(s:text(options.to)))
  end
  return context.exit.ok
end

local DAY <const> = 24 * 60 * 60 * 1000
local COLOURS <const> = { { 7, "bad" }, { 30, "warn" }, { 60, "title" } } -- days ahead, and how loud it is said

-- What was signed and ends soon: a line that is coloured more the sooner it ends, and what to do.
local function say_ending(facts, s)
  local days, colour = facts.ending_ms // DAY, nil
  for _, row in ipairs(COLOURS) do colour = colour or days < row[1] and row[2] or nil end
  local when = days == 0 and "today" or days == 1 and "tomorrow" or ("in %d days"):format(days)
  local more = facts.ending > 1 and (" (%d within 60 days)"):format(facts.ending) or ""
  s:line(s:paint(colour, ("What was signed for this lab ends %s%s."):format(when, more)))
  s:say("Whoever signed it says it again: " .. s:cure "dt-swarm-cli HOST trust renew")
end

--- What `status` says of trust, FACTS as its answer has them: what ends soon.
function trust.warn(facts, s)
  if facts and facts.ending_ms then say_ending(facts, s) end
end

--- Two roots of one number: every command says so. FACTS: any answer with a root; or nothing.
function trust.say_rivals(facts, s)
  if facts and facts.root and facts.root.two then
    s:say(("Two roots %d: a root key is stolen. The root that was here first stays in force."):format(facts.root.two))
  end
end

return trust
