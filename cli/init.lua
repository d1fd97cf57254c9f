-- cli - dt-swarm-cli [HOST] COMMAND: the table of commands, from words to exit code. No command's inside.
local cli = {}

--- What the process ends with; `--help` and cli/README.md say the same.
cli.exits = {
  { name = "ok", code = 0, text = "done" },
  { name = "no", code = 1, text = "the answer is no: nothing found, or more than one thing fits" },
  { name = "daemon", code = 2, text = "no daemon answers" },
  { name = "usage", code = 3, text = "a word or option that is not understood" },
  { name = "refused", code = 4, text = "the daemon refused, or its socket is not yours" },
  { name = "fetch", code = 5, text = "a file could not be fetched or saved" },
  { name = "stopped", code = 130, text = "stopped by Ctrl-C; what came of a file is kept" },
}

cli.exit = {}
for _, exit in ipairs(cli.exits) do cli.exit[exit.name] = exit.code end

--- All commands, in the order of help. `default` answers to its group's word alone; `arguments` and
-- `options` go to argparse. `file` gives run(context, options) → exit code, or request(options) → table
-- for the daemon and show(answer, show, options) → exit code or nil; with --watch, too, and change(event, show) → text.
cli.commands = {
  { name = "status", file = "cli.status", text = "How this node is: clock, channels, records, refusals." },
  { name = "discover", file = "cli.discover", text = "Who is there, by which way, when last heard.",
    options = {
      { "--wide", nil, "with addresses, versions, clocks" },
      { "--all", nil, "those whom only earlier runs heard, or who are lost for over a day, too" },
      { "--watch", nil, "stay, and say what changes, until Ctrl-C" },
    } },
  { name = "report", file = "cli.report", text = "The swarm's shared files: from whom, how many copies.",
    options = { { "--wide", nil, "all columns, and whole texts, however wide the terminal is" } } },
  { name = "summary", file = "cli.summary", text = "What records this node holds, by class and bucket.",
    options = { { "--wide", nil, "with the law of each class" } } },
  { name = "files list", file = "cli.files", text = "This node's own files, and those that it fetches.",
    default = true },
  { name = "files get", file = "cli.get", text = "Fetch a file or a folder, check every block, save it.",
    arguments = { { "what", "NAME|CID|FOLDER", "as lists show it: a path, the end of one, ROBOT:PATH, a CID" } },
    options = {
      { "--from", "ROBOT", "only what comes from that robot" },
      { "--to", "PATH", "save it there (a folder, or a new name)" },
      { "--force", nil, "replace a file that is there already" },
    } },
  { name = "files dismiss", file = "cli.dismiss", text = "Say that own files which are not there are gone for good.",
    options = { { "--yes", nil, "do it; without this it only shows what would be dismissed" } } },
  { name = "identity show", file = "cli.identity", text = "This node's peer ID and the board it belongs to.",
    default = true },
  { name = "identity export", file = "cli.export", text = "The private key, in the form of an IPFS config." },
  { name = "policy reload", file = "cli.reload", text = "Read the policy again; say what changed, and apply it.",
    default = true },
  { name = "help", file = "cli.help", text = "These commands, one of them, or what a word means.",
    arguments = { { "command", "COMMAND|WORD", "a command, a word of a refusal or a table, or: words", "*" } } },
}

--- The command that WORDS begin with, and how many of them name it; nil for none.
function cli.find(words)
  if not words[1] then return nil end
  for _, command in ipairs(cli.commands) do
    local group, verb = command.name:match "^(%S+)%s+(%S+)$"
    if command.name == words[1] then return command, 1 end
    if group == words[1] and verb == words[2] then return command, 2 end
  end
  if words[2] and words[2]:sub(1, 1) ~= "-" then return nil end
  for _, command in ipairs(cli.commands) do
    if command.default and command.name:match "^%S+" == words[1] then return command, 1 end
  end
end

local function take_host(words)
  local first = words[1]
  if not first or cli.find(words) or first:sub(1, 1) == "-" then return nil end
  if first == "localhost" or first:find("/", 1, true) then return table.remove(words, 1) end
  if not cli.find { table.unpack(words, 2) } then return nil end
  if first:find "^%d+%.%d+%.%d+%.%d+$" or first:find "^%[?%x*:[%x:.]*%]?$" then
    return nil, ("%s is an address; only daemons of this machine are asked: give localhost or a socket's path, \z
      or ask there: ssh %s dt-swarm-cli %s"):format(first, first, require("shell").line { table.unpack(words, 2) })
  end
  return nil, ("%s is not yet reachable by name; give localhost or a socket's path"):format(first)
end

local function wants_help(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == "-h" or word == "--help" then return true end
  end
  return false
end

local function perform(context, command, options)
  local file = require(command.file)
  context.as_json = options.json
  if file.run then return file.run(context, options) end
  if options.watch then return require("cli.watch").run(context, file, options) end
  local answer, code = context:ask(file.request(options))
  if not answer then return code end
  if options.json then return context:json(answer) end
  return file.show(answer, context.show, options) or cli.exit.ok
end

--- Runs WORDS (without the program's name) in WORLD (cli/environment.lua); the exit code.
function cli.run(world, words)
  local context = require("cli.context").new(world, cli)
  local help = require "cli.help"
  local host, message = take_host(words)
  if message then return context:misused(message) end
  context.host, context.words = host or "localhost", { table.unpack(words) }
  context.show.host = require("shell").word(context.host)
  if words[1] == "--version" then
    world.write(("dt-swarm-cli %s\n"):format(world.version))
    return cli.exit.ok
  end
  local command, used = cli.find(words)
  if wants_help(words) then
    return help.run(context, { command = command and { table.unpack(words, 1, used) } or {} })
  end
  if not words[1] then
    return context:misused("Which command? " .. require("cli.arguments").names(cli.commands))
  end
  if not command then return context:misused(require("cli.arguments").unknown(cli.commands, words)) end
  local options
  options, message = require("cli.arguments").parse(command, { table.unpack(words, used + 1) })
  if not options then return context:misused(message) end
  context:colour(options.color)
  return perform(context, command, options)
end

--- Called by core/main.c with the process's words.
function cli.main(arg)
  local world = require("cli.environment").new(arg)
  local ok, result = xpcall(cli.run, debug.traceback, world, { table.unpack(arg) })
  world.close()
  if not ok then error(result, 0) end
  return result
end

return cli
