-- help.lua - help, made from the table of commands and nothing else.
local help = {}

local EXAMPLES <const> = [[
dt-swarm-cli [HOST] COMMAND [OPTIONS]

  dt-swarm-cli discover                     who is there
  dt-swarm-cli localhost report             which files the swarm has
  dt-swarm-cli /run/x/control.sock status   another daemon on this machine
]]

local HOST <const> = "HOST is localhost or the path of a daemon's socket; left out, it is localhost."

local function usage(command)
  local words = { "dt-swarm-cli [HOST]", command.name }
  for _, argument in ipairs(command.arguments or {}) do
    words[#words + 1] = argument[4] == "*" and ("[%s]"):format(argument[2]) or argument[2]
  end
  for _, option in ipairs(command.options or {}) do
    words[#words + 1] = option[2] and ("[%s %s]"):format(option[1], option[2]) or ("[%s]"):format(option[1])
  end
  return table.concat(words, " ")
end

local function details(s, command)
  s:line(usage(command))
  s:line()
  s:say(command.text)
  local facts = {}
  for _, argument in ipairs(command.arguments or {}) do facts[#facts + 1] = { argument[2], argument[3] } end
  for _, option in ipairs(command.options or {}) do
    facts[#facts + 1] = { option[1] .. (option[2] and " " .. option[2] or ""), option[3] }
  end
  facts[#facts + 1] = { "--json", 'the daemon\'s answer as it is, with "schema"' }
  facts[#facts + 1] = { "--color WHEN", "auto, always or never" }
  s:facts(facts)
end

local function overview(s, cli)
  s.write(EXAMPLES)
  s:line()
  local facts, exits = {}, {}
  for i, command in ipairs(cli.commands) do facts[i] = { command.name, command.text } end
  s:facts(facts)
  s:line()
  s:say(HOST)
  s:say "Each command takes --json, --color auto|always|never, --help."
  s:line()
  s:line "Exit codes:"
  for i, exit in ipairs(cli.exits) do exits[i] = { ("%d"):format(exit.code), exit.text } end
  s:facts(exits)
end

--- Help for the command named by options.command (one or two words), for a group, or for all.
function help.run(context, options)
  local cli, found = context.cli, {}
  local asked = options.command
  for _, command in ipairs(cli.commands) do
    local group = command.name:match "^%S+"
    local whole = command.name == table.concat(asked, " ", 1, math.min(#asked, 2))
    if whole or #asked == 1 and group == asked[1] then found[#found + 1] = command end
  end
  if #asked > 0 and #found == 0 then
    return context:misused(require("cli.words").unknown(cli.commands, asked))
  end
  if #asked == 0 then overview(context.show, cli) end
  for i, command in ipairs(found) do
    if i > 1 then context.show:line() end
    details(context.show, command)
  end
  return context.exit.ok
end

return help
