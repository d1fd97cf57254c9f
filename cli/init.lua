-- cli - dt-swarm-cli [HOST] COMMAND: the table of commands, from words to exit code. No command's inside.
local cli = {}

--- What the process ends with: rows { name, code, text }; help, man page and both READMEs say the same.
cli.exits, cli.exit = require("exits").of "command", {}
for _, exit in ipairs(cli.exits) do cli.exit[exit.name] = exit.code end

--- What each command takes: rows as in a command's `options`.
cli.options = {
  { "--json", nil, 'the daemon\'s answer as it is, with "schema"' },
  { "--color", "WHEN", "auto, always or never", choices = { "auto", "always", "never" }, default = "auto" },
  { "--help", nil, "this text" },
}

--- What stands above all help.
cli.examples = {
  { "discover", "who is there" },
  { "localhost report", "which files the swarm has" },
  { "/run/x/control.sock status", "another daemon on this machine" },
}

--- Hosts to begin with, where a command may be.
cli.hosts = { "localhost" }

local WATCH <const> = { "--watch", nil, "stay until Ctrl-C: a terminal is drawn anew, else what changes is said" }

--- All commands, in the order of help. A row:
--   name       one word, or a group and a verb; `default` answers to its group's word alone
--   file       gives run(context, options) → exit code, or request(options) → table for the daemon and
--              show(answer, show, options) → exit code or nil; with --watch, too, and change(event, show) → text.
--              again_ms: in which a daemon that hangs up is asked again, or nil.
--              Verbs that do much the same share one file; options.verb says which of them was typed
--   text       one sentence
--   examples   rows { words behind dt-swarm-cli, what they are for }; the first stands above all help
--   arguments  rows { target, NAME, text, how many (argparse; 1), kind = or choices = } and
--   options    rows { --word, VALUE or nil, text, kind = or choices = }; kind, of cli.kinds, is what completion offers;
--              a VALUE in [brackets] may be left out, and the option is true then; file = what the command is done
--              by in place of its own file, where that option is given
--   hidden     no person types it: it stands in no list
cli.commands = {
  { name = "status", file = "cli.status", text = "How this node is: clock, channels, records, refusals.",
    examples = { { "status", "is everything well here?" } }, options = { WATCH } },
  { name = "discover", file = "cli.discover", text = "Who is there, by which way, when last heard.",
    examples = { { "discover", "who is there" }, { "discover --wide", "with the addresses to go there" },
      { "discover --missing", "who should be here and is not" },
      { "discover --watch", "who comes and goes, until Ctrl-C" } },
    options = {
      { "--wide", nil, "with addresses, levels, versions, clocks and policies" },
      { "--near", nil, "those in networks of an own interface alone" },
      { "--missing", nil, "who is not here of all members; without a lab of all who were heard before" },
      { "--all", nil, "those whom only earlier runs heard, or who are lost for over a day, too" },
      { "--legacy", nil, "robots of today's Duckietown, asked by UDP and mDNS for 3 s", file = "cli.legacy" },
      WATCH,
    } },
  { name = "report", file = "cli.report", text = "The swarm's shared files: from whom, how many copies.",
    examples = { { "report", "which files the swarm has, and what is at risk" },
      { "report --by robot", "what each robot waits for, and when its card is full" },
      { "report --json", "the same for a program, with whole CIDs" } },
    options = {
      { "--by", "WHAT", "robot: a line for each of them", choices = { "robot" } },
      { "--wide", nil, "all columns, and whole texts, however wide the terminal is" },
      { "--all", nil, "every file; else of more than 200 only the newest" },
      WATCH,
    } },
  { name = "summary", file = "cli.summary", text = "What records this node holds, by class and bucket.",
    examples = { { "summary", "do the others hold the same records?" } },
    options = { { "--wide", nil, "with the law of each class" } } },
  { name = "channels", file = "cli.channels", text = "By which ways this node speaks: state, since when, how much.",
    examples = { { "channels", "are all ways open, and what goes over them?" },
      { "channels --watch", "the same, drawn anew when it changes" } },
    options = { WATCH } },
  { name = "files list", file = "cli.files", text = "This node's own files, and those that it fetches.",
    default = true,
    examples = { { "files list", "what is shared from here, and why the rest is not" } },
    options = { { "--after", "PAGE", "the next thousand, as the page before says", kind = "text" }, WATCH } },
  { name = "files get", file = "cli.get", text = "Fetch a file or a folder, check every block, save it.",
    examples = { { "files get run-12.bag", "that file, into this folder" },
      { "files get ada:rosbag2_a --to ~/bags", "a folder of the robot ada, into ~/bags" } },
    arguments = {
      { "what", "NAME|CID|FOLDER", "as lists show it: a path, the end of one, ROBOT:PATH, a CID", kind = "file" },
    },
    options = {
      { "--from", "ROBOT", "only what comes from that robot", kind = "peer" },
      { "--to", "PATH", "save it there (a folder, or a new name)", kind = "path" },
      { "--force", nil, "replace a file that is there already" },
    } },
  { name = "files dismiss", file = "cli.dismiss", text = "Say that own files which are not there are gone for good.",
    examples = { { "files dismiss", "what would be dismissed" }, { "files dismiss --yes", "do it" } },
    options = { { "--yes", nil, "do it; without this it only shows what would be dismissed" } } },
  { name = "why", file = "cli.explain", text = "Why something is as it is, and what would change it.",
    examples = { { "why run-12.bag", "why a file is shared, fetched, or not" },
      { "why donald", "why a node counts as ready, quiet, lost" },
      { "why irc", "why a channel is up, waits, or is closed" },
      { "why clients.logs.fetch", "who gave a setting or a hook, by file and line" },
      { "why record peer donald", "who says what in a record, and whether it holds" } },
    arguments = { { "words", "THING", "a file, a node, a channel, BUCKET KEY of a record, a setting, a hook, \z
      an update, a word of refusal; its kind may go before it: file, peer, channel, record, setting, hook, \z
      update, word", "+", kind = "file" } } },
  { name = "watch", file = "cli.events", text = "What happens at this node, a line each, until Ctrl-C.",
    examples = { { "watch", "all that happens" }, { "watch files peers", "two topics only" },
      { "watch --json", "a line of JSON for each event, for a program" } },
    arguments = { { "words", "TOPIC", "only these; watch --topics lists them", "*", kind = "topic" } },
    options = { { "--topics", nil, "which topics there are" } } },
  { name = "doctor", file = "cli.doctor", text = "What is wrong with this node and its network, and what to do.",
    examples = { { "doctor", "looks for up to ten seconds, then names the cause first" },
      { "doctor --peer 192.168.1.21", "does that machine of this network answer, too?" } },
    options = { { "--peer", "ADDRESS", "an address in a network of this machine", kind = "text" } } },
  { name = "export", file = "cli.export", text = "Write all records that this node holds into a file, a bundle.",
    examples = { { "export swarm.bundle", "for a machine that is on no network: import it there" },
      { "export - | ssh donald dt-swarm-cli import -", "to another machine at once" } },
    arguments = { { "file", "FILE", "the bundle that is made; - for standard output", kind = "path" } },
    options = { { "--force", nil, "replace a file that is there already" } } },
  { name = "import", file = "cli.import", text = "Take in a bundle's records, each checked by its signature.",
    examples = { { "import swarm.bundle", "what export wrote on another machine, or --to" },
      { "import - < swarm.bundle", "the same from standard input" } },
    arguments = { { "file", "FILE", "a bundle; - for standard input", kind = "path" } } },
  { name = "policy show", file = "cli.policy_show", text = "The policy in force: its files, settings and hooks.",
    default = true, examples = { { "policy show", "what this node goes by, and where that is written" },
      { "policy show comms.beacon", "one setting" }, { "policy show clients.logs", "all of a section" } },
    arguments = { { "setting", "SETTING", "a setting, a hook or a section", "?", kind = "setting" } } },
  { name = "policy check", file = "cli.policy_check", text = "Is a policy fine? Every hook is asked; nothing changes.",
    examples = { { "policy check", "the policy's file as it stands there now" },
      { "policy check new.lua", "another one" } },
    arguments = { { "file", "FILE", "a policy; without it the one that a reload would read", "?", kind = "path" } } },
  { name = "policy diff", file = "cli.policy_diff", text = "What a reload would change, and what needs a restart.",
    examples = { { "policy diff", "before policy reload" }, { "policy diff new.lua", "if another one were in force" } },
    arguments = { { "file", "FILE", "a policy; without it the one that a reload would read", "?", kind = "path" } } },
  { name = "policy reload", file = "cli.reload", text = "Read the policy again; say what changed, and apply it.",
    examples = { { "policy reload", "after the policy's file was changed" },
      { "policy reload --confirm 60", "and go back by itself, unless it is confirmed within 60 s" } },
    options = {
      { "--confirm", "[SECONDS]", "go back unless policy confirm comes in time (120 s)", kind = "seconds" },
    } },
  { name = "policy confirm", file = "cli.policy_confirm", text = "Keep the policy that is on trial.",
    examples = { { "policy confirm", "after policy reload --confirm, if the node still answers" } } },
  { name = "policy rollback", file = "cli.policy_rollback", text = "Go back at once to the policy before this one.",
    examples = { { "policy rollback", "the new policy is no good" } } },
  { name = "repl", file = "cli.repl", text = "Look inside this node, in Lua; nothing is changed from there.",
    examples = { { "repl", "type help() for what can be asked" },
      { "repl -e '#records(\"share/files\")'", "one expression, for a script" } },
    arguments = { { "script", "FILE", "a file of Lua, in place of what is typed", "?", kind = "path" } },
    options = { { "-e", "EXPR", "evaluate this and leave", kind = "text" } } },
  { name = "help", file = "cli.help", text = "These commands, one of them, or what a word means.",
    examples = { { "help files get", "one command" }, { "help quota", "what a word means, and what to do" },
      { "help words", "all such words" } },
    arguments = {
      { "command", "COMMAND|WORD", "a command, a word of a refusal or a table, or: words", "*", kind = "word" },
    } },
  { name = "page", file = "cli.page", text = "A file that make installs: a manual page, or what completes words.",
    hidden = true, examples = { { "page dt-swarm-cli.1", "this program's manual page" } },
    arguments = { { "page", "NAME", "its file's name" } } },
  { name = "complete", file = "cli.complete", text = "The words that may stand at the cursor, for a shell.",
    hidden = true, examples = { { "complete zsh -- dt-swarm-cli files ''", "what a shell asks for at Tab" } },
    arguments = { { "shell", "SHELL", "bash or zsh" }, { "words", "WORD", "what is typed so far", "*" } } },
}

-- Those about ways stand before files, about this node itself before bundles, about labs and trust before the REPL.
local function insert_before(name, rows)
  for i, command in ipairs(cli.commands) do
    if command.name == name then
      table.move(cli.commands, i, #cli.commands, i + #rows)
      table.move(rows, 1, #rows, i, cli.commands)
      return
    end
  end
end

insert_before("report", require "cli.health_rows")
insert_before("files list", require "cli.ping_rows")
insert_before("why", require "cli.copies_rows")
insert_before("files list", require "cli.route_rows")
insert_before("files dismiss", require "cli.files_rows")
insert_before("export", require "cli.own_rows")
insert_before("repl", require "cli.lab_rows")
insert_before("repl", require "cli.trust_rows")
insert_before("repl", require "cli.updates_rows")
insert_before("rollout start", require "cli.plan_rows")

--- What an argument or an option's value may be (cli/complete.lua).
cli.kinds = { peer = true, file = true, setting = true, path = true, word = true, seconds = true, text = true,
  topic = true, bucket = true, duration = true, span = true, count = true, fact = true,
  told = true, release = true, run = true }

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

--- Is WORD one that stands for a daemon of this machine: localhost, or a path?
function cli.is_host(word) return word == cli.hosts[1] or word:find("/", 1, true) ~= nil end

local function is_group(word)
  for _, command in ipairs(cli.commands) do
    if command.name:match "^(%S+) " == word then return true end
  end
  return false
end

local function take_host(words)
  local first = words[1]
  if not first or cli.find(words) or is_group(first) or first:sub(1, 1) == "-" then return nil end
  if cli.is_host(first) then return table.remove(words, 1) end
  if not cli.find { table.unpack(words, 2) } then return nil end
  if first:find "^%d+%.%d+%.%d+%.%d+$" or first:find "^%[?%x*:[%x:.]*%]?$" then
    return nil, ("%s is an address; only daemons of this machine are asked: give localhost or a socket's path, \z
      or ask there: ssh %s dt-swarm-cli %s"):format(first, first, require("shell").line { table.unpack(words, 2) })
  end
  if require "edit_distance"(first:sub(1, 40), cli.hosts[1]) < 3 then
    return nil, ("no host %q; did you mean %q?"):format(first, cli.hosts[1])
  end
  return table.remove(words, 1), nil, true
end

local function wants_help(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == "-h" or word == "--help" then return true end
  end
  return false
end

-- The file that does COMMAND with OPTIONS.
local function file_of(command, options)
  for _, option in ipairs(command.options or {}) do
    if option.file and options[option[1]:sub(3)] then return option.file end
  end
  return command.file
end

local function perform(context, command, options)
  local file = require(file_of(command, options))
  context.as_json, options.verb = options.json, command.name:match "%S+$"
  if file.run then return file.run(context, options) end
  if options.watch then return require("cli.watch").run(context, file, options) end
  local answer, code = context:ask(file.request(options), file.again_ms)
  if not answer then return code end
  if options.json then return context:json(answer) end
  return file.show(answer, context.show, options) or cli.exit.ok
end

-- The same for what another node answers, which may be anything: what no command can show is told as that.
local function perform_far(context, ...)
  local ok, code = pcall(perform, context, ...)
  if ok then return code end
  return select(2, context:refuse(("form: %s gave an answer that is not understood"):format(context.host), "form"))
end

--- Runs WORDS (without the program's name) in WORLD (cli/environment.lua); the exit code.
function cli.run(world, words)
  local context = require("cli.context").new(world, cli)
  local help = require "cli.help"
  local host, message, is_far = take_host(words)
  if message then return context:misused(message) end
  context.is_far, context.host, context.words = is_far, host or cli.hosts[1], { table.unpack(words) }
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
  message = is_far and require("cli.far").refusal(command.name, host, words)
  if message then return context:misused(message) end
  local options
  options, message = require("cli.arguments").parse(command, { table.unpack(words, used + 1) }, cli.options)
  if not options then return context:misused(message) end
  context:colour(options.color)
  local code = (is_far and perform_far or perform)(context, command, options)
  context:close()
  return code
end

--- Called by core/main.c with the process's words.
function cli.main(arg)
  local world = require("cli.environment").new(arg)
  local ok, result = xpcall(cli.run, debug.traceback, world, { table.unpack(arg) })
  world.close()
  if not ok then error(result, 0) end
  local why = world.lost()
  if not why then return result end
  world.complain(("standard output: %s\n"):format(why))
  return cli.exit.fetch
end

return cli
