-- repl_lines.lua - a person at the REPL: greeting, prompt, lines that belong together, until he leaves. Evaluates none.
local environment = require "cli.environment"
local history = require "cli.repl_history"
local input = require "cli.repl_input"
local shown = require "cli.repl_shown"

local lines = {}

local FIRST <const>, NEXT <const> = "> ", ">> "

local function greet(context, of)
  local s = context.show
  s:say(("dt-swarm %s on %s, read-only. help() helps, Ctrl-D leaves."):format(s:text(of.ready.version),
    s:text(of.ready.name)))
end

-- → is more to come, so that the text is not whole yet?
local function evaluate(context, of, text)
  context.show.width = environment.width(context.world) -- the window may be another one by now
  local done = of:eval(text, "repl", false, function(event)
    shown.event(context.show, event)
    context.world.flush()
  end)
  if not done then return false end
  if done.interrupted then context:complain "\ninterrupted" end -- behind the ^C that the terminal shows
  if not done.ok and not done.interrupted and not done.incomplete then
    context:complain("error: " .. shown.fault(context.show, "repl", done.error))
  end
  return done.incomplete
end

--- Serves the person at the terminal over OF, a link. → exit code
function lines.run(context, of)
  local kept = history.open(context.world, function(words) context:complain(words) end)
  local typed = input.new(context.world, kept.lines, of)
  greet(context, of)
  local text
  while true do
    local line, why = typed:line(text and NEXT or FIRST)
    if why then context.world.write(why == "interrupted" and "^C\n" or "\n") end
    context.world.flush()
    if of.gone then return of:give_up() end
    if why == "end" and not text then return context.exit.ok end
    if not line then
      text = nil -- what was begun is dropped
    else
      if kept:takes(line) then
        kept:add(line)
        typed:remember(line)
      end
      text = text and text .. "\n" .. line or line
      if not text:find "%S" or not evaluate(context, of, text) then text = nil end
      if of.gone then return of:give_up() end
    end
  end
end

return lines
