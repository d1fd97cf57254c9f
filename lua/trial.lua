-- trial.lua - a new policy is on trial until it has shown that the node lives with it; else the good one comes back.
-- Reads no policy's file, and puts nothing in force itself: lua/reload.lua does.
--
-- What is kept in STATE/policy (lua/kept.lua, firm) is on the disk before a new policy goes into force:
--   good     the policy to go back to (trial_start.lua's pack); none yet: the shipped one
--   trial    the policy on trial, or none; with confirm = seconds in which it has to be confirmed, by the user `uid`;
--            0: whenever the update is committed that brought it
--   bad      [{ hash =, why = }]: texts that failed, which are not tried again unless somebody asks for it
--   boot, process, clean, crashes   how the last run ended, for the next start (trial_start.lua)
-- STATE/policy-before has the good policy before this one, for `policy rollback`.
local start = require "trial_start"

local trial = {}
trial.__index = trial

local TRIAL_S <const> = 120 -- how long a policy is on trial; also the usual time to confirm one
local ERRORS_MAX <const> = 5 -- of hooks, in one trial
local RETRY_MS <const> = 10 * 1000 -- until what the end of a trial takes is tried again
local NO_TRIAL <const> = "missing: no policy is on trial; policy show says which one is in force"
local OVERTAKEN <const> = "missing: another policy came meanwhile"

trial.SECONDS, trial.SECONDS_MAX = TRIAL_S, 24 * 60 * 60
trial.UPDATE = start.UPDATE

--- GIVEN:
--   loop, log
--   kept, before           firm values of lua/kept.lua, already read
--   data                   what KEPT held (trial_start.empty() for nothing), as trial_start.decide left it
--   previous               what BEFORE held | nil
--   policy                 the policy in force
--   load(data, pause)      → the policy that DATA says to go back to (trial_start.good), else the shipped one
function trial.new(given)
  local self = setmetatable({ errors = 0, counts = { tried = 0, confirmed = 0, rolled_back = 0 } }, trial)
  for _, name in ipairs { "loop", "log", "kept", "before", "data", "previous", "policy", "load" } do
    self[name] = given[name]
  end
  return self
end

--- The trial is NODE's from here on: its event ring, its disk, the errors of its hooks; it goes back by its reload.
function trial:join(node)
  self.events, self.policy = node.events, node.policy
  self.kept.atomic_write, self.before.atomic_write = node.atomic_write, node.atomic_write
  self.put = function(...) node.reload:put(...) end
  node.hook_failures:add(function(...) self:hook_failed(...) end)
end

local function add(self, event) self.events:add("policy", event) end

-- Brings DATA to the disk; TOLD(true) or TOLD(nil, text, code).
local function write(self, told) self.kept:put_beside(self.data, told) end

local function write_or_say(self, done)
  write(self, function(ok, why)
    if not ok then self.log:error("policy", "what is kept cannot be written", { why = why }) end
    if done then done() end
  end)
end

local function seconds_of(one) return one.confirm or TRIAL_S end

local function cancel(self)
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

local succeed, go_back

-- The trial's time runs from now on, for MS; 0: without an end.
local function run(self, ms)
  cancel(self)
  self.since, self.ends = self.loop:now(), self.loop:now() + ms
  if ms == 0 then return end
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    local one = self.data.trial
    if not one then return end
    if one.confirm then return go_back(self, "nobody confirmed it in time") end
    succeed(self, ("no fault in %d s"):format(TRIAL_S), function(ok)
      if not ok and self.data.trial == one then run(self, RETRY_MS) end
    end)
  end)
end

local function say_trial(self, name)
  local one, good = self.data.trial, start.good(self.data)
  local seconds, back = seconds_of(one), good and "the good one" or "the shipped one"
  self.log:info("policy", "on trial", one.confirm == 0
    and ("%s %s: %s comes back, unless the update is committed"):format(name, one.hash, back) or one.confirm
    and ("%s %s: %s comes back in %d s, unless it is confirmed"):format(name, one.hash, back, seconds)
    or ("%s %s: for %d s; after a fault %s comes back"):format(name, one.hash, seconds, back))
  add(self, { event = "trial", policy = name, hash = one.hash, seconds = seconds, confirm = one.confirm ~= nil })
end

