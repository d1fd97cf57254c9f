-- after.lua - the program that the policy has run after each exchange of a folder: looked at, run, the end of its
-- output kept. Exchanges nothing.
--
-- As sudo and ssh do, links are followed first (on many systems /bin is one). Then each folder and file, by the name in
-- the policy and by the real one, must belong to root or this user, and nobody else may write it.
local last_line = require "clients.updates.last_line"
local programs = require "routing.channels.programs"
local slices = require "slices"
local update_keys = require "dcache.update_keys"

local after = {}
after.__index = after

local LIMIT <const>, LOOK_LIMIT <const> = 120, 20 -- s
local PATH_MAX <const> = 4096 -- bytes
local OUTPUT_MAX <const>, OUTPUT_MODE <const> = 10 * 1024, 384 -- bytes, of the end; octal 0600
local OTHERS_WRITE <const>, STICKY <const> = 18, 512 -- octal 022, 01000

--- given.disk, atomic_write, uid, dir  as files.lua takes them
--- given.tree                          tree.lua's, which runs programs
function after.new(given)
  return setmetatable({ disk = given.disk, atomic_write = given.atomic_write, uid = given.uid, tree = given.tree,
    output = given.dir .. "/updates/output" }, after)
end

local function is_missing(named)
  return ("target: the program %s, which clients.updates.folders names, is not there: put it there, or name another")
    :format(named)
end

-- Could somebody else change what lies at PATH? Of a link that is a matter of its folder; in a folder such as /tmp
-- nobody takes away what is another's.
local function fault_at(self, path, facts)
  local what, cure
  if facts.uid ~= 0 and facts.uid ~= self.uid then
    what, cure = "belongs to another user", "chown root "
  elseif facts.kind ~= "link" and facts.mode & OTHERS_WRITE ~= 0 and facts.mode & STICKY == 0 then
    what, cure = "may be written by others than its owner", "chmod go-w "
  end
  return what and ("permission: %s %s, so the program after an update is not run: %s%s"):format(path, what, cure, path)
end

-- What is wrong on the way to PATH, from / on | nil
local function fault_along(self, path, named)
  for stop in (path .. "/"):gmatch "()/" do
    local part = stop == 1 and "/" or path:sub(1, stop - 1)
    local facts, why, code = self.disk:stat(part)
    if not facts then return code == "ENOENT" and is_missing(named) or why end
    local fault = fault_at(self, part, facts)
    if fault then return fault end
  end
end

-- Where NAMED really is | nil: at no place
local function real_path(self, named)
  local path = ""
  local ok = self.tree:run { path = "/bin/readlink", args = { "-e", "-n", "--", named }, limit = LOOK_LIMIT,
    read = function(bytes) path = (path .. bytes):sub(1, PATH_MAX) end }
  return ok and path:sub(1, 1) == "/" and path or nil
end

--- The program NAMED as it may be run now, in slices → its real path | nil, text
function after:find(named)
  local fault = fault_along(self, named, named)
  if fault then return nil, fault end
  local path = real_path(self, named)
  if not path then return nil, is_missing(named) end
  fault = path ~= named and fault_along(self, path, named)
  if fault then return nil, fault end
  local folder, name = path:match "^(.*)/([^/]+)$"
  return programs.new { disk = self.disk, folders = { folder == "" and "/" or folder }, uid = self.uid }
    :find(name or "")
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
