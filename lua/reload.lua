-- reload.lua - the policy read again while the daemon runs: what changed, can it apply; then it does. Reads no file.
--
-- A new policy applies as a whole or not at all. Live settings are changed in place; for a `restart` one the daemon
-- executes itself anew, which applies the others, too. What cannot apply is found before anything changes. Checking
-- takes a turn of the loop for each hook; the swap is one turn of its own, in which no hook is being asked.
local changes = require "policy.changes"
local reload_report = require "reload_report"
local source = require "policy.source"
local trial_start = require "trial_start"

local reload = {}
reload.__index = reload

local WAITING_MAX <const> = 4 -- who want the policy read while it is being read
local WAIT <const> = {} -- what a job yields to be gone on with by a callback, not in the next turn

-- GIVEN:
--   node
--   files                lua/policy_files.lua's
--   unfit(policy, list)  → array of lines: what of the changes LIST (policy/changes.lua) cannot apply on this machine
--   fixed                { [path of a setting] = the option that was given instead of it }
--   restart(why)         the daemon finishes its writes and executes itself anew, in a later turn
--   trial                nil: what applies stays. Else a new policy is tried first:
--                          begin(policy, how, done)  done(true) | done(nil, text, code); it may take some turns
--                          refused(hash, lines)      a text was refused
--                          is_bad(hash)              → why this text failed before | nil
--                          terms(hash)               → what of a trial the answer says | nil
function reload.new(given)
  local self = setmetatable({ waiting = {}, counts = { loaded = 0, refused = 0 } }, reload)
  for _, name in ipairs { "node", "files", "unfit", "fixed", "restart", "trial" } do self[name] = given[name] end
  self.loop, self.log, self.report = self.node.loop, self.node.log, reload_report.new(self.node, given.fixed)
  self.in_force = { at = self.loop:wall(), source = "start" }
  return self
end

-- == jobs: one at a time

local FAILED <const> = "kind: the daemon failed at this; its log says where"

local function finish(self, job, ok, ...)
  self.running = nil
  if ok then
    job.reply(...)
  else
    self.log:error("policy", "reload failed", { why = debug.traceback(job.thread, tostring((...))) })
    job.reply(nil, FAILED, "kind")
  end
  local following = table.remove(self.waiting, 1)
  if following and not self.running then following() end
end

local function turn(self, job, ...)
  local done = table.pack(coroutine.resume(job.thread, ...))
  if coroutine.status(job.thread) == "dead" then return finish(self, job, table.unpack(done, 1, done.n)) end
  if done[2] ~= WAIT then self.loop:post(function() turn(self, job) end) end
end

