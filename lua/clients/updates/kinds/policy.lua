-- policy.lua - the kind `policy`: a text becomes STATE/policies/fleet.lua, goes on trial, and is confirmed when the
-- update is committed. Reads no policy itself (lua/reload.lua), and tries none (lua/trial.lua).
--
-- STATE/policies/before (lua/kept.lua, firm) has what fleet.lua was before the update that changed it last: { release,
-- text = in base64url, nil where there was none }. It is on the disk before fleet.lua is changed.
local core_text = require "core.text"
local kept = require "kept"
local slices = require "slices"
local trial_start = require "trial_start"

local policy = {}
policy.__index = policy

local TEXT_MAX <const> = 65536
local MODE <const>, FOLDER_MODE <const> = 384, 448 -- octal 0600, 0700
local NO_LIMIT <const> = 0 -- s of a trial, see lua/trial.lua
local WHO <const> = { uid = trial_start.UPDATE, since = math.huge }
local LATER <const> = { full = true, missing = true } -- the policy is being read, or another one came meanwhile

--- given.node     the node: its disk, atomic_write, policy, reload and trial
--- given.loop     the event loop
--- given.path_of  fn(cid) → absolute path of its file | nil
function policy.new(given)
  return setmetatable({ node = given.node, disk = given.node.disk, path_of = given.path_of,
    slices = slices.new(given.loop) }, policy)
end

-- Where fleet.lua lies | nil: no policy can come to this node
local function fleet(self) return self.node.reload and self.node.reload.files.fleet end

local function folder(self) return fleet(self):match "^(.*)/[^/]*$" end

-- == the two files

-- The text of JOB's file | nil, text
local function new_text(self, job)
  local path = job.path or self.path_of(job.cid)
  if not path then return nil, "missing: its file is gone" end
  local text, why, code = self.disk:read(path, TEXT_MAX)
  if code == "long" then why = "size: a policy has at most 64 KiB" end
  return text, why
end

-- The text of fleet.lua, false where there is none | nil, text
local function present(self)
  local text, why, code = self.disk:read(fleet(self), TEXT_MAX)
  if code == "ENOENT" then return false end
  return text, why
end

local function before_of(self)
  local node = self.node
  return kept.new_firm { disk = node.disk, log = node.log, date = node.date, dir = folder(self), name = "before",
    atomic_write = node.atomic_write }
end

-- The text that JOB brought, once it was applied: its file may be gone since.
local function brought(self, job)
  local text, why = new_text(self, job)
  if text then return text end
  local data = before_of(self):read()
  return data and data.release == job.release and present(self) or nil, why
end

-- TEXT (false: none) becomes fleet.lua, for good.
local function put(self, text)
  if text then return slices.await(function(told) self.node.atomic_write:put(fleet(self), text, MODE, told) end) end
  local ok, why, code = self.disk:unlink(fleet(self))
  if not ok and code ~= "ENOENT" then return nil, why end
  return self.disk:sync_directory(folder(self))
end

-- What fleet.lua is, WAS, is kept before JOB changes it to TEXT. Where it is TEXT already it may have been kept.
local function keep(self, job, was, text)
  local one = before_of(self)
  local data, why, code = one:read()
  if data == nil and code then return nil, why end
  if was == text and data and data.release == job.release then return true end
  return slices.await(function(told)
    one:put_beside({ release = job.release, text = was and core_text.base64url(was) or nil }, told)
  end)
end

-- == what is in force

-- Is TEXT a part of the policy in force?
local function is_in_force(self, text)
  for _, one in ipairs(self.node.policy.chain) do
    if one.path == fleet(self) and one.text == text then return true end
  end
  return false
end

-- The policy on trial | nil
local function on_trial(self) return self.node.trial and self.node.trial.data.trial end

-- Is the policy in force on trial for an update?
local function is_ours(self)
  local one = on_trial(self)
  return one ~= nil and one.confirm == NO_LIMIT and one.hash == self.node.policy.hash
end

-- The policy is read again, on trial without a limit where CONFIRM. → "ok" | "later" or "no", text
local function reload(self, confirm)
  local answer, why, code = slices.await(function(told)
    self.node.reload:run({ source = "command", who = confirm and WHO, confirm = confirm }, told)
  end)
  if not answer then return LATER[code] and "later" or "no", why end
  if answer.restart[1] then return "later", "the daemon starts anew for it" end
  return "ok"
end

-- TEXT becomes fleet.lua, and goes on trial.
local function put_in_force(self, job, text)
  local was, why = present(self)
  if was == nil then return "no", why end
  local ok
  ok, why = self.disk:mkdir(folder(self), FOLDER_MODE)
  if ok then ok, why = keep(self, job, was, text) end
  if ok and was ~= text then ok, why = put(self, text) end
  if not ok then return "no", why end
  return reload(self, NO_LIMIT)
end

-- == the verbs, in slices: "ok" | "later" or "no", text

local VERBS <const> = {}

function VERBS.check(self, job)
  local text, why = new_text(self, job)
  if not text then return "no", why end
  local ok
  ok, why = slices.await(function(told) self.node.reload:try_fleet(text, told) end)
  return ok and "ok" or "no", why
end

function VERBS.stage() return "ok" end

-- Whoever was cut in it finds the old policy in force, or the new one for a moment: the power is no yes to it.
function VERBS.apply(self, job)
  local text, why = new_text(self, job)
  if not text then return "no", why end
  if is_in_force(self, text) and (is_ours(self) or not on_trial(self) and present(self) == text) then return "ok" end
  if (job.tries or 1) > 1 then return "no", "the power went before it was confirmed" end
  return put_in_force(self, job, text)
end

function VERBS.verify(self, job)
  local text, why = brought(self, job)
  if not text then return "no", why end
  if is_in_force(self, text) then return "ok" end
  local refusal = self.node.reload.refusal
  return "no", "policy: " .. (refusal and refusal.lines[1] or "another one is in force")
end

function VERBS.commit(self, job)
  local text, why = brought(self, job)
  if not text then return "no", why end
  local answer = "ok"
  if not is_in_force(self, text) then answer, why = put_in_force(self, job, text) end
  if answer ~= "ok" or not is_ours(self) then return answer, why end
  local ok
  ok, why = slices.await(function(told) self.node.trial:confirm(WHO, told) end)
  return ok and "ok" or "no", why
end

function VERBS.rollback(self, job)
  local data, why, code = before_of(self):read()
  if data == nil and code then return "no", why end
  if not data or data.release ~= job.release then return "ok" end -- it changed nothing
  local before = data.text and core_text.unbase64url(data.text) or false
  local ok = present(self) == before
  if not ok then ok, why = put(self, before) end
  if not ok then return "no", why end
  return reload(self)
end

--- VERB of JOB: { release, cid, path, tries }. DONE("ok"), or DONE("later" or "no", why).
function policy:run(verb, job, done)
  if not fleet(self) then return done("no", "target: no policy can come to this node") end
  local answer, why
  self.slices:start(function() answer, why = VERBS[verb](self, job) end, function(ran, broken)
    if not ran then self.node.log:error("updates", "a verb failed", { verb = verb, why = broken }) end
    if self.stopped then return end
    if not ran then return done("no", "kind: the log says where") end
    done(answer, answer ~= "ok" and why and core_text.escape(why, 200) or nil)
  end)
end

--- Nothing is told any more.
function policy:stop() self.stopped = true end

return policy
