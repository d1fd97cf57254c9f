-- fact.lua - `fact`: tells the daemon a fact for a time, or for as long as a command runs; lists what is told.
local shell = require "shell"

local fact = {}

local AGAIN <const> = 1000 -- ms between two tries to reach a daemon that went

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

local function what_of(options) return ("%s is %s"):format(options.name, options.value) end

-- The daemon went while the command runs: one that starts anew is told again. SELF.gone: since when nobody is (ms).
local function tell_again(self)
  self.gone = self.gone or self.loop:now()
  self.timer = self.loop:after(AGAIN, function()
    self.talk = self.context:converse(self.request, function(answer)
      if not answer or answer.error then return tell_again(self) end
      self.away, self.gone = self.away + self.loop:now() - self.gone, nil
    end, true)
    if not self.talk then tell_again(self) end
  end)
end

-- What became of it while the command ran, where there is more to say than that it was told.
local function say_gaps(self, what)
  if self.gone then
    self.context:complain(("The daemon stopped meanwhile: from then on it was not told that %s."):format(what))
  elseif self.away > 0 then
    self.context:complain(("The daemon started anew meanwhile: for %s it was not told that %s."):format(
      self.context.show.span(self.away), what))
  end
end

-- → what the command ended with, as shells have it
local function run_told(self, options)
  local exit
  local ok, why = self.loop:run_in_place(shell.line(options.words), function(code)
    exit = code
    self.loop:after(0, function() self.loop:stop() end) -- long enough to hear that the daemon went meanwhile
  end)
  if not ok then return select(2, self.context:refuse(why, "missing")) end
  while not exit do self.loop:run() end
  if self.timer then self.timer:cancel() end
  if self.talk then self.talk:close() end
  return exit
end

-- The fact is told over a connection that stays open until the command has ended; it ends with us, too.
local function run_with(context, request, options)
  if context.is_far then
    return select(2, context:refuse("a fact that lasts as long as a command is told where that runs: ssh there",
      "permission"))
  end
  local self = { context = context, request = request, loop = context.world.loop(), away = 0 }
  local told, refused, failed
  self.talk, failed = context:converse(request, function(answer, message)
    local is_over = not answer or answer.error
    if is_over and told then return tell_again(self) end
    if is_over then refused = context:give_up(answer, message) end
    told = true
    self.loop:stop()
  end)
  if not self.talk then return failed end
  self.loop:run()
  if refused or not told then return refused or context.exit.stopped end
  local exit = run_told(self, options)
  say_gaps(self, what_of(options))
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
