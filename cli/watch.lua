-- watch.lua - `--watch`: a command's answer and what changes of it, until Ctrl-C. It knows no command.
--
-- On a terminal the answer is drawn anew (redraw.lua). Elsewhere a command that tells its changes (its file has
-- `change`) says the answer once and then a line for each, or with --json what the daemon tells; others as redraw.lua.
local redraw = require "cli.redraw"

local watch = {}

local GAP <const> = "%s: this command did not read for a while; all of it anew:"

-- The time of day by this machine's clock, as people read it.
local function time_of_day(context) return os.date("%H:%M:%S", context.world.loop():wall() // 1000) end

local function line(context, file, event)
  local s, now = context.show, time_of_day(context)
  if event.event == "gap" then
    return s:say(GAP:format(s.count(event.dropped, "change is lost", "changes are lost")))
  end
  s:say(("%s  %s"):format(now, file.change(event, s)))
end

--- FILE (as cli/init.lua has them) asks; → exit code.
function watch.run(context, file, options)
  local terminal = not options.json and context.world.columns(1) ~= nil and context.world.env "TERM" ~= "dumb"
  if terminal or not file.change then return redraw.run(context, file, options, terminal) end
  local request = file.request(options)
  request.watch = true
  return context:follow(request, function(answer)
    if options.json then
      context:json(answer)
    elseif answer.event then
      line(context, file, answer)
    else
      file.show(answer, context.show, options)
    end
    context.world.flush()
  end)
end

return watch
