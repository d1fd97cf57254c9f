-- arguments.lua - the words behind a command into options, by argparse; what a misspelt command may have meant.
local argparse = require "argparse"
local edit_distance = require "edit_distance"
local nearest = require "nearest"
local shell = require "shell"

local words = {}

local function seconds(given)
  local n = math.tointeger(tonumber(given))
  if n and n >= 1 then return n end
  return nil, ("%s is no number of seconds"):format(given)
end

local function count(given)
  local n = math.tointeger(tonumber(given))
  if n and n >= 1 then return n end
  return nil, ("%s is no count"):format(given)
end

local SECONDS <const> = { min = 60, h = 3600, d = 86400, w = 7 * 86400, y = 365 * 86400 }

local SHORT <const> = { s = 1, min = 60, h = 3600 }

-- → fn(given) → seconds of a text such as "90d", "12 h", by UNITS | nil, what is wrong: it is none such as EXAMPLES
local function time_by(units, examples)
  return function(given)
    local n, unit = given:match "^(%d+) ?(%l+)$"
    n = math.tointeger(tonumber(n or ""))
    if n and n >= 1 and n <= 100000 and units[unit] then return n * units[unit] end
    return nil, ("%s is no time such as %s"):format(given, examples)
  end
end

local CONVERTS <const> = { seconds = seconds, duration = time_by(SECONDS, "12h, 90d, 8w, 1y"),
  span = time_by(SHORT, "10s, 5min, 2h"), count = count }

-- ONCE: of two values one would be forgotten, and nobody told.
local function add_option(parser, option, once)
  if not option[2] then return parser:flag(option[1]) end
  local added = parser:option(option[1]):argname(option[2]):overwrite(not once)
  if option.choices then added:choices(option.choices) end
  if option.default then added:default(option.default) end
  if CONVERTS[option.kind] then added:convert(CONVERTS[option.kind]) end
  if option[2]:sub(1, 1) == "[" then added:args "?" end
end

local function parser_of(command, everywhere)
  local parser = argparse("dt-swarm-cli " .. command.name):add_help(false)
  for _, argument in ipairs(command.arguments or {}) do
    local added = parser:argument(argument[2]):target(argument[1]):args(argument[4] or 1)
    if argument.choices then added:choices(argument.choices) end
  end
  for _, options in ipairs { command.options or {}, everywhere } do
    for _, option in ipairs(options) do add_option(parser, option, options ~= everywhere) end
  end
  return parser
end