-- Calls WORK(self, …) as a job, now or after the one that runs; REPLY gets what it returns, once.
local function start(self, reply, work, ...)
  local arguments = table.pack(...)
  local function begin()
    self.running = { thread = coroutine.create(work), reply = reply }
    turn(self, self.running, self, table.unpack(arguments, 1, arguments.n))
  end
  if not self.running then return begin() end
  if #self.waiting >= WAITING_MAX then return reply(nil, "full: the policy is being read already", "full") end
  self.waiting[#self.waiting + 1] = begin
end

-- In a job: BEGIN(done) is called, and what it calls done with is returned, in this turn or in a later one.
local function await(self, begin)
  local job, answer = self.running, nil
  begin(function(...)
    if answer then return end
    answer = table.pack(...)
    if coroutine.status(job.thread) == "suspended" then turn(self, job) end
  end)
  while not answer do coroutine.yield(WAIT) end
  return table.unpack(answer, 1, answer.n)
end

local function pause() coroutine.yield() end

-- == what becomes of a text

-- The policy stays as it is. HASH: of the text that was refused, where it could be read.
local function refuse(self, how, hash, lines)
  self.counts.refused = self.counts.refused + 1
  self.report:refused(how, hash, lines)
  self.refusal = { lines = lines, at = self.loop:wall(), source = how.source, hash = hash }
  if self.trial then self.trial:refused(hash, lines) end
  return reload_report.refusal(lines)
end

-- What would change by NEW: the settings that differ, those of them that this daemon goes by, hooks, and the paths of
-- those that need a restart.
local function difference(self, new)
  local list, used, restart = changes.between(self.node.policy, new), {}, {}
  for _, change in ipairs(list) do
    if not self.fixed[change.path] and not change.later then
      used[#used + 1] = change
      if change.kind == "restart" then restart[#restart + 1] = change.path end
    end
  end
  return { list = list, used = used, hooks = changes.hooks(self.node.policy, new), restart = restart }
end

-- NEW takes its place by itself, in this turn; without HOOKS all that rests on any is looked at anew.
-- → true | nil, text
local function swap(self, new, used, hooks)
  local notify = self.node.notify
  if notify then notify:reloading() end
  local ok, err = self.node:apply(new, used, hooks)
  if notify then notify:ready() end
  return ok, err
end

-- Whoever saves the policy and then has it reloaded is told what his saving changed: it is in force by then.
local function with_untold(self, how, answer, is_same)
  local untold = self.untold
  self.untold = nil
  if how.source ~= "command" then
    self.untold = { answer = answer, at = self.loop:wall(), source = how.source }
  elseif untold and is_same then
    for _, name in ipairs { "changes", "hooks", "summary" } do answer[name] = untold.answer[name] end
    answer.already = { source = untold.source, since_ms = math.max(self.loop:wall() - untold.at, 0) }
  end
  return answer
end

-- NEW, which is loaded, goes into force, unless it cannot apply here. → answer | nil, text, code
local function take(self, new, how, began)
  local diff = difference(self, new)
  local lines = self.unfit(new, diff.used)
  local hash, is_same = new.hash, new.hash == self.node.policy.hash
  local function give_up(why)
    new:close()
    return refuse(self, how, hash, why)
  end
  if lines[1] then return give_up(lines) end
  local answer = self.report:answer(new, diff, pause)
  if self.trial and not how.back then
    how.restart = diff.restart[1] ~= nil
    local ok, text, code = await(self, function(done) self.trial:begin(new, how, done) end)
    if not ok then
      new:close()
      refuse(self, how, hash, { (text:gsub("^%w+: ", "", 1)) })
      return nil, text, code
    end
    answer.trial = self.trial:terms(hash)
  end
  if diff.restart[1] then
    new:close()
    self.report:restarting(answer)
    self.restart(table.concat(diff.restart, ", "))
    return answer
  end
  local ok, err = swap(self, new, diff.used, not is_same and diff.hooks or nil)
  if not ok then return give_up { err } end
  local refusal = how.refusal
  self.counts.loaded = self.counts.loaded + 1
  self.refusal = refusal and { lines = refusal.lines, hash = refusal.hash, at = self.loop:wall(), source = how.source }
  self.in_force = { at = self.loop:wall(), source = how.source, who = how.who }
  answer.ms = (self.loop:micro() - began) // 1000
  self.report:loaded(how, answer)
  return with_untold(self, how, answer, is_same)
end

-- The file says what is in force already.
local function unchanged(self, how)
  if how.source == "signal" then self.log:info("policy", "unchanged", "its file says what is in force") end
  if not self.refusal then return {} end
  self.refusal = nil
  self.report:mended()
  return {}
end

local function read_and_take(self, how)
  local began = self.loop:micro()
  local chain, lines = self.files:read(self.node.policy.file)
  if not chain then return refuse(self, how, nil, lines) end
  local hash = source.hash(chain)
  if how.source ~= "command" then
    if hash == self.node.policy.hash then return unchanged(self, how) end
    local failed = self.trial and self.trial:is_bad(hash)
    if failed then return refuse(self, how, hash, { trial_start.FAILED:format(chain[1].name, failed) }) end
  end
  local new
  new, lines = self.files:load(chain, pause, true)
  if not new then return refuse(self, how, hash, lines) end
  return take(self, new, how, began)
end

-- == what others ask

--- Reads the policy again and puts it in force. HOW: source = "command", "signal" or "save" (a text that is in force
-- already, or failed before, is then left alone); who = whoever asked; confirm = seconds (lua/trial.lua).
-- REPLY(answer of reload_report.lua), or REPLY(nil, text, code): nothing changed. Once.
function reload:run(how, reply) start(self, reply, read_and_take, how) end

--- Puts the policy that LOAD(pause) gives (or nil, text, code) in force by the same way, but it is not tried first.
-- HOW: source; refusal = { lines =, hash = }: what is said of the text that it takes the place of. REPLY: as for run.
function reload:put(load, how, reply)
  how.back = true
  start(self, reply, function()
    local began = self.loop:micro()
    local policy, text, code = load(pause)
    if not policy then return nil, text, code end
    return take(self, policy, how, began)
  end)
end

-- What would become of the policy at PATH, or of the one that would be read again.
local function look(self, path)
  local chain, lines = self.files:read(self.node.policy.file, path)
  local new
  if chain then new, lines = self.files:judge(chain, pause) end
  if not new then return { policy = chain and chain[1].name, faults = lines } end
  local diff = difference(self, new)
  local answer = self.report:answer(new, diff, pause)
  answer.faults, answer.same = self.unfit(new, diff.used), new.hash == self.node.policy.hash
  new:close()
  return answer
end

-- What is wrong with TEXT as the policy that releases bring: true | nil, text, code
local function try_fleet(self, text)
  local fleet = self.files.fleet
  local chain, lines = self.files:read(self.node.policy.file, nil, { [fleet or ""] = text })
  if not chain then return nil, "policy: " .. lines[1], "policy" end
  local used = false
  for _, one in ipairs(chain) do used = used or one.path == fleet end
  if not used then
    return nil, ('target: the policy in force, %s, does not say extend "fleet"'):format(chain[1].name), "target"
  end
  local new
  new, lines = self.files:judge(chain, pause)
  if not new then return nil, "policy: " .. lines[1], "policy" end
  lines = self.unfit(new, difference(self, new).used)
  new:close()
  if lines[1] then return nil, "policy: " .. lines[1], "policy" end
  return true
end

--- Could TEXT be the policy that releases bring? Changes nothing. REPLY(true), or REPLY(nil, text, code), once.
function reload:try_fleet(text, reply) start(self, reply, try_fleet, text) end

--- What a reload would do with the policy at PATH (absolute), or nil: the one that would be read. Changes nothing.
-- REPLY(answer of reload_report.lua with `faults`, an array of lines, and `same`, is it the text in force?), once.
function reload:try(path, reply) start(self, reply, look, path) end

--- For policy_watch.lua: a word for the texts that stand there now, and the paths that were looked at.
function reload:look()
  local chain, lines, looked = self.files:read(self.node.policy.file)
  return chain and source.hash(chain) or table.concat(lines, "\n"), looked
end

return reload
