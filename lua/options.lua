-- options.lua - the words behind `dt-swarm`. Opens nothing; argparse would cost a robot 300 KB for nine options.
local options = {}

local HELP = [[
Usage: dt-swarm [OPTIONS] [POLICY.lua]

Makes this machine a node of the swarm: runs in the foreground until Ctrl-C.

  --state DIR     where key, journal and gathered files live
  --share DIR     the folder that is shared (the policy's, else ~/shared-logs)
  --socket PATH   the control socket
  --name NAME     the label others see (the policy's, else the host name)
  --check         read and check the policy, start nothing
  --verbose       say each refused line, too
  --help          this text
  --version       the version

Without POLICY.lua: the user's, the system's, or the shipped one; it says which.
Exit codes: 0 stopped cleanly, 1 cannot start, 2 policy refused, 3 wrong usage.
]]

local VALUES = { ["--state"] = "state", ["--share"] = "share", ["--socket"] = "socket", ["--name"] = "name" }
local FLAGS = { ["--check"] = "check", ["--help"] = "help", ["--version"] = "version", ["--verbose"] = "verbose",
  ["-h"] = "help" }

options.help = HELP

-- ARGUMENTS (an array) → { state, share, socket, name, policy, check, help, version, verbose } | nil, text.
function options.parse(arguments)
  local found, i = {}, 1
  while i <= #arguments do
    local word = arguments[i]
    local flag, value = word:match "^(%-%-%l+)=(.*)$"
    local name = VALUES[flag or word]
    if name then
      if not flag then
        i, value = i + 1, arguments[i + 1]
      end
      if not value or value == "" then return nil, word .. " needs a value" end
      found[name] = value
    elseif FLAGS[word] then
      found[FLAGS[word]] = true
    elseif word:sub(1, 1) == "-" then
      return nil, "no such option: " .. word
    elseif found.policy then
      return nil, "one policy only: " .. found.policy .. " and " .. word
    else
      found.policy = word
    end
    i = i + 1
  end
  if found.name and (#found.name > 32 or not found.name:find "^[A-Za-z0-9][A-Za-z0-9._-]*$") then
    return nil, "--name is 1 to 32 of A-Z a-z 0-9 . _ - and begins with a letter or digit, not " .. found.name
  end
  return found
end

return options
