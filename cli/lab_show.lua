-- lab_show.lua - `lab show`: the lab that this node is in, and why it is no member, if it is none.
local desk = require "cli.lab"
local trust = require "cli.trust"
local why = require "cli.why"

local show = {}

local function root_of(root, s)
  local names = {}
  for i, one in ipairs(root.keys) do names[i] = ("%s %s"):format(s:who(one), s:short(one.id)) end
  return ("number %d: %s; %d of %d must sign"):format(root.number, table.concat(names, ", "), root.need, #root.keys)
end

local function this_node(lab, s)
  local waits = lab.settled and "" or ", not compared with others yet"
  if lab.member then return s:text(lab.role) .. waits end
  return s:paint("warn", "no member")
end

local function say_why(lab, s)
  if lab.why then
    s:say(("No member: %s."):format(s:text(lab.why.text)))
    why.cure(lab.why.cure, s)
  elseif lab.unsettled then
    s:say(("Roles are not acted on yet: %s."):format(s:text(lab.unsettled)))
  end
  if lab.open then s:say(s:text(lab.open)) end
  trust.say_rivals(lab, s)
end

--- Prints the answer.
function show.show(answer, s)
  local lab = answer.lab
  if not lab then
    s:line "no lab"
    return s:say "This node is in no lab: everybody counts as a member. To make one: lab init NAME. To join one: lab \z
      join FILE."
  end
  s:line(("%s  %s"):format(s:paint("title", s:text(lab.name)), s:text(lab.lab)))
  s:facts {
    { "root", root_of(lab.root, s) },
    { "this node", this_node(lab, s) },
    { "token", lab.token and s:text(lab.token.name) or "none in its file" },
    { "file", s:text(lab.file) },
  }
  say_why(lab, s)
end

--- Asks the daemon; where none runs, the lab file that its next start will read is named.
function show.run(context, options)
  local answer, exit = context:ask { command = "lab" }
  if answer and options.json then return context:json(answer) end
  if answer then
    show.show(answer, context.show)
    return context.exit.ok
  end
  local lab = exit == context.exit.daemon and context.host == "localhost" and desk.here(context)
  if lab and not options.json then
    context:complain(("It will start in the lab %s, by %s."):format(lab.name, context.show:text(lab.file)))
  end
  return exit
end

return show
