-- help.lua - help, made from the table of commands, and what words mean, from lua/cures.lua and signs.lua. Asks nobody.
local cures = require "cures"
local signs = require "cli.signs"
local why = require "cli.why"
local width = require "cli.width"

local help = {}

help.host = "HOST is localhost, the path of a daemon's socket, or a robot's name; left out, it is localhost."

--- What may stand in the usage of COMMAND behind its name, in pieces that stay whole: "[--from ROBOT]".
function help.words_of(command)
  local words = {}
  for _, argument in ipairs(command.arguments or {}) do
    words[#words + 1] = (argument[4] == "*" or argument[4] == "?") and ("[%s]"):format(argument[2]) or argument[2]
  end
  for _, option in ipairs(command.options or {}) do
    words[#words + 1] = option[2] and ("[%s %s]"):format(option[1], option[2]) or ("[%s]"):format(option[1])
  end
  return words
end

-- Lines of at most COLUMNS, broken between arguments, never within one.
local function usage(command, columns)
  local lines = { "dt-swarm-cli [HOST] " .. command.name }
  for _, word in ipairs(help.words_of(command)) do
    local longer = lines[#lines] .. " " .. word
    if width.of(longer) <= columns then lines[#lines] = longer else lines[#lines + 1] = "    " .. word end
  end
  return lines
end

-- What to type stays in one piece; what it is for stands beside it, or where there is no room beneath it.
local function examples(s, list)
  local wide, words = 0, 0
  for _, example in ipairs(list) do
    wide, words = math.max(wide, width.of(example[1])), math.max(words, width.of(example[2]))
  end
  for _, example in ipairs(list) do
    if wide + words + #"  dt-swarm-cli   " <= s.width then
      s:line("  dt-swarm-cli " .. width.pad(example[1], wide) .. "  " .. example[2])
    else
      s:line("  dt-swarm-cli " .. example[1])
      for _, each in ipairs(width.wrap(example[2], s.width - 4)) do s:line("    " .. each) end
    end
  end
end

local function details(s, command, everywhere)
  if command.examples then
    examples(s, command.examples)
    s:line()
  end
  for _, line in ipairs(usage(command, s.width)) do s:line(line) end
  s:line()
  s:say(command.text)
  s:line()
  local facts = {}
  for _, argument in ipairs(command.arguments or {}) do facts[#facts + 1] = { argument[2], argument[3] } end
  for _, options in ipairs { command.options or {}, everywhere } do
    for _, option in ipairs(options) do
      facts[#facts + 1] = { option[1] .. (option[2] and " " .. option[2] or ""), option[3] }
    end
  end
  s:facts(facts)
end

-- The commands that people type.
local function shown(cli)
  local list = {}
  for _, command in ipairs(cli.commands) do
    if not command.hidden then list[#list + 1] = command end
  end
  return list
end

local function overview(s, cli)
  examples(s, cli.examples)
  s:line()
  s:line "dt-swarm-cli [HOST] COMMAND [OPTIONS]"
  s:line()
  local facts, exits = {}, {}
  for i, command in ipairs(shown(cli)) do facts[i] = { command.name, command.text } end
  s:facts(facts)
  s:line()
  s:line "Exit codes:"
  for i, exit in ipairs(cli.exits) do exits[i] = { ("%d"):format(exit.code), exit.text } end
  s:facts(exits)
  s:line()
  s:say(help.host)
  s:say "Each command takes --json, --color auto|always|never, --help."
  s:say "What a word or sign means, of a refusal or in a table: dt-swarm-cli help WORD; all of them: help words."
end

-- What ASKED names: all commands of a group, or one, also by its second word alone; the words behind "help" are at most
-- two.
local function commands_of(cli, asked)
  local found, by_verb = {}, {}
  for _, command in ipairs(cli.commands) do
    local group, verb = command.name:match "^(%S+) ?(%S*)$"
    local whole = command.name == table.concat(asked, " ", 1, math.min(#asked, 2))
    if whole or #asked == 1 and group == asked[1] then found[#found + 1] = command end
    if #asked == 1 and verb == asked[1] then by_verb[#by_verb + 1] = command end
  end
  return found[1] and found or by_verb
end

local function explain(s, word) why.show({ what = word.means, cure = word.cure }, s, word.word) end

local TITLES <const> = { "Words of refusal, as status counts them:",
  "Errors of the system, by their names in errno(3):", "Words and signs of tables:",
  "Titles of tables:", "Checks, as health and doctor name them:" }

local function list_words(s)
  for i, list in ipairs(signs.lists()) do
    if i > 1 then s:line() end
    s:say(TITLES[i])
    local facts = {}
    for j, word in ipairs(list) do facts[j] = { word.word, word.short or word.means } end
    s:facts(facts)
  end
  s:line()
  s:say "dt-swarm-cli help WORD says what one of them means and what to do."
end

local function as_json(context, found, word)
  local answer = { schema = 1 }
  if found == "words" then
    answer.words, answer.errors, answer.signs, answer.columns, answer.checks = table.unpack(signs.lists())
  elseif word then
    for name, value in pairs(word) do answer[name] = value end
    answer.why = { { code = cures.of(word.word) and word.word, what = word.means, cure = word.cure } }
  else
    answer.commands = {}
    for i, command in ipairs(found) do
      answer.commands[i] = { name = command.name, text = command.text, examples = {} }
      for j, one in ipairs(command.examples or {}) do
        answer.commands[i].examples[j] = { words = one[1], text = one[2] }
      end
    end
  end
  return context:json(answer)
end

local function unknown(context, asked)
  local names = { { name = "words" } }
  for _, command in ipairs(shown(context.cli)) do names[#names + 1] = command end
  for _, list in ipairs(signs.lists()) do
    for _, word in ipairs(list) do names[#names + 1] = { name = word.word } end
  end
  return context:misused(require("cli.arguments").unknown(names, asked, "command or word of refusal"))
end

--- Help for the command named by options.command (one or two words), for a group, for a word of refusal or
-- of a table, for "words": all of these; or for all commands.
function help.run(context, options)
  local s, cli, asked = context.show, context.cli, options.command
  local found = #asked == 0 and shown(cli) or commands_of(cli, asked)
  local word = #asked == 1 and cures.of(asked[1]) or signs.of(table.concat(asked, " "))
  if #asked == 1 and asked[1] == "words" then
    if context.as_json then return as_json(context, "words") end
    list_words(s)
    return context.exit.ok
  end
  if #found == 0 and not word then return unknown(context, asked) end
  if context.as_json then return as_json(context, found, #found == 0 and word) end
  if #asked == 0 then
    overview(s, cli)
  else
    for i, command in ipairs(found) do
      if i > 1 then s:line() end
      details(s, command, cli.options)
    end
  end
  if #found == 0 then explain(s, word) end
  return context.exit.ok
end

return help
