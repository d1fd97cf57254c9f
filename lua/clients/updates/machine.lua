-- machine.lua - one update of this robot, from its first act to its end: applied, verified, committed or rolled back.
-- Whether it may begin is not asked here.
--
--   applying → verifying → committing → committed
--      └────────────┴───→ rolling_back → rolled_back          failed: the third try of either end came to nothing
--
-- Each phase is on the disk before it is said, and said before it is acted on; every verb may be repeated from any
-- point. So a start goes on where the last one was: committing only forward, rolling back only back.
local failing = require "clients.updates.failing"
local soaking = require "clients.updates.soaking"
local update_keys = require "dcache.update_keys"

local machine = {}
machine.__index = machine

local TRIES <const> = 3 -- beginnings of `apply`, the last of which is a rollback; of `commit` until it counts as failed
local LATER_MOST <const> = 24 * 60 * 60 * 1000 -- ms that a verb may put itself off

--- given.loop     the event loop
--- given.log      lua/log.lua
--- given.saved    saved.lua
--- given.kinds    fn(kind) → run(verb, now, done("ok" | "later" | "no", why)) | nil: no such kind here
--- given.say      fn(run, status, told): a status of this robot; told(true) once it is on the disk
--- given.checks   fn() → how the body is now, as the hook clients.updates.healthy is told it
--- given.healthy  fn(before, now) → true, false, or nil: it cannot be told; why
--- given.slow     fn() → a slow back-off (lua/backoff.lua)
--- given.ended    fn(now, state): the update is over
--- Fields: trouble, why nothing goes on, of a disk that takes nothing | nil
function machine.new(given)
  local self = setmetatable({}, machine)
  for _, name in ipairs { "loop", "log", "saved", "kinds", "say", "checks", "healthy", "slow", "ended" } do
    self[name] = given[name]
  end
  return self
end

-- What is under way | nil
function machine:now() return self.saved.data.now end

local function nothing() end

local go

local function after(self, ms, fn)
  self.timer = self.loop:after(ms, function()
    self.timer = nil
    if not self.stopped then fn() end
  end)
end

-- A disk that takes nothing: said, tried again, and meanwhile nothing is done.
local function no_disk(self, why, again)
  self.log:warn("updates", "waits for the disk", { why = why })
  self.trouble = why
  self.back_off = self.back_off or self.slow()
  after(self, self.back_off:next(), again)
end

-- CHANGE(now, data) is on the disk before NEXT is called.
local function keep(self, change, next)
  self.saved:change(function(data) change(data.now, data) end, function(ok, why)
    if self.stopped then return end
    if not ok then return no_disk(self, why, function() keep(self, change, next) end) end
    self.back_off, self.trouble = nil, nil
    next()
  end)
end

local function status_of(now, state, why)
  return { from = now.from, plan = now.tail, round = now.round, state = state, why = why }
end

-- STATE is said of the run before NEXT is called.
local function tell(self, state, why, next)
  local now = self:now()
  self.say(now.run, status_of(now, state, why), function(ok, text)
    if self.stopped then return end
    if not ok then return no_disk(self, text, function() tell(self, state, why, next) end) end
    next()
  end)
end

local function set_state(data, state, why)
  local run = data.runs[data.now.run] or { plan = data.now.plan, round = data.now.round }
  run.state, run.why, run.go = state, why or data.now.why, nil
  data.runs[data.now.run] = run
end

-- VERB of the kind. DONE(is it done, why); a verb that puts itself off is asked again, for a day at most.
local function perform(self, verb, done)
  local now, run = self:now(), self.kinds(self:now().kind)
  if not run then return done(false, "no handler of kind " .. now.kind) end
  local back_off, waited = self.slow(), 0
  local function try()
    run(verb, now, function(answer, why)
      if self.stopped then return end
      if answer ~= "later" then return done(answer == "ok", why) end
      local wait = back_off:next()
      waited = waited + wait
      if waited > LATER_MOST then return done(false, verb .. " put itself off for a day") end
      after(self, wait, try)
    end)
  end
  try()
end

-- == its two ends, each repeated until done

