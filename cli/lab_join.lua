-- lab_join.lua - `lab join FILE`: the daemon goes into the lab of a lab file. The file is judged by the daemon.
local lab = require "dcache.lab"

local join = {}

local function read(context, path)
  if path == "-" then return io.stdin:read(lab.BYTES_MAX + 1) or "" end
  local content = context.world.read(path, lab.BYTES_MAX + 1)
  if content then return content end
  return context:refuse(("ENOENT: %s cannot be read"):format(path), "ENOENT")
end

function join.run(context, options)
  local content, exit = read(context, options.file)
  if not content then return exit end
  local answer
  answer, exit = context:ask { command = "lab", join = content }
  if not answer then
    if exit == context.exit.daemon then
      context:complain "Without a daemon: put the file there as /etc/dt-swarm/lab; the next start reads it."
    end
    return exit
  end
  if options.json then return context:json(answer) end
  local s, joined = context.show, answer.joined
  s:say(("This node starts anew in the lab %s (%s), by %s%s."):format(s:text(joined.name), lab.short(joined.lab),
    s:text(joined.file), joined.token and (" and its token %s"):format(s:text(joined.token)) or ""))
  if not joined.token then s:say "That file has no token: an admin lets this node in by trust grant; see lab show." end
  return context.exit.ok
end

return join
