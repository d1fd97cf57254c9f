-- main.lua - options → policy → daemon. What `dt-swarm` runs; the parts are in daemon.lua and node.lua.
local core = require "core"
local options = require "options"
local paths = require "paths"

local main = {}

local OK, CANNOT, POLICY, USAGE = 0, 1, 2, 3

local function complain(lines) io.stderr:write("dt-swarm: ", table.concat(lines, "\n          "), "\n") end

-- PAUSE: see policy/load.lua. → policy | nil, lines for people
local function load_policy(chosen, place, root, pause)
  local load = require "policy.load"
  local policy, faults = load.load(chosen.policy, { shipped = root .. "/policies", search = place:policies(root),
    pause = pause })
  local lines = policy and require "preflight".faults(policy) or load.report(faults)
  if policy and #lines == 0 then return policy end
  if policy then policy:close() end
  return nil, lines
end

local function start(chosen, policy, place, arg)
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
    load_policy = function(pause) return load_policy(chosen, place, arg.root, pause) end }
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
  local policy, lines = load_policy(chosen, place, arg.root)
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
  return start(chosen, policy, place, arg)
end

return main
