-- main.lua - options → policy → daemon. What `dt-swarm` runs; the parts are in daemon.lua and node.lua.
local core = require "core"
local options = require "options"
local paths = require "paths"

local main = {}

local OK, CANNOT, POLICY, USAGE = 0, 1, 2, 3

local function complain(lines) io.stderr:write("dt-swarm: ", table.concat(lines, "\n          "), "\n") end

local function policy_files(chosen, place, root)
  return require "policy_files".new { path = chosen.policy, search = place:policies(root),
    shipped = root .. "/policies" }
end

-- → policy | nil, lines for people
local function load_policy(files)
  local chain, lines = files:read()
  if not chain then return nil, lines end
  return files:load(chain)
end

local function start(chosen, policy, files, place, arg)
  local key = require "core.key"
  local ok, fault = key.self_test()
  if not ok then
    complain { fault }
    return CANNOT
  end
  local running
  running, fault = require "daemon".start { options = chosen, policy = policy, place = place, root = arg.root,
    memory = arg.memory, version = core.version, env = os.getenv, home = os.getenv "HOME",
    here_folder = os.getenv "PWD" or "/",
    cli = arg[0]:find "/" and arg[0] .. "-cli" or "dt-swarm-cli", again = arg.again,
    files = files }
  if not running then
    complain { (fault:gsub("^E[A-Z0-9]+: ", "")) } -- the system's own word says nothing to people
    return CANNOT
  end
  return running:run()
end

-- ARG is what main.c made of argv, with .root (the folder of lua/ and policies/) and .memory(). → exit code.
function main.main(arg)
  local chosen, fault = options.parse(arg)
  if not chosen then
    complain { fault, "Try: dt-swarm --help" }
    return USAGE
  end
  if chosen.help or chosen.version then
    io.write(chosen.help and options.help() or "dt-swarm " .. core.version .. "\n")
    return OK
  end
  local place = paths.new(os.getenv, paths.uid())
  local files = policy_files(chosen, place, arg.root)
  local policy, lines = load_policy(files)
  if not policy then
    complain(lines)
    return POLICY
  end
  if chosen.check then
    print(("%s: fine; every hook was asked with everything known and with everything unknown"):format(policy.name))
    local preflight = require "preflight"
    for _, list in ipairs { preflight.unused(policy), preflight.kinds(policy) } do
      for _, line in ipairs(list) do print(line) end
    end
    return OK
  end
  return start(chosen, policy, files, place, arg)
end

return main
