-- after.lua - the program that the policy has run after each exchange of a folder: looked at, run, the end of its
-- output kept. Exchanges nothing.
local last_line = require "clients.updates.last_line"
local slices = require "slices"
local trusted_program = require "trusted_program"
local update_keys = require "dcache.update_keys"

local after = {}
after.__index = after

local LIMIT <const> = 120 -- s
local OUTPUT_MAX <const>, OUTPUT_MODE <const> = 10 * 1024, 384 -- bytes, of the end; octal 0600

--- given.disk, atomic_write, uid, dir  as files.lua takes them
--- given.tree                          tree.lua's, which runs programs
function after.new(given)
  return setmetatable({ disk = given.disk, atomic_write = given.atomic_write, uid = given.uid, tree = given.tree,
    output = given.dir .. "/updates/output" }, after)
end

--- The program NAMED as it may be run now → its real path | nil, text
function after:find(named)
  return trusted_program.find(self, named)
end

local function keep_output(self, said)
  if said == "" then return self.disk:unlink(self.output) end
  slices.wait(function(wake) self.atomic_write:put(self.output, said, OUTPUT_MODE, wake) end)
end

--- Runs NAMED, in slices, with what it is told of JOB. → true | nil, text
function after:run(named, job)
  local path, fault = self:find(named)
  if not path then return nil, fault end
  local name, seq = update_keys.release(job.release)
  local said = ""
  local function hear(bytes) said = (said .. bytes):sub(-OUTPUT_MAX) end
  local one = { path = path, limit = LIMIT, read = hear, hear = hear, environment = { "DT_NAME=" .. name,
    "DT_SEQ=" .. seq, "DT_VERSION=" .. (job.version or ""):gsub("%c", " ") } }
  local ok, why = self.tree:run(one)
  keep_output(self, said)
  local last = not ok and not one.fault and last_line(said)
  return ok, last and ("%s: %s"):format(path:match "[^/]*$", last) or why
end

return after
