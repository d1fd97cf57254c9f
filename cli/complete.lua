-- complete.lua - `complete`: the words that may stand at the cursor, for the shell's Tab. Hidden; it says no error.
--
-- Names come from others, so only those are told that show as they are: no control character, no line feed, nothing
-- that turns the writing around. How each is quoted is the shell's part in zsh, ours in bash (typed_line.lua).
local arguments = require "cli.arguments"
local signs = require "cli.signs"
local text = require "core.text"
local typed_line = require "cli.typed_line"

local complete = {}

local WITHIN <const> = 200 -- ms for the daemon's names; without them there are still the words of the table
local PATH <const> = "/" -- what the shell is told where it shall complete a path

-- == words by what they are

local function first_words(cli, add)
  for _, command in ipairs(cli.commands) do
    if not command.hidden then add(command.name:match "^%S+") end
  end
end

local function verbs(cli, group, add)
  for _, command in ipairs(cli.commands) do
    local first, verb = command.name:match "^(%S+) (%S+)$"
    if first == group and not command.hidden then add(verb) end
  end
end

local kinds = {}

function kinds.path(_, add) add(PATH) end

local function commands(at, add)
  if #at.given == 0 then first_words(at.cli, add) else verbs(at.cli, at.given[1], add) end
end

function kinds.word(at, add)
  commands(at, add)
  if #at.given > 0 then return end
  for _, list in ipairs(signs.lists()) do
    for _, word in ipairs(list) do add(word.word) end
  end
  add "words"
end

function kinds.setting(_, add)
  for _, row in ipairs(require("policy.hooks").settings) do add(row[1]) end
end

function kinds.fact(_, add)
  for _, name in ipairs(require("lease").facts) do add(name) end
end

function kinds.told(_, add)
  for _, word in ipairs { "yes", "no", "end" } do add(word) end
end

local LIVE <const> = { peer = true, file = true, bucket = true, release = true, run = true }

local function of_kind(at, row, add)
  for _, choice in ipairs(row.choices or {}) do add(choice) end
  if LIVE[row.kind] then
    for _, name in ipairs(at.ask(row.kind, at.word) or {}) do add(name) end
  elseif kinds[row.kind] then
    kinds[row.kind](at, add)
  end
end

-- == where the cursor is

-- Reads REST, the words behind the command: which options stand there, what of arguments is given, and whether the one
-- at the cursor belongs to an option.
local function look_over(at, rest)
  local said, given, option, only_names = {}, {}, nil, false
  for _, word in ipairs(rest) do
    local known = not only_names and arguments.option_of(at.lists, word:match "^[^=]+" or word)
    if option then
      option = nil
    elseif word == "--" then
      only_names = true
    elseif known then
      said[known[1]] = true
      option = known[2] and not word:find("=", 1, true) and known or nil
    else
      given[#given + 1] = word
    end
  end
  at.said, at.given, at.option, at.only_names = said, given, option, only_names
end

local function options_left(at, add)
  for _, list in ipairs(at.lists) do
    for _, option in ipairs(list) do
      if not at.said[option[1]] then add(option[1]) end
    end
  end
end

local function argument_at(at, row)
  local list = row.arguments or {}
  local last = list[#list]
  return list[#at.given + 1] or last and last[4] == "*" and last or nil
end

-- `--from=ad`: what is completed begins behind the sign.
local function value_at(at, add)
  local name, value = at.word:match "^(%-%-[%w-]+)=(.*)$"
  local option = name and arguments.option_of(at.lists, name)
  if not option or not option[2] then return end
  at.word = value
  of_kind(at, option, function(word) add(word == PATH and PATH or name .. "=" .. word) end)
end

-- Behind the command of ROW (cli/init.lua).
local function behind(at, row, rest, add)
  look_over(at, rest)
  if at.option then return of_kind(at, at.option, add) end
  if not at.only_names and at.word:find "^%-" then
    if at.word:find("=", 1, true) then return value_at(at, add) end
    return options_left(at, add)
  end
  local argument = argument_at(at, row)
  if argument then
    of_kind(at, argument, function(word)
      if at.only_names or not word:find "^%-" then add(word) end -- a name like an option needs -- before it
    end)
  end
end

local function options_of_daemon(at, words, add)
  local options = require "options"
  local row = { arguments = { { "policy", "POLICY.lua", nil, kind = "path" } } }
  at.lists = { options.rows }
  behind(at, row, words, add)
end

local function begins_command(cli, word)
  for _, command in ipairs(cli.commands) do
    if command.name:match "^%S+" == word then return true end
  end
  return false
end

local function of_command(at, words, add)
  local cli = at.cli
  if words[1] and cli.is_host(words[1]) then at.host = table.remove(words, 1) end
  local robot = not at.host and words[1] and words[1]:sub(1, 1) ~= "-" and not begins_command(cli, words[1])
  if robot then table.remove(words, 1) end -- what it knows is not asked for: Tab does not wait for the network
  local has_host = at.host or robot
  if #words == 0 then
    if at.word:find("/", 1, true) then return add(PATH) end
    for _, word in ipairs(has_host and {} or { "--help", "--version" }) do
      if at.word:find "^%-" then add(word) end
    end
    first_words(cli, add)
    for _, host in ipairs(has_host and {} or cli.hosts) do add(host) end
    for _, name in ipairs(not has_host and at.word ~= "" and at.ask("peer", at.word) or {}) do add(name) end
    return
  end
  if #words == 1 then verbs(cli, words[1], add) end
  local row, used = cli.find(words)
  local group_alone = used == 1 and row.name:find " " and not at.word:find "^%-" -- only its verbs may follow
  if not row or group_alone then return end
  at.lists = { row.options or {}, cli.options }
  behind(at, row, { table.unpack(words, used + 1) }, add)
end

--- The words that may stand where WORD was begun, WORDS before it (the first is the program), each once, in order.
-- ASK(kind, begins, host) → names of the daemon | nil. A path is PATH alone: the shell knows those.
function complete.words(cli, words, word, ask)
  local list, known = {}, {}
  local at = { cli = cli, word = word }
  at.ask = function(kind, begins) return ask(kind, begins, at.host) end
  local function add(one)
    if known[one] or text.escape(one) ~= one then return end
    if one ~= PATH and one:sub(1, #word) ~= word then return end
    known[one], list[#list + 1] = true, one
  end
  local program = (table.remove(words, 1) or ""):match "[^/]*$"
  if program == "dt-swarm" then options_of_daemon(at, words, add) else of_command(at, words, add) end
  return known[PATH] and { PATH } or list
end

-- Names that the daemon at HOST knows | nil: there is none, or it is busy.
local function names_of(context, kind, begins, host)
  context.host, context.world.within = host or context.cli.hosts[1], WITHIN
  local answer = context:ask_quietly { command = "names", of = kind, begins = text.utf8(begins) and begins or nil }
  return answer and answer.names
end

--- SHELL is bash, then come $COMP_WORDBREAKS and the line up to the cursor; or zsh, then come the words up to it.
function complete.run(context, options)
  local given, in_bash = options.words, options.shell == "bash"
  local at = in_bash and typed_line.read(given[2] or "", given[1] or "")
    or { words = { table.unpack(given, 1, #given - 1) }, word = given[#given] or "" }
  local function ask(...) return names_of(context, ...) end
  for _, word in ipairs(complete.words(context.cli, at.words, at.word, ask)) do
    local insert = word
    if in_bash and word ~= PATH then insert = typed_line.insert(at, word) end
    if insert then context.world.write(insert .. "\n") end
  end
  return context.exit.ok
end

return complete
