-- working_out.lua - works out who may say what, again whenever a statement of `trust/…` changed. These are methods of
-- lua/dcache/trust.lua. Answers no question about anybody.
--
-- It takes a while where there are many robots, so it is done in slices; what counted before counts until it is done.
-- What is new goes to the index, and to who listens. A root that is higher than all before is on the disk
-- (accepted_root.lua) before anything follows from it.
local authority = require "dcache.authority"
local hash = require "core.hash"
local key = require "core.key"
local lab = require "dcache.lab"
local slices = require "slices"

local working_out = {}

local PROOF <const> = 10 -- units of work (lua/slices.lua) that the check of a signature takes
local PAUSE <const> = 20 -- units in the 50 statements between two pauses of authority.lua
local APART <const> = 20 -- ms from the end of one calculation to the next, at least
local EACH <const> = 1 -- ms more for each who stands: where hundreds join at once they are taken in together
local TOLD_MOST <const> = 128 -- who came, and who left, one by one: the events that are kept are no more than that
local SHARE <const> = 3 -- and so many times as long as the last one took: they never fill the processor

-- Did the token TOKEN sign for ID? Checked once for each proof.
local function proves(self, fresh, token, id, proof)
  local known = self.proofs[proof]
  if not (known and known.token == token and known.id == id) then
    slices.step(PROOF)
    known = { token = token, id = id, ok = key.verify(token, "enrol", self.lab.swarm, id, proof) == true }
  end
  fresh[proof] = known
  return known.ok
end

-- WORDS as authority.lua makes of them; FRESH: gets the proofs that they rest on.
local function calculate(self, words, fresh)
  return authority.work_out { root = self.lab.root, accepted = self.root:get(), most = self.most, statements = words,
    low = self.time:low(), proves = function(...) return proves(self, fresh, ...) end,
    pause = function() slices.step(PAUSE) end }
end

-- WORDS without what is to count a moment later, when this is done again.
local function in_force(self, words)
  if not self.current then self.cancelled:begin(words) end
  local list, left = self.cancelled:apply(words, self.read)
  if left then self:touch_in(left) end
  return list
end

-- What records are judged by: who has which role until when, and which tags. Equal texts: nothing is judged otherwise.
local function basis_of(verdict)
  local sum = hash.new "blake2b"
  for _, id in ipairs(verdict.standing) do
    local ends = verdict.ends[id] or {}
    sum:update(("%s %d"):format(id, verdict:level_of(id)))
    for level = 1, 4 do
      if ends[level] then sum:update((" %d %d"):format(level, ends[level].ends)) end
    end
    sum:update((" %s\n"):format(table.concat(verdict.keys[id].tags, " ")))
    slices.step(0.3)
  end
  return sum:final()
end

-- Keys that were let in by now have said so; who is let in while this runs stays until it ran once more.
local function work_out(self)
  self.dropping = self.dropping or next(self.let) ~= nil
  self.letting, self.let, self.again = self.let, {}, false
  local words, read = self.words()
  local proofs = {}
  words = in_force(self, words)
  local verdict = calculate(self, words, proofs)
  verdict.basis = basis_of(verdict)
  self.read, self.proofs = read, proofs
  return verdict
end

