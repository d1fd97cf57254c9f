-- update_go.lua - `update go` and `update forgive`: this robot begins though it is not at rest, once; a release that
-- failed here may be tried again. The daemon does both.
local update_go = {}

function update_go.request(options)
  if options.verb == "go" then return { command = "update go", run = options.run } end
  return { command = "update forgive", release = options.release, all = options.all }
end

--- Prints the answer.
function update_go.show(answer, s, options)
  if options.verb == "go" then
    return s:say(("%s: rest and holds are passed once here, the other gates are not. Why it waits: update explain")
      :format(s:text(answer.run)))
  end
  if answer.forgiven == "all" then return s:say "What was installed is begun anew: runs are taken again." end
  local list = {}
  for i, release in ipairs(answer.forgiven) do list[i] = s:text(release) end
  s:say(("Forgiven: %s. A next run may bring it here."):format(s.list(list)))
end

function update_go.run(context, options)
  if options.verb == "forgive" and not options.release and not options.all then
    return context:misused "update forgive: which release, NAME/SEQ, or --all?"
  end
  local answer, exit = context:ask(update_go.request(options))
  if not answer then return exit end
  if options.json then return context:json(answer) end
  update_go.show(answer, context.show, options)
  return context.exit.ok
end

return update_go