--- The node runs: a policy that begins on trial has its time from here on. FAILED, WHY: of trial_start.decide.
function trial:start(failed, why)
  if failed then
    self.counts.rolled_back = self.counts.rolled_back + 1
    self.log:error("policy", "the good one came back", ("%s failed: %s"):format(failed, why))
    add(self, { event = "rolled-back", policy = self.policy.name, hash = self.policy.hash, from = failed, why = why })
  end
  if not self.data.trial then return end
  self.counts.tried, self.errors = self.counts.tried + 1, 0
  say_trial(self, self.policy.name)
  run(self, seconds_of(self.data.trial) * 1000)
end

-- == a new policy

local function as_before(self, before)
  self.data.trial, self.data.bad = before.trial, before.bad
  if not before.trial then return end
  if before.left then run(self, math.max(before.left, 1)) elseif before.trial.confirm == 0 then run(self, 0) end
end

--- POLICY goes into force when DONE(true) was called: what brings back the good one is on the disk then. DONE(nil,
-- text, code): it must not. HOW: confirm = seconds | nil; who = { uid = } | nil; restart = it applies by a restart.
function trial:begin(policy, how, done)
  local data, before = self.data, { trial = self.data.trial, bad = self.data.bad,
    left = self.timer and self.ends - self.loop:now() }
  local good = start.good(data) -- a good one that failed later is none, and may be tried again
  if good and good.hash == policy.hash then
    if not data.trial then return done(true) end
    cancel(self)
    data.trial = nil
    return write(self, function(written, ...)
      if not written and not data.trial then as_before(self, before) end
      done(written, ...)
    end)
  end
  if data.trial and data.trial.hash == policy.hash and not how.confirm then return done(true) end
  local ok, text, code = start.fits(policy.chain)
  if not ok then return done(nil, text, code) end
  cancel(self)
  self.since = nil
  local one = start.begin(data, policy, how, self.policy)
  write(self, function(written, why, reason)
    if data.trial ~= one then return done(nil, OVERTAKEN, "missing") end
    if not written then
      as_before(self, before)
      return done(nil, why, reason)
    end
    local undo = { hash = policy.hash, before = before }
    self.undo = undo
    self.loop:post(function() if self.undo == undo then self.undo = nil end end) -- it applies in this turn, or never
    self.counts.tried, self.errors = self.counts.tried + 1, 0
    say_trial(self, policy.name)
    if not how.restart then run(self, seconds_of(one) * 1000) end
    done(true)
  end)
end

--- A text was refused. If it was about to go on trial, what was before counts again.
function trial:refused(hash)
  local undo = self.undo
  if not undo or undo.hash ~= hash or not self.data.trial or self.data.trial.hash ~= hash then return end
  self.undo = nil
  cancel(self)
  as_before(self, undo.before)
  write_or_say(self)
end

--- Why the text with HASH, which was in force, is not tried again | nil: it may be.
function trial:is_bad(hash) return start.why_bad(self.data, hash) end

-- == how a trial ends

-- The policy on trial is the good one from here on. TOLD(true), or TOLD(nil, text, code): it stays on trial.
function succeed(self, why, told)
  local data, one = self.data, self.data.trial
  local good = { hash = one.hash, swarm = one.swarm, texts = one.texts }
  local function keep()
    if data.trial ~= one then return told(nil, OVERTAKEN, "missing") end
    cancel(self)
    local old = data.good
    data.good, data.trial, self.undo = good, nil, nil
    write(self, function(ok, text, code)
      if not ok then
        if not data.trial then data.good, data.trial = old, one end
        return told(nil, text, code)
      end
      self.previous = old and old.hash ~= good.hash and old or self.previous
      self.counts.confirmed = self.counts.confirmed + 1
      self.log:info("policy", "is the good one now", ("%s %s: %s"):format(self.policy.name, good.hash, why))
      add(self, { event = "confirmed", policy = self.policy.name, hash = good.hash, why = why })
      told(true)
    end)
  end
  if not data.good or data.good.hash == good.hash then return keep() end
  self.before:put_beside(data.good, function(ok, text, code)
    if not ok then return told(nil, text, code) end
    keep()
  end)
end