-- IDs of the sorted LIST that are not in OTHER (a verdict, or nil).
local function missing(list, other)
  local found = {}
  for _, id in ipairs(list) do
    if not (other and other:stands(id)) then found[#found + 1] = id end
  end
  return found
end

-- When the next role ends (ms), by what was granted.
local function next_end(verdict)
  local soonest = math.maxinteger
  for _, id in ipairs(verdict.standing) do
    local till = verdict.keys[id].until_ms
    if till and till >= verdict.low then soonest = math.min(soonest, till) end
  end
  return soonest
end

local function tell(self, verdict, before, gained, lost)
  if verdict.rivals and not before.rivals then
    self.log:error("dcache", "two roots: a root key is stolen", { number = verdict.rivals })
  end
  if verdict.root.number > before.root.number then self.told { event = "root", number = verdict.root.number } end
  for i = 1, math.min(#gained, TOLD_MOST) do
    local id = gained[i]
    local facts = verdict.keys[id]
    local token = facts.token and verdict.tokens[facts.token]
    self.told { event = "member", id = id, name = facts.name, by = facts.by or facts.token,
      token = token and token.name }
  end
  for i = 1, math.min(#lost, TOLD_MOST) do
    local id = lost[i]
    local revoked = verdict.revoked[id]
    self.told { event = "stranger", id = id, name = before.keys[id].name,
      why = revoked and (revoked.why or "revoked") or "no grant and no token lets it in any more" }
  end
  if gained[1] or lost[1] then
    self.log:info("dcache", "the lab changed", { { "members", #verdict.standing }, { "came", #gained },
      { "left", #lost } })
  end
end

-- VERDICT is in force from here on.
local function adopt(self, verdict)
  local before = self.current
  local gained = missing(verdict.standing, before)
  local lost = before and missing(before.standing, verdict) or {}
  self.letting = {}
  self.current, self.next_end = verdict, next_end(verdict)
  self.admit(verdict.standing)
  self.admit(verdict.former, true, lab.ROOT)
  for id in pairs(self.let) do self.admit({ id }, true) end -- any order
  if self.dropping or lost[1] or not before then self.drop() end
  self.dropping = false
  if not before then return end
  tell(self, verdict, before, gained, lost)
  if gained[1] or lost[1] then self.changes:call(gained, lost) end
end

-- The disk took no root: for MS the one before stays in force, and all else is worked out by that.
local function hold(self, ms)
  local known = self.root:get()
  self.most = known and known.number or 1
  self.held = self.loop:after(ms, function()
    self.most, self.held = nil, nil
    self:touch()
  end)
end

--- The first time, before anything is said; what is read from the disk by then are the statements of `trust/…` alone.
function working_out:begin()
  local verdict = work_out(self)
  if self.root:keep_first(verdict.root) then return adopt(self, verdict) end
  hold(self, 0)
  adopt(self, work_out(self))
end

local begin

-- At once, or as soon as the last calculation is long enough ago.
local function begin_in_time(self)
  local wait = (self.free_at or 0) - self.loop:now()
  if wait <= 0 then return begin(self) end
  self.waiting = self.loop:after(wait, function()
    self.waiting = nil
    begin(self)
  end)
end

-- Those who asked before the calculation began that has just ended hear of it, and all do where none will follow.
local function tell_askers(self)
  local told = self.heeded or {}
  self.heeded = nil
  if not self.again then
    table.move(self.askers, 1, #self.askers, #told + 1, told)
    self.askers = {}
  end
  for _, fn in ipairs(told) do fn() end
end

local function rest(self)
  self.running = nil
  if self.stopped then return end
  tell_askers(self)
  if self.running or self.waiting then return end
  local now = self.loop:now()
  self.free_at = now + APART + EACH * #self.current.standing + SHARE * (now - self.began)
  if self.again then begin_in_time(self) end
end

local function finish(self, verdict)
  self.root:keep(verdict.root, function(ok, ms)
    if self.stopped then return end
    if ok then
      adopt(self, verdict)
    else
      self.again = true
      hold(self, ms)
    end
    rest(self)
  end)
end

function begin(self)
  local verdict
  self.heeded, self.askers = self.askers, {}
  self.began = self.loop:now()
  self.running = self.slices:start(function() verdict = work_out(self) end, function(ok, fault)
    if ok then return finish(self, verdict) end
    self.log:error("dcache", "who may say what could not be worked out", { why = fault })
    rest(self)
  end)
end

--- A statement of `trust/…` came or went: all is worked out again soon.
function working_out:touch()
  if not self.lab or not self.current then return end
  self.again = true
  if self.running or self.waiting or self.stopped then return end
  begin_in_time(self)
end

--- The same in MS.
function working_out:touch_in(ms)
  if self.later then self.later:cancel() end
  self.later = self.loop:after(ms, function()
    self.later = nil
    self:touch()
  end)
end

--- FN() once all statements that are held by now are part of what is in force; at once where they are.
function working_out:when_worked_out(fn)
  if not (self.running or self.waiting) then return fn() end
  table.insert(self.askers, fn)
end

--- All statements of `trust/…`, not to be changed; what such a list makes together: → a verdict. Nothing changes by it.
function working_out:statements() return (self.words()) end
function working_out:judge(statements) return calculate(self, statements, {}) end

--- Now and then: a role may be over by now.
function working_out:look()
  if self.current and self.time:low() > self.next_end then self:touch() end
end

return working_out
