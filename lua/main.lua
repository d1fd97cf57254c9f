-- main.lua - options → policy → node → loop. What `dt-swarm` runs; the parts are in daemon.lua.
local core = require "core"
local options = require "options"

local main = {}

local OK, CANNOT, POLICY, USAGE = 0, 1, 2, 3

local function complain(...)
  io.stderr:write("dt-swarm: ", table.concat({ ... }, "\n"), "\n")
end

local function lines_of(policy_fault)
  local load = require "policy.load"
  return load.report(policy_fault)
end

local function load_policy(place, path, root)
  local load = require "policy.load"
  return load.load(path, { search = place:policies(root), shipped = root .. "/policies" })
end

local function checked(policy)
  print(("%s: fine; every hook was asked twice"):format(policy.name))
  return OK
end

-- ARG is what main.c made of argv, with .root (folder of lua/ and policies/) and .memory(). → exit code.
function main.main(arg)
  local chosen, fault = options.parse(arg)
  if not chosen then
    complain(fault, "Try: dt-swarm --help")
    return USAGE
  end
  if chosen.help then io.write(options.help) return OK end
  if chosen.version then print("dt-swarm " .. core.version) return OK end
  local paths = require "paths"
  local place = paths.new(os.getenv, paths.uid())
  local policy, why = load_policy(place, chosen.policy, arg.root)
  if not policy then
    complain(table.unpack(lines_of(why)))
    return POLICY
  end
  if chosen.check then return checked(policy) end
  local daemon = require "daemon"
  local running, text = daemon.start { options = chosen, policy = policy, place = place, root = arg.root,
    memory = arg.memory, version = core.version, cli = arg[0]:match "/" and arg[0] .. "-cli" or "dt-swarm-cli" }
  if not running then
    complain(text)
    return CANNOT
  end
  return running:run()
end

return main