-- The policy that counts takes the place of the one that FAILED (its hash), unless another came meanwhile.
local function put_good(self, failed, why, reply)
  local name = self.policy.name
  local refusal = { hash = failed, lines = { start.FAILED:format(name, why) } }
  self.put(function(pause)
    if self.data.trial then return nil, OVERTAKEN, "missing" end
    return self.load(self.data, pause)
  end, { source = "rollback", refusal = refusal }, function(answer, text, ...)
    if answer then
      add(self, { event = "rolled-back", policy = answer.policy, hash = answer.hash, from = failed, why = why })
    elseif text ~= OVERTAKEN then
      self.log:error("policy", "cannot go back yet", { why = text })
      self.loop:after(RETRY_MS, function() put_good(self, failed, why) end)
    end
    if reply then reply(answer, text, ...) end
  end)
end

-- What failed is given up, whether the disk takes that or not: a node in trouble must not stay there.
local function give_up(self, failed, why, reply)
  cancel(self)
  self.undo = nil
  self.counts.rolled_back = self.counts.rolled_back + 1
  self.log:error("policy", "the good one comes back", ("%s %s failed: %s"):format(self.policy.name, failed, why))
  write_or_say(self, function() put_good(self, failed, why, reply) end)
end

function go_back(self, why, reply)
  local failed = self.data.trial.hash
  start.fail(self.data, why)
  give_up(self, failed, why, reply)
end

--- A hook of the policy in force failed: too often in one trial brings the good policy back, in a later turn.
function trial:hook_failed(path, message)
  local one = self.data.trial
  if not one or one.hash ~= self.policy.hash then return end
  self.errors = self.errors + 1
  if self.errors < ERRORS_MAX then return end
  self.loop:post(function()
    if self.data.trial == one then
      go_back(self, ("%d errors of its hooks, the last in %s: %s"):format(ERRORS_MAX, path, message))
    end
  end)
end

-- == what people ask

--- Whoever asked for a change confirms it. WHO: { uid =, since = when the connection was made (loop:now()) }.
-- REPLY({ policy =, hash = }) | REPLY(nil, text, code)
function trial:confirm(who, reply)
  local one = self.data.trial
  if not one then return reply(nil, NO_TRIAL, "missing") end
  local refusal = start.not_to_confirm(one, who, self.since)
  if refusal then return reply(nil, refusal, "permission") end
  succeed(self, start.confirmed_by(who), function(ok, text, code)
    if not ok then return reply(nil, text, code) end
    reply { policy = self.policy.name, hash = one.hash }
  end)
end

--- Goes back at once: from a policy on trial to the good one, else to the good one before. WHO: { uid = }.
-- REPLY(answer of reload_report.lua) | REPLY(nil, text, code)
function trial:rollback(who, reply)
  local why, data = ("user %s went back"):format(who.uid or "?"), self.data
  if data.trial then return go_back(self, why, reply) end
  local failed = data.good and data.good.hash
  if not self.previous or start.why_bad(data, failed) then
    return reply(nil, "missing: no policy is on trial, and none before this one was ever found good, or "
      .. "confirmed; to change the policy, save its file", "missing")
  end
  start.mark(data, failed, why)
  start.mark(data, self.previous.hash)
  data.good, self.previous = self.previous, nil
  give_up(self, failed, why, reply)
end

--- What a reload says of a policy on trial: { seconds =, confirm = } | nil.
function trial:terms(hash)
  local one = self.data.trial
  if one and one.hash == hash then return { seconds = seconds_of(one), confirm = one.confirm ~= nil } end
end

--- For `status`: { left_ms =, seconds =, confirm =, uid =, errors = } | nil, and why the good one failed | nil.
function trial:facts()
  local one, good = self.data.trial, self.data.good
  local fallen = not one and good and start.why_bad(self.data, good.hash) or nil
  if not one then return nil, fallen end
  return { left_ms = self.timer and math.max(self.ends - self.loop:now(), 0), seconds = seconds_of(one),
    confirm = one.confirm ~= nil, uid = one.uid, errors = self.errors }
end

--- The node ends. CLEAN: as somebody wished, so that it was no fault of the policy. Called when all else has stopped.
function trial:stop(clean)
  cancel(self)
  if not clean then return end
  self.data.clean = true
  local ok, text = self.kept:put_last(self.data)
  if not ok then self.log:warn("policy", "what is kept cannot be written", { why = text }) end
end

return trial
