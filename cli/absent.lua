-- absent.lua - useful words when no daemon answers: where, since when, how it ended, what to do. Asks nobody.
local text = require "core.text"
local last = require "clients.control.last"
local others = require "cli.others"

local absent = {}

local function clock(at, now)
  local seconds = at // 1000
  local same_day = os.date("%F", seconds) == os.date("%F", now // 1000)
  return os.date(same_day and "%H:%M" or "%F %H:%M", seconds)
end

--- What STATE/last says of the daemon that had this socket, or nil.
local function find(world, socket)
  local folders = { (world.paths:state()), "/var/lib/dt-swarm", socket:match "^(.*)/" }
  for i = 1, 3 do
    local file = folders[i] and world.read(folders[i] .. "/last")
    local found = file and last.read(file)
    if found and found.socket == socket then return found end
  end
end

local function seen(found, now)
  if found.how == "running" then
    return (" It started %s and did not stop cleanly."):format(clock(found.at, now))
  end
  return (" Last seen %s, %s."):format(clock(found.at, now), found.how)
end

local function program(world)
  local root = world.root or ""
  if root:find("/share/dt%-swarm$") then return "dt-swarm" end
  return root == world.env "PWD" and "./dt-swarm" or root .. "/dt-swarm"
end

local function skip(paths)
  local set = {}
  for _, path in ipairs(paths) do set[path] = true end
  return set
end

--- Lines for a daemon that is not there: where it was looked for (PLACES), what became of it, how to start it, and
-- which other daemons there are. NAMED: the person gave this socket.
function absent.words(world, places, named)
  local path = places[1]
  local last_run, command = find(world, path), program(world)
  local running = named and "" or others.words(others.find(world, skip(places)), command .. "-cli")
  if named then command = ("%s --socket %s"):format(command, path) end
  if not named and command == "./dt-swarm" then command = command .. " policies/duckiebot.lua" end
  return text.escape(("No daemon at %s."):format(path) .. (last_run and seen(last_run, world.loop():wall()) or ""))
    .. "\nStart it: " .. text.escape(command) .. running
end

--- For a socket of somebody else's.
function absent.denied(world, path)
  return text.escape(("The daemon at %s is another user's; ask as that user, or as root:"):format(path))
    .. ("\n  sudo %s-cli %s discover"):format(text.escape(program(world)), text.escape(path))
end

return absent