local function finish(self, state)
  local over = self:now()
  local name, seq = update_keys.release(over.release)
  keep(self, function(now, data)
    set_state(data, state)
    if state == "committed" then
      data.installed[name] = { seq, now.version or "", now.cid }
      data.floor[name] = math.max(data.floor[name] or 0, seq)
    else
      data.failed[#data.failed + 1] = now.release
    end
    data.now.phase, data.now.over = state == "committed" and "committing" or "rolling_back", state
  end, function()
    tell(self, state, over.why, function()
      keep(self, function(_, data) data.now = nil end, function() self.ended(over, state) end)
    end)
  end)
end

-- What is told of NOW beside its state: what fails, else why it goes back.
local function reason(now, state)
  if state == "failed" then return now.trouble end
  return not now.over and failing.text(now) or now.why
end

-- Others hear of the first failure, where there is room for that. From the third on people are needed; it is tried on.
local function failed_once_more(self, why, next)
  keep(self, function(now, data)
    now.failures, now.trouble = now.failures + 1, why
    if now.failures >= TRIES then set_state(data, "failed", why) end
  end, function()
    local one = self:now()
    if one.failures == TRIES then return tell(self, "failed", why, next) end
    local state = self.saved.data.runs[one.run].state
    if one.failures == 1 then self.say(one.run, status_of(one, state, reason(one, state)), nothing) end
    next()
  end)
end

local function try_again(self, ms, fn)
  self.due = self.loop:now() + ms
  function self.try()
    self.due, self.try, self.timer = nil, nil, nil
    fn()
  end
  after(self, ms, self.try)
end

--- In how many ms its end is tried again | nil: it is being tried, or did not fail
function machine:again_ms() return self.due and math.max(0, self.due - self.loop:now()) end

--- What its end rests on may be mended: where it waits to try that again, it does so now.
function machine:hurry()
  if self.stopped or not self.try then return end
  self.timer:cancel()
  self.try()
end

local function to_the_end(self, verb, state)
  perform(self, verb, function(done, why)
    if done then return finish(self, state) end
    self.log:warn("updates", verb .. " came to nothing", { release = self:now().release, why = why })
    failed_once_more(self, why, function()
      self.ends = self.ends or self.slow()
      try_again(self, self.ends:next(), function() to_the_end(self, verb, state) end)
    end)
  end)
end

local function enter(self, phase, why)
  keep(self, function(now)
    now.phase, now.failures, now.trouble = phase, 0, nil
    now.why = why or now.why
  end, function() go(self) end)
end

local function back(self, why) enter(self, "rolling_back", why) end

-- The soak is over. What soaked may have gone back by itself meanwhile, as a policy does.
local function commit(self)
  perform(self, "verify", function(done, why)
    if done then return enter(self, "committing") end
    back(self, why or "verify says no")
  end)
end

local function look_on(self, soak, gap)
  local verdict, why = soak:look(gap)
  if verdict == "commit" then return commit(self) end
  if verdict then return back(self, why) end
  local function wait()
    local next_gap = soak:gap()
    after(self, next_gap * 1000, function() look_on(self, soak, next_gap) end)
  end
  local change = soak:change()
  if change then return keep(self, change, wait) end
  wait()
end

local function verify(self)
  if self:now().starts >= TRIES then return back(self, "three starts in a row lasted under a minute") end
  perform(self, "verify", function(done, why)
    if not done then return back(self, why or "verify says no") end
    look_on(self, soaking.new { loop = self.loop, now = self:now(), checks = self.checks, healthy = self.healthy }, 0)
  end)
end

-- == its life

local PHASES <const> = {}

function PHASES.applying(self)
  if self:now().tries >= TRIES then return back(self, "it was begun three times and never ended") end
  perform(self, "apply", function(done, why)
    if not done then return back(self, why or "apply says no") end
    enter(self, "verifying")
  end)
end

function PHASES.verifying(self) verify(self) end

function PHASES.committing(self) to_the_end(self, "commit", "committed") end

function PHASES.rolling_back(self) to_the_end(self, "rollback", "rolled_back") end

function go(self)
  if not self.stopped then PHASES[self:now().phase](self) end
end

-- The first word of an update. Where there is no room for it nobody heard of it, so it is as if it had not been begun:
-- else this robot would stand in the way of all others until a word of it ended.
local function say_first(self, was, told)
  local now = self:now()
  self.say(now.run, status_of(now, "applying"), function(ok, text, code)
    if self.stopped then return end
    if code == "quota" then
      return keep(self, function(_, data) data.now, data.runs[now.run] = nil, was end, function() told(nil, text) end)
    end
    told(true)
    if ok then return go(self) end
    no_disk(self, text, function() tell(self, "applying", nil, function() go(self) end) end)
  end)
end

--- Begins the update JOB: { run = "NAME/SEQ/RUN", release = "NAME/SEQ", kind, target, cid, version, from = SEQ | nil,
--- plan = its CID, tail = its last 8, round, soak (s), unknown = "back" or "commit" }. Nothing else may be under way.
--- TOLD(nil, text): the disk does not take it, or this robot has no room for one more word; then nothing was begun.
--- TOLD(true): it was.
function machine:begin(job, told)
  assert(not self:now(), "an update is under way")
  local before, was = self.checks(), self.saved.data.runs[job.run]
  self.saved:change(function(data)
    data.now = { before = before, failures = 0, phase = "applying", ran = 0, soaked = 0, starts = 0, tries = 1 }
    for name, value in pairs(job) do data.now[name] = value end -- any order
    set_state(data, "applying")
  end, function(ok, text)
    if self.stopped then return end
    if not ok then return told(nil, text) end
    say_first(self, was, told)
  end)
end

-- A start while an update was under way: what was said last is said again, since it may not have got out.
local function come_back(self)
  local now = self:now()
  local state = self.saved.data.runs[now.run].state
  tell(self, state, reason(now, state), function()
    if not now.over then return go(self) end
    keep(self, function(_, data) data.now = nil end, function() self.ended(now, now.over) end)
  end)
end

--- Goes on where the last run of this program was.
function machine:start()
  local now = self:now()
  if not now then return end
  keep(self, function(one)
    if one.phase == "applying" then one.tries = one.tries + 1 end
    if one.phase == "verifying" then one.starts = one.starts + 1 end
  end, function() come_back(self) end)
end

function machine:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
end

return machine
