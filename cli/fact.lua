-- fact.lua - `fact`: tells the daemon a fact for a time, or for as long as a command runs; lists what is told.
local shell = require "shell"

local fact = {}

local COLUMNS <const> = {
  { title = "FACT", rank = 1 }, { title = "VALUE", rank = 1 }, { title = "LEFT", rank = 2 },
  { title = "WHY", give = true, least = 10, rank = 3 },
}

local function value_text(row)
  if type(row.value) == "number" then return ("%d%%"):format(row.value) end
  return row.value and "yes" or "no"
end

-- In whole seconds, so that "10 min" are 10 min in the moment in which they begin.
local function left_text(row, s)
  return row.left_ms and s.span((row.left_ms + 999) // 1000 * 1000) or "while it runs"
end

local function list(answer, s)
  if not answer.facts[1] then return s:say "Nothing is told to this node." end
  local rows, unheeded = {}, false
  for i, row in ipairs(answer.facts) do
    unheeded = unheeded or not row.counts
    rows[i] = { row.fact, { value_text(row), colour = not row.counts and "dim" or nil }, left_text(row, s),
      s:text(row.why) }
  end
  s:table(COLUMNS, rows)
  s:say(("%s."):format(s.count(#answer.facts, "fact")) .. (unheeded
    and " Where a fact is told twice a yes counts before a no, of charging and battery the newest." or ""))
end

local VALUES <const> = { yes = true, no = false, ["true"] = true, ["false"] = false }

local function value_of(word)
  if VALUES[word] ~= nil then return VALUES[word] end
  return math.tointeger(tonumber((word:gsub("%%$", ""))))
end

-- What is wrong with how long it is told for | nil
local function time_fault(options)
  local name, seconds, words = options.name, options["for"], options.words
  if seconds and words[1] then
    return ("fact: for how long is %s so? Write --for TIME or -- COMMAND, but not both"):format(name)
  end
  if not seconds and not words[1] then
    return ("fact: for how long is %s so? Write --for TIME, or -- COMMAND for as long as that runs"):format(name)
  end
  if words[1] and not words[2] and words[1]:find "^%d+ ?%l*$" then
    return ("fact: %s would be a command; for a time write --for %s"):format(words[1], words[1])
  end
end

-- → the request | nil, what is wrong with OPTIONS
local function request_of(options)
  if not options.name then return { command = "fact" } end
  if not options.value then return nil, ("fact: what of %s? yes, no, a number, or end"):format(options.name) end
  if options.value == "end" then return { command = "fact", name = options.name, ["end"] = true } end
  local value, has_words = value_of(options.value), options.words[1] ~= nil
  if value == nil then return nil, ("fact: %s is none of yes, no, end, or a whole number"):format(options.value) end
  local fault = time_fault(options)
  if fault then return nil, fault end
  return { command = "fact", name = options.name, value = value, why = options.why, seconds = options["for"],
    connected = has_words or nil }
end

-- Runs WORDS in our place at the terminal. → what it ended with, as shells have it
local function run(words)
  local _, how, code = os.execute(shell.line(words))
  return how == "signal" and 128 + code or code
end

local function what_of(options) return ("%s is %s"):format(options.name, options.value) end

-- The fact is told over a connection that stays open until the command has ended; it ends with us, too.
local function run_with(context, request, options)
  if context.is_far then
    return select(2, context:refuse("a fact that lasts as long as a command is told where that runs: ssh there",
      "permission"))
  end
  local loop, told, gone = context.world.loop(), false, false
  local talk, exit = context:converse(request, function(answer, message)
    local refused = not answer or answer.error
    if refused and not told then gone = context:give_up(answer, message) end
    told, gone = true, gone or refused
    loop:stop()
  end)
  if not talk then return exit end
  loop:run()
  if not told or gone then return gone or context.exit.stopped end
  exit = run(options.words)
  loop:after(0, function() loop:stop() end) -- long enough to hear that the daemon went meanwhile
  loop:run()
  if gone then
    context:complain(("The daemon stopped meanwhile: from then on it was not told that %s."):format(what_of(options)))
  end
  talk:close()
  return exit
end

--- What is asked of the daemon; → exit code.
function fact.run(context, options)
  local request, why = request_of(options)
  if not request then return context:misused(why) end
  if request.connected then return run_with(context, request, options) end
  local answer, exit = context:ask(request)
  if not answer then return exit end
  if options.json then return context:json(answer) end
  local s = context.show
  if request["end"] then
    s:say(answer.ended == 0 and ("Nobody tells %s."):format(s:text(request.name))
      or ("%s is unknown again."):format(s:text(request.name)))
  else
    list(answer, s)
  end
  if answer.unkept then s:say(("After a restart it would be otherwise: %s."):format(s:text(answer.unkept))) end
  return context.exit.ok
end

return fact
