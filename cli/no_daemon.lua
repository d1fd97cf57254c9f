-- no_daemon.lua - useful words when no daemon answers: where, since when, how it ended, what to do. Asks nobody.
local text = require "core.text"
local last_seen = require "clients.control.last_seen"
local others = require "cli.other_daemons"
local paths = require "paths"
local shell = require "shell"
local width = require "cli.width"

local absent = {}

local function clock(at, now)
  local seconds = at // 1000
  local same_day = os.date("%F", seconds) == os.date("%F", now // 1000)
  return os.date(same_day and "%H:%M" or "%F %H:%M", seconds)
end

-- A text of somebody else's may say when a daemon was there, and no word that is typed into our shell.
local function examine(world, path, socket)
  local facts = world.disk():stat(path)
  local left = facts and facts.kind == "file" and world.read(path)
  local found = left and last_seen.read(left)
  if not found or found.socket ~= socket then return nil end
  if facts.uid ~= paths.uid() and facts.uid ~= 0 then found.command = nil end
  return found
end

--- What was left behind by the daemon that had this socket, or nil.
local function find(world, socket)
  if socket:sub(1, 1) ~= "/" then socket = (world.env "PWD" or "") .. "/" .. socket:gsub("^%./+", "") end
  local folders, best = { (world.paths:state()) or "", "/var/lib/dt-swarm", socket:match "^(.*)/" }, nil
  local beside, name = last_seen.beside(socket)
  local files = { beside and beside .. "/" .. name }
  for _, folder in ipairs(folders) do files[#files + 1] = folder .. "/last" end
  for _, path in ipairs(files) do
    local found = examine(world, path, socket)
    if found and (not best or found.at > best.at) then best = found end
  end
  return best
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

local function skip(places)
  local set = {}
  for _, path in ipairs(places) do set[path] = true end
  return set
end

-- OPTIONS, as a shell takes them, in parts: an option and its value, or a policy.
local function parts_of(command, options)
  local parts, open = { command }, false
  for space, word in options:gmatch "( *)([^ ]+)" do
    local before = parts[#parts]
    local goes_on = open or before:find "^%-%-%l+$" and before ~= "--verbose"
    if goes_on then parts[#parts] = before .. space .. word else parts[#parts + 1] = word end
    local _, quotes = word:gsub("\\'", ""):gsub("'", "")
    if quotes % 2 == 1 then open = not open end
  end
  return parts
end

-- LEAD and a command, on one line where that fits.
local function told(world, lead, options)
  local columns, parts = world.columns(2), parts_of(text.escape(program(world)), text.escape(options or ""))
  local one = ("%s %s"):format(lead, table.concat(parts, " "))
  if not columns or width.of(one) <= columns then return one end
  return lead .. "\n" .. width.command(parts, columns)
end

-- How to start the same daemon again: with the words that it was started with, where they are known.
local function start(world, path, last_run, named)
  local from_here = program(world) == "./dt-swarm"
  if last_run and last_run.command and last_run.command ~= "" then
    local words = last_run.command
    if from_here then -- as it was typed, from this folder
      local root = (world.root .. "/"):gsub("%p", "%%%0")
      words = (" " .. words):gsub(" " .. root, " "):sub(2)
    end
    return told(world, "Start it:", words)
  end
  if not named then
    return told(world, last_run and "Start it:" or "Start one of your own:", from_here and "policies/duckiebot.lua")
  end
  return told(world, last_run and "Start it with the --name, --state and --share that you gave it:"
    or "Start one there, with a --name, --state and --share of its own:", "--socket " .. shell.word(path))
end

-- What became of it. Of a socket that a person named, and of which nothing is known, that.
local function fate(world, path, last_run, named)
  if last_run then return seen(last_run, world.loop():wall()) end
  if not named then return "" end
  if world.disk():stat(path) then return " What is there answers nobody: its daemon did not stop cleanly." end
  return " Nothing says that there ever was one."
end

--- Lines for a daemon that is not there: where it was looked for (PLACES), what became of it, how to start it, and
-- which other daemons there are, to be asked the same WORDS. NAMED: the person gave this socket.
function absent.words(world, places, named, words)
  local path = places[1]
  local last_run = find(world, path)
  local running = named and "" or others.words(others.find(world, skip(places)), program(world) .. "-cli", words,
    world.columns(2))
  return text.escape(("No daemon at %s."):format(path) .. fate(world, path, last_run, named)) .. "\n"
    .. start(world, path, last_run, named) .. running
end

--- For a path that no socket can have.
function absent.long(path)
  return text.escape(("%s has %d bytes, and a socket's path has room for %d: no daemon can be there. Give the path "
    .. "that it was started with (--socket), or go to its folder and give ./NAME."):format(path, #path,
    paths.SOCKET_MAX))
end

--- For a socket of somebody else's; WORDS: what he was asked.
function absent.denied(world, path, words)
  local command, line = text.escape(program(world)), text.escape(shell.line { path, table.unpack(words) })
  return text.escape(("The daemon at %s is another user's; ask as that user, or as root:"):format(path))
    .. "\n" .. width.command({ ("sudo %s-cli"):format(command), line }, world.columns(2))
    .. ("\nStart one of your own: %s"):format(command)
end

return absent
