-- handler_daemon.lua - a small daemon for specs of handlers: the real machine, state file and handlers, and no swarm.
-- usage: lua5.4 spec/clients/handler_daemon.lua DIR [begin]
--
-- DIR has `state`, `handlers`, and `job` (a Lua table). What it says goes into DIR/said, a line each; it ends when the
-- update is over.
dofile "spec/helper.lua"
local atomic_write = require "atomic_write"
local backoff = require "backoff"
local disk = require "core.disk".real()
local handler = require "clients.updates.kinds.handler"
local kept = require "kept"
local loop = require "loop"
local machine = require "clients.updates.machine"
local paths = require "paths"
local saved = require "clients.updates.saved"

local dir, word = arg[1], arg[2]
local L = loop.new { on_error = function(text) io.stderr:write(text, "\n") end }
local log = { warn = function(_, ...) io.stderr:write(tostring(select(2, ...)), "\n") end, info = function() end,
  once = function() end }
local write = atomic_write.new { disk = disk, log = log, start = function() end }
local state = saved.new(kept.new_firm { disk = disk, log = log, dir = dir .. "/state/updates", name = "state",
  atomic_write = write })

local function say(line)
  local file = assert(io.open(dir .. "/said", "a"))
  file:write(line, "\n")
  file:close()
end

local function rss()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmHWM:%s*(%d+)"
    if kib then return kib end
  end
end

local handlers = handler.new { loop = L, disk = disk, spawn = function(options) return L:spawn(options) end,
  atomic_write = write, dir = dir .. "/state", uid = paths.uid(), folder = function() return dir .. "/handlers" end }
local one = machine.new { loop = L, log = log, saved = state, kinds = handlers,
  say = function(_, status, told)
    say(status.state .. (status.why and ": " .. status.why or ""))
    told(true)
  end,
  checks = function() return {} end, healthy = function() return true end,
  slow = function() return backoff.slow(nil, 50, 500) end,
  ended = function(_, ended)
    say("ended " .. ended)
    L.stop()
  end }

local pid = assert(io.open(dir .. "/pid", "w"))
pid:write(require "luv".os_getpid())
pid:close()
say("up " .. rss())
if word == "begin" then
  one:begin(dofile(dir .. "/job"), function() end)
elseif one:now() then
  one:start()
else
  L:post(L.stop)
end
L:run()
say("rss " .. rss())
os.exit(0, true)
