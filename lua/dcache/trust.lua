-- trust.lua - the authority in force here: who may say what, and who stands. What follows from the statements is worked
-- out by authority.lua, again whenever one of them changes; what is new goes to the index, and to who listens.
--
-- Without a lab (lua/dcache/lab.lua) everybody is a member, and there is nothing to work out, to compare or to wait
-- for. It takes a while where there are many robots, so it is done in slices; what counted before counts until it is
-- done. A root that is higher than all before is on the disk (accepted_root.lua) before anything follows from it.
local authority = require "dcache.authority"
local forms = require "dcache.forms"
local json = require "core.json"
local key = require "core.key"
local listeners = require "listeners"
local settled = require "dcache.settled"
local slices = require "slices"

local trust = {}
trust.__index = trust

trust.CLASS_NAMES = { "root", "trust" }
trust.CLASSES = { root = true, trust = true } -- of the statements on which all of this rests

local MEMBER <const> = authority.LEVELS.member
local NO_TAGS <const> = {}
local PROOF <const> = 10 -- units of work (lua/slices.lua) that the check of a signature takes
local PAUSE <const> = 20 -- units in the 50 statements between two pauses of authority.lua
local APART <const> = 20 -- ms from the end of one calculation to the next, at least
local SHARE <const> = 3 -- and so many times as long as the last one took: they never fill the processor

--- given.lab         what dcache/lab.lua read, or nil: an open swarm; then nothing else is needed
--- given.loop, time, log
--- given.words       fn(known) → array of all statements of `trust/…`, the same by short ID; KNOWN: by short ID, those
---                   that were read before
--- given.admit       fn(IDs, more): from here on the index takes the words of these keys, as index:admit has it
--- given.drop        fn(): the words of all others go
--- given.root        accepted_root.lua
--- given.sure        fn(class) → is nothing of it lost on this disk?
--- given.told        fn(event): something happened that people want to hear of
function trust.new(given)
  local self = setmetatable({ lab = given.lab, changes = listeners.new() }, trust)
  if not self.lab then return self end
  for _, name in ipairs { "loop", "time", "log", "words", "admit", "drop", "root", "told" } do
    self[name] = given[name]
  end
  self.read, self.proofs, self.let, self.askers, self.slices = {}, {}, {}, {}, slices.new(self.loop)
  self.comparison = settled.new { loop = self.loop, log = self.log, sure = given.sure, root = self.root,
    told = self.told }
  return self
end

-- == questions

--- The level of ID's role, 0 to 4 (authority.LEVELS); with AT (ms): could he say it then?
function trust:level(id, at)
  if not self.lab then return MEMBER end
  return self.current and self.current:level(id, at) or 0
end

--- "root" "admin" "trusted" "member" | nil: none.
function trust:role(id, at)
  local level = self:level(id, at)
  return level > 0 and authority.NAMES[level] or nil
end

--- Are ID's words stored, and part of the digests?
function trust:stands(id)
  if not self.lab then return true end
  return self.current ~= nil and (self.current:stands(id) or self.let[id] ~= nil)
end

--- May ID say now what members say?
function trust:is_member(id) return self:level(id) >= MEMBER end

--- The tags of ID's grant: an array, not to be changed.
function trust:tags(id)
  local facts = self.current and self.current.keys[id]
  return facts and facts.tags or NO_TAGS
end

--- What authority.lua made of all statements | nil: an open swarm.
function trust:verdict() return self.current end

--- Why the statement of `trust/…` with that short ID does not count, in words | nil: it counts.
function trust:fault(short)
  local fault = self.current and self.current.faults[short]
  return fault and fault.text
end

--- May roles be acted on? → true | nil, text, "permission"
function trust:settled()
  if not self.lab then return true end
  return self.comparison:state()
end

--- FN(gained, lost), arrays of IDs, after the keys with standing changed. → a function that ends it.
function trust:on_change(fn) return self.changes:add(fn) end

-- == working it out

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

