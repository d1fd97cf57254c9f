-- options.lua - the words behind `dt-swarm`. Opens nothing; argparse would cost a robot 300 KB for nine options.
local node_name = require "node_name"
local wrap = require "wrap"

local options = {}

--- Word, what it takes or nil, what it does; `kind` is what completion offers. The name in what parse() gives is the
-- word without its dashes.
options.rows = {
  { "--state", "DIR", "where key, journal and gathered files live", kind = "path" },
  { "--share", "DIR", "the folder that is shared (the policy's, else ~/shared-logs)", kind = "path" },
  { "--socket", "PATH", "the control socket", kind = "path" },
  { "--name", "NAME", "the label others see (the policy's, else the host name)", kind = "text" },
  { "--check", nil, "read and check the policy, start nothing" },
  { "--verbose", nil, "say each refused line, too" },
  { "--help", nil, "this text" },
  { "--version", nil, "the version" },
}

--- Words behind `dt-swarm`, and what they are for.
options.examples = {
  { "", "a robot with the policy that is found first" },
  { "policies/server.lua", "a server: keeps copies of what robots share" },
  { "--check my.lua", "is this policy fine?" },
}

options.text = "Makes this machine a node of the swarm: runs in the foreground until Ctrl-C."
options.policy = "Without POLICY.lua: the user's, the system's, or the shipped one; it says which."

local VALUES, FLAGS = {}, { ["-h"] = "help" }
for _, row in ipairs(options.rows) do
  local list = row[2] and VALUES or FLAGS
  list[row[1]] = row[1]:sub(3)
end

--- What --help prints, in lines of at most COLUMNS (80).
function options.help(columns)
  local lines = {}
  local function add(text, indent)
    table.move(wrap(text, columns or 80, (" "):rep(indent or 0)), 1, 99, #lines + 1, lines)
  end
  for _, example in ipairs(options.examples) do
    add(("  %-30s  %s"):format("dt-swarm " .. example[1], example[2]), 4)
  end
  add ""
  add("Usage: dt-swarm [OPTIONS] [POLICY.lua]", 4)
  add ""
  add(options.text)
  add ""
  for _, row in ipairs(options.rows) do
    add(("  %-14s  %s"):format(row[1] .. (row[2] and " " .. row[2] or ""), row[3]), 18)
  end
  add ""
  add(options.policy)
  add "Exit codes:"
  for _, exit in ipairs(require("exits").of "daemon") do add(("  %2d  %s"):format(exit.code, exit.text), 6) end
  return table.concat(lines, "\n") .. "\n"
end

-- What was meant by WORD, perhaps.
local function unknown(word)
  local names = {}
  for i, row in ipairs(options.rows) do names[i] = row[1] end
  local best = require("nearest").of(names, (word:match "^[^=]*"))
  return ("no such option: %s%s"):format(word, best and ("; did you mean %s?"):format(best) or "")
end

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
      return nil, unknown(word)
    elseif found.policy then
      return nil, "one policy only: " .. found.policy .. " and " .. word
    else
      found.policy = word
    end
    i = i + 1
  end
  if found.name and not node_name.is(found.name) then
    return nil, "--name is 1 to 32 of A-Z a-z 0-9 . _ - and begins with a letter or digit, not " .. found.name
  end
  return found
end

return options
