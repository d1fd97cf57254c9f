-- other_daemons.lua - sockets of other daemons on this machine, for who asks where there is none. It asks none of them.
local text = require "core.text"
local shell = require "shell"
local width = require "cli.width"

local others = {}

local MOST <const>, TRIED <const> = 8, 64 -- that are named; sockets that are tried
local PROCESSES <const> = 4096

local function words_of(cmdline)
  local words = {}
  for word in cmdline:gmatch "([^%z]*)%z" do words[#words + 1] = word end
  return words
end

-- The socket that a daemon was started with, or the one that belongs to its user where it was not told.
local function socket_of(world, pid)
  local words = words_of(world.read("/proc/" .. pid .. "/cmdline") or "")
  if not words[1] or words[1]:match "[^/]*$" ~= "dt-swarm" then return nil end
  for i, word in ipairs(words) do
    local path = word:match "^%-%-socket=(.+)$" or word == "--socket" and words[i + 1]
    if path then return path:sub(1, 1) == "/" and path or nil end
  end
  local uid = (world.read("/proc/" .. pid .. "/status") or ""):match "\nUid:%s+%d+%s+(%d+)"
  return uid and (uid == "0" and "/run/dt-swarm/control.sock" or ("/run/user/%s/dt-swarm/control.sock"):format(uid))
end

-- Of running daemons, then of all sockets whose path names us.
local function candidates(world)
  local list, n = {}, 0
  for _, name in ipairs(world.disk():list "/proc" or {}) do
    if name:find "^%d+$" and n < PROCESSES then
      n = n + 1
      list[#list + 1] = socket_of(world, name)
    end
  end
  for line in (world.read("/proc/net/unix", 1 << 20) or ""):gmatch "[^\n]+" do
    local path = line:match " (/%S*)$"
    if path and path:find("dt-swarm", 1, true) and path:find "%.sock$" then list[#list + 1] = path end
  end
  table.sort(list)
  return list
end

-- Any user of this machine can listen at a path of his choice, and ours are typed into a shell, by root perhaps.
local function can_be_typed(path) return path:find "^[%w%._~:/@+-]+$" ~= nil end

--- Sockets at which somebody listens, those of SKIP (a set) left out, and what a shell would not take as one plain
-- word: array of { path =, denied = is it not ours? }, ours first.
function others.find(world, skip)
  local ours, denied, met, n = {}, {}, {}, 0
  for _, path in ipairs(candidates(world)) do
    if not met[path] and not skip[path] and n < TRIED and can_be_typed(path) then
      local stream, _, code = world.net.unix_connect(path)
      if stream then stream:close() end
      met[path], n = true, n + 1
      if stream then ours[#ours + 1] = { path = path, denied = false } end
      if code == "EACCES" or code == "EPERM" then denied[#denied + 1] = { path = path, denied = true } end
    end
  end
  return table.move(denied, 1, #denied, #ours + 1, ours)
end

--- What to say of those found, a line each; the empty text for none. PROGRAM: how the command line is called, WORDS:
-- what was to be asked, COLUMNS: of the terminal, or nil.
function others.words(found, program, words, columns)
  if not found[1] then return "" end
  local lines = { "\nOther daemons run here:" }
  for i = 1, math.min(#found, MOST) do
    local one = found[i]
    local start = (one.denied and "sudo " or "") .. program
    lines[#lines + 1] = width.command({ start, one.path, words[1] and text.escape(shell.line(words)) }, columns)
  end
  if #found > MOST then lines[#lines + 1] = ("  and %d more"):format(#found - MOST) end
  return table.concat(lines, "\n")
end

return others