-- The word of REST that was taken for an option, as it was typed.
local function typed(rest, option)
  for _, word in ipairs(rest) do
    if word == "--" then return option end
    if word:sub(1, #option) == option then return word end
  end
  return option
end

--- The row of the option WORD in LISTS, arrays of such rows as cli/init.lua has | nil.
function words.option_of(lists, word)
  for _, list in ipairs(lists) do
    for _, option in ipairs(list) do
      if option[1] == word then return option end
    end
  end
end

-- The option of COMMAND itself that is called WORD | nil.
local function own_option(command, word) return words.option_of({ command.options or {} }, word) end

-- The option of COMMAND before WORD in REST that takes a value, if there is one.
local function option_before(command, rest, word)
  for i = 2, #rest do
    local option = rest[i] == word and own_option(command, rest[i - 1])
    if option and option[2] then return option[1] end
  end
end

local function as_one(option, value)
  return ("what is given to %s begins with -: write %s=%s"):format(option, option, value)
end

-- Where an option stands behind "--": the line as it was meant, or nil.
local function behind_dashes(command, rest)
  local options, names, behind, value = {}, {}, false, false
  for _, word in ipairs(rest) do
    local known = own_option(command, word:match "^[^=]+")
    if word == "--" and not behind then
      behind = true
    elseif known or value or not behind and word:sub(1, 1) == "-" then
      options[#options + 1] = word
    else
      names[#names + 1] = word
    end
    value = known and known[2] and word == known[1]
  end
  if not behind or not options[1] or not names[1] then return nil end
  return ("what stands behind -- is a name, no option; write: %s %s -- %s"):format(command.name, shell.line(options),
    shell.line(names))
end

-- The option of COMMAND that was meant by WORD | nil.
local function option_meant(command, everywhere, word)
  local names = {}
  for _, list in ipairs { command.options or {}, everywhere } do
    for _, option in ipairs(list) do names[#names + 1] = option[1] end
  end
  return nearest.of(names, (word:match "^[^=]*"))
end

-- Of an option that is given more than once, which argparse tells of all that are counted.
local function twice(message)
  local option = message:match "^option '([^']+)' must be used at most 1 time"
  return option and ("%s is given twice, and has one value; a list is written A,B"):format(option)
end

-- What would help where a name begins with "-", or nil.
local function dashed(command, rest, message, everywhere)
  local option = message:match "^unknown option '([^']+)'"
  local meant = option and option_meant(command, everywhere, option)
  if meant then return ("no option %s; did you mean %s?"):format(option, meant) end
  if option and command.arguments then
    local word = typed(rest, option)
    local before = option_before(command, rest, word)
    if before then return as_one(before, word) end
    return ("no option %s. A name that begins with - needs -- before it: %s -- %s"):format(word, command.name, word)
  end
  if message == "too many arguments" then return behind_dashes(command, rest) end
  option = message:match "^option '([^']+)' requires an argument"
  for i, word in ipairs(rest) do
    local value = option == word and rest[i + 1]
    if value and value:sub(1, 1) == "-" then return as_one(option, value) end
  end
end

local function is_optional(command, name)
  local option = own_option(command, "--" .. name)
  return option and option[2] and option[2]:sub(1, 1) == "["
end

--- Options of COMMAND from REST, or nil and what is wrong, in one sentence. EVERYWHERE: the options of all commands.
function words.parse(command, rest, everywhere)
  local ok, result = parser_of(command, everywhere):pparse(rest)
  if ok then
    for name, value in pairs(result) do -- any order; of an option whose value may be left out: the value, or true
      if type(value) == "table" and is_optional(command, name) then result[name] = value[1] or true end
    end
    return result
  end
  return nil, ("%s: %s"):format(command.name, dashed(command, rest, result, everywhere)
    or twice(result) or result)
end

--- All commands in one sentence.
function words.names(commands)
  local names = {}
  for _, command in ipairs(commands) do
    if not command.hidden then names[#names + 1] = command.name end
  end
  return table.concat(names, ", ") .. "."
end

-- What else the group has that GIVEN begins with, or nil.
local function in_group(commands, given)
  local verbs = {}
  for _, command in ipairs(commands) do
    local group, verb = command.name:match "^(%S+) (%S+)$"
    if group == given[1] then verbs[#verbs + 1] = verb end
  end
  return verbs[1] and table.concat(verbs, ", ")
end

--- "No command …" with the nearest one's name, if one is near, or what its group has. KIND says what was looked for, if
-- not a command.
function words.unknown(commands, given, kind)
  local two, asked, best, least = table.concat({ given[1], given[2] }, " "), given[1], nil, 3
  local is_group = in_group(commands, given) ~= nil
  local function compare(name)
    for _, typed_word in ipairs { two:sub(1, 40), not is_group and given[1]:sub(1, 40) or nil } do
      local edits = edit_distance(typed_word, name)
      if edits < least and edits <= #typed_word // 2 then asked, best, least = typed_word, name, edits end
    end
  end
  for _, command in ipairs(commands) do compare(command.name) end
  for _, command in ipairs((best or is_group) and {} or commands) do compare(command.name:match "^%S+") end
  local group = not best and in_group(commands, given)
  if group then return ("No %s %q; %s has %s."):format(kind or "command", two, given[1], group) end
  return ("No %s %q%s"):format(kind or "command", asked, best and ("; did you mean %q?"):format(best) or ".")
end

return words