-- WORDS without those that propose a root above number MOST.
local function below(words, most)
  local list = {}
  for _, st in ipairs(words) do
    local number = st.bucket == "trust/root" and not st.malformed and st.data and st.data.number
    if not number or number <= most then list[#list + 1] = st end
  end
  return list
end

-- WORDS as authority.lua makes of them; FRESH: gets the proofs that they rest on.
local function calculate(self, words, fresh)
  return authority.work_out { root = self.lab.root, accepted = self.root:get(), statements = words,
    low = self.time:low(), proves = function(...) return proves(self, fresh, ...) end,
    pause = function() slices.step(PAUSE) end }
end

-- Keys that were let in by now have said so; who is let in while this runs stays until it ran once more. MOST: the
-- highest number of a root that may be in force | nil.
local function work_out(self, most)
  self.dropping = self.dropping or next(self.let) ~= nil
  self.let, self.again = {}, false
  local words, read = self.words(self.read)
  local proofs = {}
  if most then words = below(words, most) end
  local verdict = calculate(self, words, proofs)
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
  for _, id in ipairs(gained) do
    local facts = verdict.keys[id]
    self.told { event = "member", id = id, name = facts.name, by = facts.by or facts.token }
  end
  for _, id in ipairs(lost) do
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
  self.current, self.next_end = verdict, next_end(verdict)
  self.admit(verdict.standing)
  for id in pairs(self.let) do self.admit({ id }, true) end -- any order
  if self.dropping or lost[1] or not before then self.drop() end
  self.dropping = false
  if not before then return end
  tell(self, verdict, before, gained, lost)
  if gained[1] or lost[1] then self.changes:call(gained, lost) end
end

--- The first time, before anything is said; what is read from the disk by then are the statements of `trust/…` alone.
function trust:begin()
  local verdict = work_out(self)
  if self.root:keep_first(verdict.root) then return adopt(self, verdict) end
  local known = self.root:get()
  adopt(self, work_out(self, known and known.number or 1))
end

local begin

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
  if not self.again or self.running or self.waiting then return end
  local took = self.loop:now() - self.began
  self.waiting = self.loop:after(APART + SHARE * took, function()
    self.waiting = nil
    begin(self)
  end)
end

-- A disk that takes no root leaves the one before in force, with all that follows from it; the next look tries again.
local function finish(self, verdict)
  self.root:keep(verdict.root, function(ok)
    if self.stopped then return end
    if ok then adopt(self, verdict) else self.again = true end
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
function trust:touch()
  if not self.lab or not self.current then return end
  self.again = true
  if self.running or self.waiting or self.stopped then return end
  begin(self)
end

--- FN() once all statements that are held by now are part of what is in force; at once where they are.
function trust:when_worked_out(fn)
  if not (self.running or self.waiting) then return fn() end
  table.insert(self.askers, fn)
end

--- All statements of `trust/…`, not to be changed; what such a list makes together: → a verdict. Nothing changes by it.
function trust:statements() return (self.words(self.read)) end
function trust:judge(statements) return calculate(self, statements, {}) end

--- Now and then: a role may be over by now.
function trust:look()
  if self.current and self.time:low() > self.next_end then self:touch() end
end

function trust:stop()
  self.stopped = true
  if self.running then self.running() end
  if self.waiting then self.waiting:cancel() end
end

-- == newcomers

--- Does the statement ST let its signer in: an enrolment by a token that counts and is not full? The proof is checked,
-- the statement's own signature is not.
function trust:lets_in(st)
  local verdict = self.current
  if not verdict or st.bucket ~= "trust/enrolled" or st.verb ~= "propose" or st.key ~= st.signer then return false end
  local data = forms.read(st.bucket, st.key, json.decode(st.data))
  return data ~= nil and verdict:has_room(data.token, st.signer)
    and key.verify(data.token, "enrol", self.lab.swarm, st.signer, data.proof) == true
end

--- The key ID is admitted at once: its enrolment was checked, and is taken in now.
function trust:let_in(id)
  if not self.current or self.current:stands(id) then return end
  self.let[id] = true
  self.admit({ id }, true)
  self:touch()
end

return trust
