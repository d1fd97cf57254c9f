-- main.lua - options → policy → daemon. What `dt-swarm` runs; the parts are in daemon.lua and node.lua.
local core = require "core"
local options = require "options"
local paths = require "paths"
local wrap = require "wrap"

local main = {}

local OK, CANNOT, POLICY, USAGE = 0, 1, 2, 3

-- Of the terminal that FD is | nil: it is none, or does not say.
local function columns_of(arg, fd)
  local columns = arg.columns and arg.columns(fd)
  return columns ~= 0 and columns or nil
end

-- Lines for people on OUTPUT; on a terminal they are broken between words, elsewhere a line is a fact.
local function say(output, lines, columns, indent)
  for _, line in ipairs(lines) do output:write(table.concat(wrap(line, columns, indent), "\n"), "\n") end
end

local LEAD <const> = "dt-swarm: "

local function complain(lines, arg)
  local list, under = { LEAD .. lines[1] }, (" "):rep(#LEAD)
  for i = 2, #lines do list[i] = under .. lines[i] end
  say(io.stderr, list, columns_of(arg, 2), under .. "  ")
end

-- What --check has to say of a fine POLICY.
local function say_fine(policy, arg)
  local preflight = require "preflight"
  local text = "%s: fine; every hook was asked with everything known and with everything unknown"
  local said = { text:format(policy.name) }
  for _, list in ipairs { preflight.routes(policy), preflight.unused(policy, arg.root .. "/policies"),
    preflight.kinds(policy) } do
    table.move(list, 1, #list, #said + 1, said)
  end
  say(io.stdout, said, columns_of(arg, 1), "  ")
end

-- The state folder that was named, as a whole path | nil
local function state_folder(chosen)
  local folder = chosen.state
  return folder and (folder:sub(1, 1) == "/" and folder or ("%s/%s"):format(os.getenv "PWD" or "", folder))
end

local function policy_files(chosen, place, root)
  local folder = state_folder(chosen)
  return require "policy_files".new { path = chosen.policy, search = place:policies(root, folder),
    shipped = root .. "/policies", fleet = place:fleet(folder), home = os.getenv "HOME",
    programs = require "routing.channels.programs".of(place),
    alert_program = require "routing.channels.programs".of(place, place:policy_folders()),
    secrets = require "routing.channels.secrets".of(place) }
end

-- → policy | nil, lines for people
local function load_policy(files)
  local chain, lines = files:read()
  if not chain then return nil, lines end
  return files:judge(chain)
end

-- Does nobody look on: a service manager started us, or a container, or at least no terminal is there? Such a node
-- must not stay away for a fault in its policy.
local function is_service(arg)
  if os.getenv "NOTIFY_SOCKET" then return true end
  for fd = 0, 2 do
    if arg.columns and arg.columns(fd) then return false end
  end
  return true
end

-- A node that never ran is none that a broken policy could take away: whoever sets it up is told, and nothing is made.
local function has_run(chosen, place)
  local state = chosen.state or place:state()
  local file = state and io.open(state .. "/version")
  if file then file:close() end
  return file ~= nil
end

-- FAULTS: lines, where the file gives no POLICY.
local function start(chosen, policy, faults, files, place, arg)
  local key = require "core.key"
  local ok, fault = key.self_test()
  if not ok then
    complain({ fault }, arg)
    return CANNOT
  end
  local running
  -- Whoever asks for the end while we start is heard when we run: an end half way would look like a crash.
  arg.hold(true)
  running, fault = require "daemon".start { options = chosen, policy = policy, faults = faults, place = place,
    root = arg.root,
    memory = arg.memory, version = core.version, env = os.getenv, home = os.getenv "HOME",
    here_folder = os.getenv "PWD" or "/",
    cli = arg[0]:find "/" and arg[0] .. "-cli" or "dt-swarm-cli", again = arg.again,
    hold = arg.hold,
    columns = arg.columns and arg.columns(1), files = files, is_service = is_service(arg) }
  if not running then
    complain({ (fault:gsub("^E[A-Z0-9]+: ", "")) }, arg) -- the system's own word says nothing to people
    return CANNOT
  end
  return running:run(), running.loop.resolving > 0 or running.loop.left[1] ~= nil
end

-- ARG is what main.c made of argv, with .root (the folder of lua/ and policies/) and .memory(). → exit code,
-- and whether the process is to end at once: a thread that looks a name up, or reads a file of a dead disk, would hold
-- it for as long as that takes.
function main.main(arg)
  local chosen, fault = options.parse(arg)
  if not chosen then
    complain({ fault, "Try: dt-swarm --help" }, arg)
    return USAGE
  end
  if chosen.help or chosen.version then
    io.write(chosen.help and options.help(columns_of(arg, 1)) or "dt-swarm " .. core.version .. "\n")
    return OK
  end
  local place = paths.new(os.getenv, paths.uid())
  local files = policy_files(chosen, place, arg.root)
  local policy, lines = load_policy(files)
  if not policy then
    complain(lines, arg)
    if chosen.check or not is_service(arg) or not has_run(chosen, place) then return POLICY end
  end
  if chosen.check then
    say_fine(policy, arg)
    return OK
  end
  return start(chosen, policy, lines, files, place, arg)
end

return main
