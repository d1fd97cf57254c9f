-- operator.lua - `operator new` and `operator show`: a person's own key, made by ssh-keygen. The private half is never
-- read here.
local agents = require "cli.agent"
local desk = require "cli.lab"
local openssh = require "cli.openssh"
local shell = require "shell"
local sign = require "cli.sign"
local trust = require "cli.trust"

local operator = {}

--- The person's key, made where there is none: ssh-keygen asks for its passphrase on the terminal. One that is there is
-- used as it is. → key as sign.key has it, true where it is new | nil, exit code, with words said
function operator.ensure(context, options)
  local path, why, code = sign.path(context, options)
  if not path then return context:refuse(why, code) end
  local disk, private = context.world.disk(), path:sub(1, -5)
  local there = disk:stat(path) or disk:stat(private)
  local found
  if there or options.key then
    found, why, code = sign.key(context, options)
    if not found then return context:refuse(why, code) end
    return found, false
  end
  if not agents.installed "ssh-keygen" then
    return context:refuse("missing: ssh-keygen is not installed here; it is in the package openssh-client", "missing")
  end
  local command = "ssh-keygen -q -t ed25519 -f " .. shell.word(private)
  if not context.world.has_terminal() then
    return context:refuse("permission: there is no terminal on which ssh-keygen could ask for a passphrase; make the \z
      key yourself: " .. command, "permission")
  end
  local ok
  ok, why, code = desk.make_folder(disk, private:match "^(.*)/")
  if not ok then return context:refuse(why, code) end
  context:complain(("ssh-keygen makes your key, %s. Choose a passphrase; you type it where you sign."):format(private))
  context.world.flush()
  if not os.execute(command) then return context:refuse("closed: ssh-keygen made no key", "closed") end
  found, why, code = sign.key(context, options)
  if not found then return context:refuse(why, code) end
  return found, true
end

local function answer_of(found, fresh)
  return { schema = 1, command = "operator", id = found.id, name = found.comment, line = openssh.line(found.id,
    found.comment), path = found.path, private = found.private, fresh = fresh or nil }
end

local function show(context, options, answer)
  if options.json then return context:json(answer) end
  local s = context.show
  s:line(s:text(answer.line))
  s:facts { { "name", s:text(answer.name) }, { "ID", s:text(answer.id) }, { "key", s:text(answer.private) } }
  local facts = context:ask_quietly { command = "trust" }
  local whom, command = trust.whom_to_ask(facts or { keys = {} }, s, answer.id, answer.name)
  s:say("An admin of the lab lets you in by that line. " .. whom)
  s:line(s:text(command)) -- in one piece
  return context.exit.ok
end

function operator.run(context, options)
  if options.verb == "new" then
    local found, fresh = operator.ensure(context, options)
    if not found then return fresh end
    if not fresh and not options.json then
      context:complain(("That key was there already. For another one move it away first: %s, and %s.pub."):format(
        found.private, found.private))
    end
    return show(context, options, answer_of(found, fresh))
  end
  local found, why, code = sign.key(context, options)
  if not found then return select(2, context:refuse(why, code)) end
  return show(context, options, answer_of(found))
end

return operator
