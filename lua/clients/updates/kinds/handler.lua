-- handler.lua - kinds of updates that the operator installed: an executable HANDLERS/KIND, whose word is a verb: `check
-- stage apply verify commit rollback`. Runs none itself (runner.lua), and knows no kind.
--
-- What stands in STATE/updates/work/NAME is the handler's, but for these: `environment`, by which dt-swarm-back
-- (core/service) can ask for the rollback though this daemon does not start any more, `committing`: the same where it
-- is too late for that, and `back`, its mark that it did.
local programs = require "routing.channels.programs"
local runner = require "clients.updates.runner"
local update_keys = require "dcache.update_keys"

local handler = {}
handler.__index = handler

local LIMIT <const>, OTHER_LIMIT <const> = 900, 120 -- s: of apply and rollback where the release says none; of the rest
local NOTE_MAX <const> = 8192 -- bytes
local LATER <const> = 21 -- the exit code that asks for another try
local NEEDS_FILE <const> = { stage = true, apply = true }
local LIMITED <const> = { apply = true, rollback = true }

--- given.loop, disk, spawn  as runner.lua takes them
--- given.atomic_write       lua/atomic_write.lua
--- given.dir                absolute path of STATE
--- given.uid                number of this user
--- given.folder             fn() → absolute path of the folder of handlers | false: none may run here
--- → kinds, called with a kind's name: its verbs, fn(verb, job, done("ok" | "later" | "no", why)) | nil, text, word
function handler.new(given)
  local dir = given.dir .. "/updates"
  local self = setmetatable({ disk = given.disk, atomic_write = given.atomic_write, dir = dir, uid = given.uid,
    folder = given.folder }, handler)
  self.runner = runner.new { loop = given.loop, disk = given.disk, spawn = given.spawn, dir = dir }
  return self
end

-- The folder of the handler of KIND by which an update was begun that is not over | nil. The policy in force may be
-- another since: a node that crashes falls back to the shipped one.
local function folder_noted(self, kind)
  for _, name in ipairs(self.disk:list(self.dir .. "/work") or {}) do
    for _, file in ipairs { "environment", "committing" } do
      local text = self.disk:read(("%s/work/%s/%s"):format(self.dir, name, file), NOTE_MAX) or ""
      local folder, of = text:match "^HANDLER=([^\n]*)/([^/\n]*)\n"
      if of == kind then return folder end
    end
  end
end

local function find_in(self, folder, kind)
  if not folder then return nil, "target: clients.updates.handlers is false: no handler may run here", "target" end
  local path, why, code = programs.new { disk = self.disk, folders = { folder }, uid = self.uid }:find(kind)
  if path then return path end
  if code == "permission" then return nil, why, code end
  return nil, ("target: no handler of kind %s in %s"):format(kind, folder), "target"
end

-- The executable of KIND as it may be run now → path | nil, text, word
local function find(self, kind)
  if not kind:find "^[a-z][a-z0-9-]*$" then return nil, "target: a kind is no path", "target" end
  local path, why, word = find_in(self, self.folder(), kind)
  if word ~= "target" then return path, why, word end
  local folder = folder_noted(self, kind)
  if not folder then return nil, why, word end
  return find_in(self, folder, kind)
end

-- A line stays one.
local function plain(value) return (tostring(value or ""):gsub("%c", " ")) end

local function environment(job)
  local name, seq = update_keys.release(job.release)
  return { "DT_NAME=" .. name, "DT_SEQ=" .. seq, "DT_VERSION=" .. plain(job.version), "DT_FROM=" .. plain(job.from),
    "DT_FILE=" .. plain(job.path), "DT_TRY=" .. plain(job.tries or 1) }
end

local function limit(job, verb) return LIMITED[verb] and (job.limit or LIMIT) or OTHER_LIMIT end

local function work(self, job) return ("%s/work/%s"):format(self.dir, job.release:match "^(.*)/") end

local function is_there(self, path) return self.disk:stat(path) ~= nil end

-- What a code of VERB means: done's two words.
local function meaning(self, verb, code, why)
  if code == 0 then return "ok" end
  if code == "busy" then return "later", "busy: another handler is still at work" end
  if code == LATER then return "later", self.runner:last_line() end
  if not code then return "no", ("%s could not be run: %s"):format(verb, why) end
  local said = self.runner:last_line()
  local what = code == "slow" and ("slow: %s was ended"):format(verb) or ("%s ended with %d"):format(verb, code)
  return "no", said and ("%s: %s"):format(what, said) or what
end

-- From here on nobody else takes it back.
local function only_forward(self, job)
  local at = work(self, job)
  self.disk:rename(at .. "/environment", at .. "/committing")
end

-- The update is over, forward or back.
local function forget(self, job)
  for _, name in ipairs { "environment", "committing", "back" } do
    self.disk:unlink(("%s/%s"):format(work(self, job), name))
  end
end

local function run(self, path, verb, job, done)
  self.runner:run({ path = path, verb = verb, folder = work(self, job), environment = environment(job),
    limit = limit(job, verb) }, function(code, why)
    if code == 0 and (verb == "rollback" or verb == "commit") then forget(self, job) end
    done(meaning(self, verb, code, why))
  end)
end

-- What dt-swarm-back needs is on the disk before the first act.
local function note(self, path, job, next)
  local lines = environment(job)
  table.insert(lines, 1, "HANDLER=" .. path)
  table.insert(lines, 2, "LIMIT=" .. limit(job, "rollback"))
  self.atomic_write:put(work(self, job) .. "/environment", table.concat(lines, "\n") .. "\n", 384, next)
end

-- Why VERB is not even begun: done's two words | nil
local function hindered(self, verb, job)
  if (verb == "apply" or verb == "verify") and is_there(self, work(self, job) .. "/back") then
    return "no", "dt-swarm did not start any more, and it was taken back"
  end
  if NEEDS_FILE[verb] and not (job.path and is_there(self, job.path)) then return "no", "missing: its file is gone" end
end

local function verb_of(self, kind, verb, job, done)
  local path, why = find(self, kind)
  if not path then return done("no", why) end
  local answer, reason = hindered(self, verb, job)
  if answer then return done(answer, reason) end
  if not is_there(self, work(self, job)) then
    local made, text = self.disk:mkdir(work(self, job), 448)
    if not made then return done("no", "disk: " .. text) end
  end
  if verb == "commit" then only_forward(self, job) end
  if verb ~= "apply" then return run(self, path, verb, job, done) end
  note(self, path, job, function(ok, text)
    if not ok then return done("no", "disk: " .. text) end
    run(self, path, verb, job, done)
  end)
end

function handler:__call(kind)
  local path, why, word = find(self, kind)
  if not path then return nil, why, word end
  return function(verb, job, done) verb_of(self, kind, verb, job, done) end
end

--- Is a handler still at work that others started?
function handler:is_busy() return self.runner:is_held() end

--- Nothing is told any more; what runs goes on.
function handler:stop() self.runner:stop() end

return handler
