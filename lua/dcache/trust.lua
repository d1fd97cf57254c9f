-- trust.lua - the authority in force: who may say what, and who stands. It judges no statement (authority.lua does)
-- and stores none; working_out.lua keeps it up.
--
-- Without a lab (lua/dcache/lab.lua) everybody is a member, and there is nothing to work out, to compare or to wait
-- for.
local authority = require "dcache.authority"
local cancelled = require "dcache.cancelled"
local forms = require "dcache.forms"
local json = require "core.json"
local key = require "core.key"
local listeners = require "listeners"
local said = require "dcache.authority_said"
local settled = require "dcache.settled"
local slices = require "slices"
local working_out = require "dcache.working_out"

local trust = {}
trust.__index = trust
for name, method in pairs(working_out) do trust[name] = method end -- any order

trust.CLASS_NAMES, trust.CLASSES = said.CLASSES, {} -- of the statements on which all of this rests; the same as a set
for _, name in ipairs(trust.CLASS_NAMES) do trust.CLASSES[name] = true end

local MEMBER <const> = authority.LEVELS.member
local NO_TAGS <const> = {}

--- given.lab         what dcache/lab.lua read, or nil: an open swarm; then nothing else is needed
--- given.loop, time, log
--- given.words       fn() → array of the statements of `trust/…` that count or could, the same by short ID
--- given.heeds       fn(ID) → are words of that key about others among them?
--- given.admit       fn(IDs, more, class): from here on the index takes the words of these keys, as index:admit has it
--- given.drop        fn(): the words of all others go
--- given.root        accepted_root.lua
--- given.sure        fn(class) → is nothing of it lost on this disk?
--- given.told        fn(event): something happened that people want to hear of
function trust.new(given)
  local self = setmetatable({ lab = given.lab, changes = listeners.new() }, trust)
  if not self.lab then return self end
  for _, name in ipairs { "loop", "time", "log", "words", "heeds", "admit", "drop", "root", "told" } do
    self[name] = given[name]
  end
  self.letting = {} -- those of `let` when the calculation that runs began
  self.read, self.proofs, self.let, self.askers, self.slices = {}, {}, {}, {}, slices.new(self.loop)
  self.cancelled = cancelled.new(self.loop)
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
  return self.current ~= nil and (self.current:stands(id) or (self.let[id] or self.letting[id]) ~= nil)
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

--- A text that is the same while nobody's role or tags change | nil: an open swarm.
function trust:basis() return self.current and self.current.basis end

--- Why ST (as reading.lua gives it), a statement of `trust/…`, does not count, in words | nil: it counts.
function trust:fault(st)
  local fault = self.current and self.current.faults[st.short]
  if fault then return fault.text end
  if st.bucket == "trust/enrolled" then return st.key ~= st.signer and "owner: each robot enrols itself" or nil end
  if self.current and not self.heeds(st.signer) then
    return "permission: only an admin or a root key may say this"
  end
end

--- May roles be acted on? → true | nil, text, "permission"
function trust:settled()
  if not self.lab then return true end
  return self.comparison:state()
end

--- Is it still to be compared with members?
function trust:waits() return self.lab ~= nil and self.comparison:waits() end

--- Said each second while it `waits`: of the living members at proved addresses, the name of one who holds the same
--- statements of `root` and `trust`, and of one who holds others; nil: none does.
function trust:compared(equal, other) self.comparison:compared(equal, other) end

--- FN(gained, lost), arrays of IDs, after the keys with standing changed. → a function that ends it.
function trust:on_change(fn) return self.changes:add(fn) end

function trust:stop()
  self.stopped = true
  if self.running then self.running() end
  for _, timer in ipairs { self.waiting or false, self.later or false, self.held or false } do
    if timer then timer:cancel() end
  end
end

-- == newcomers

--- Does the statement ST let its signer in: an enrolment by a token that counts and is not full? The proof is checked,
-- the statement's own signature is not. → boolean; was there reason to check the proof?
function trust:lets_in(st)
  local verdict = self.current
  if not verdict or st.bucket ~= "trust/enrolled" or st.verb ~= "propose" or st.key ~= st.signer then
    return false, false
  end
  local data = forms.read(st.bucket, st.key, json.decode(st.data))
  if not data or not verdict:has_room(data.token, st.signer) or self.cancelled:ends(data.token) then
    return false, false
  end
  return key.verify(data.token, "enrol", self.lab.swarm, st.signer, data.proof) == true, true
end

--- The key ID is admitted at once: its enrolment was checked, and is taken in now.
function trust:let_in(id)
  if not self.current or self.current:stands(id) then return end
  self.let[id] = true
  self.admit({ id }, true)
  self:touch()
end

return trust
