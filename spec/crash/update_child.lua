-- update_child.lua - a program that does nothing but one update of a folder, on the real disk, to be killed. No checks.
-- usage: lua update_child.lua HOME: HOME/payload is the tar, HOME/state its state folder, HOME/data/demos the folder;
-- what it says goes to HOME/said. While HOME/sick is there, `verify` says no.
package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = ".build/?.so;" .. package.cpath
local atomic_write = require "atomic_write"
local disk = require "core.disk".real()
local files = require "clients.updates.kinds.files"
local kept = require "kept"
local loop = require "loop"
local machine = require "clients.updates.machine"
local saved = require "clients.updates.saved"

local home = arg[1]
local L = loop.new { on_error = function(text) io.stderr:write(text, "\n") end }
local log = { error = function(_, _, _, facts) io.stderr:write(tostring(facts.why), "\n") end, warn = function() end,
  info = function() end, once = function() end }
local writer = atomic_write.new { disk = disk, log = log }
local state = saved.new(kept.new_firm { disk = disk, log = log, dir = home .. "/state/updates", name = "state",
  date = function() return "D" end, atomic_write = writer })
local kind = files.new { loop = L, disk = disk, log = log, date = function() return "D" end, atomic_write = writer,
  dir = home .. "/state", uid = require "paths".uid(), spawn = function(options) return L:spawn(options) end,
  folders = function() return { demos = { path = home .. "/data/demos" } } end,
  path_of = function() return home .. "/payload" end }
local job = { run = "demos/42/1", release = "demos/42", kind = "files", cid = "new", version = "2.4", from = 41,
  target = "demos", plan = "plan", tail = "plan", round = 1, soak = 0, unknown = "back", unpacked = 10000000 }
local one

local function say(_, status, told)
  local said = io.open(home .. "/said", "a")
  said:write(status.state, "\n")
  said:close()
  L:post(function() told(true) end)
end

local function perform(verb, now, done)
  if verb == "verify" and disk:stat(home .. "/sick") then return L:post(function() done("no", "sick") end) end
  kind:run(verb, now, done)
end

one = machine.new { loop = L, log = log, saved = state,
  kinds = function() return perform end, say = say,
  checks = function() return { failed = 0 } end, healthy = function() return true end,
  slow = function() return { next = function() return 50 end } end, ended = function() L:stop() end }

local function begin()
  kind:run("stage", job, function(answer)
    if answer ~= "ok" then return L:after(50, begin) end
    one:begin(job, function() end)
  end)
end

if one:now() then
  one:start()
elseif not state.data.runs[job.run] then
  begin()
else
  os.exit(0)
end
L:run()
L:close()
