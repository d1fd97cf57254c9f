-- asking.lua - a question to the person at the terminal, before something is done that is hard to take back. Does
-- nothing.
local width = require "cli.width"

local asking = {}

-- The line that is typed, without spaces around it; "" where the terminal was closed.
local function typed(context, question)
  local columns = context.world.columns(2)
  local lines = columns and columns > 20 and width.wrap(question, columns - 2) or { question }
  context.world.flush()
  context.world.complain(table.concat(lines, "\n") .. " ")
  return (context.world.type() or ""):match "^%s*(.-)%s*$"
end

-- The person said no.
local function nothing(context)
  context:complain "Nothing was done."
  return nil, context.exit.no
end

--- May it be done? QUESTION is a sentence; with --yes in OPTIONS nobody is asked. → true | nil, exit code, words said
function asking.sure(context, question, options)
  if options.yes then return true end
  if not context.world.columns(0) then
    return context:refuse("permission: nobody is at a terminal to be asked; with --yes it is done unasked: " ..
      context.show.escape(question), "permission")
  end
  local answer = typed(context, context.show.escape(question) .. " [y/N]"):lower()
  if answer == "y" or answer == "yes" then return true end
  return nothing(context)
end

--- The same for what is worse: the person types NAME. --yes is not enough.
function asking.by_name(context, question, name)
  if not context.world.columns(0) then
    return context:refuse("permission: this is asked for by name, so it needs a person at a terminal", "permission")
  end
  local words = ("%s To do it all the same, type %s:"):format(question, name)
  if typed(context, context.show.escape(words)) == name then return true end
  return nothing(context)
end

return asking
