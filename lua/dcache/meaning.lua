-- meaning.lua - whether a record holds, and why: the one place that says so. Reads no journal, signs nothing.
--
-- A record is what is proposed under one bucket and key: its DATA, with all statements about it. Several signers may
-- propose different DATA under one key: then each is a record of its own, and here one of `proposals`.
--
-- Without a root of trust (spec/PROTOCOL.md) everybody counts as every role, and nobody can dismiss what others say: a
-- dismissal takes back what its own signer said before, which merging has done already.
local blake2b = require "core.hash".blake2b
local forms = require "dcache.forms"
local text = require "core.text"

local meaning = {}
meaning.__index = meaning

local HOOK <const> = "dcache.holds"
local BUCKETS_MAX <const> = 1024 -- whose rules are remembered
local ROLE <const> = "member" -- of everybody, as hooks are told

--- time: lua/time.lua's; pattern(bucket) → the pattern of its class, or nil. Optional: policy (lua/policy) and here() →
-- facts, for the rules of `dcache.buckets` and the hook dcache.holds; without them one signer is enough everywhere.
function meaning.new(given)
  return setmetatable({ time = given.time, pattern = given.pattern, policy = given.policy, here = given.here,
    rules = {}, count = 0 }, meaning)
end

-- "2 of trusted" → { needed = 2, propose = "trusted" }; "member" → one of them is enough.
local function read_rule(rule)
  local needed, role = rule.propose:match "^(%d+) of (%S+)$"
  return { needed = math.tointeger(needed) or 1, propose = role or rule.propose, dismiss = rule.dismiss }
end

local ANYBODY <const> = read_rule { propose = "anyone", dismiss = "owner" }

--- Who is listened to in BUCKET, by the policy as it is now: { needed = signers, propose = role, dismiss = role }.
function meaning:rule(bucket)
  local buckets = self.policy and self.policy:get "dcache.buckets"
  if not buckets then return ANYBODY end
  if buckets ~= self.known or self.count >= BUCKETS_MAX then self.known, self.rules, self.count = buckets, {}, 0 end
  if not self.rules[bucket] then
    local rule = buckets[self.pattern(bucket) or ""]
    self.rules[bucket], self.count = rule and read_rule(rule) or ANYBODY, self.count + 1
  end
  return self.rules[bucket]
end

-- Does the operator's policy say itself what holds? The shipped rule is the one written here: asking for it would cost
-- a crossing of the fence for each record.
local function is_replaced(self)
  return self.policy ~= nil and not select(3, self.policy:where(HOOK))
end

-- Whoever may only speak of himself: his ID is the key, where that is an ID (the bucket says it otherwise, and such
-- statements are refused when they come).
local function may_propose(rule, st)
  return rule.propose ~= "owner" or not st.key:find "^12D3KooW%w+$" or #st.key ~= #st.signer or st.key == st.signer
end

local function time_fault(self, st)
  if self.time:is_valid(st) then return nil end
  local till = st.valid_until * 1000
  return till <= st.at and "taken back by its signer" or till < self.time:low() and "over" or "meant for later"
end

--- Why the statement ST says nothing now, in words, or nil. ST has verb, bucket, key, signer, at, valid_from,
-- valid_until, data, and malformed = what is wrong with DATA.
function meaning:fault(st)
  if st.malformed then return st.malformed end
  local fault = time_fault(self, st)
  if fault or st.verb == "dismiss" then return fault end
  if not forms.claims(st.bucket, st.data) then return "withdrawn: it asks others to drop the file" end
  if not may_propose(self:rule(st.bucket), st) then return "not allowed: only the owner may say this" end
end

--- What a verdict rests on beside statements and time: a value that is the same while the rules are; nil where the
-- operator's hook decides, which may look at anything.
function meaning:rests_on()
  if is_replaced(self) then return nil end
  return self.policy and self.policy:get "dcache.buckets" or ANYBODY
end

--- Does each statement of BUCKET hold or not by itself, whatever others say under its key?
function meaning:is_alone(bucket) return self:rule(bucket).needed == 1 and not is_replaced(self) end

--- Does ST hold, in a bucket where each statement stands alone?
function meaning.alone(st) return st.verb == "propose" and st.fault == nil end

-- == one record

-- Is the dismissal ST meant for DATA as it is written?
local function bars(st, data_text)
  return st.data == nil or st.data == text.base64url(blake2b(data_text))
end

-- What statements say of it, as the hook is told: those that say anything now.
local function words_of(self, proposal, dismissals)
  local words = {}
  local function add(st, allowed)
    local age = self.time:age(not st.undated and st.at or nil)
    words[#words + 1] = { verb = st.verb, signer = st.signer, role = ROLE, allowed = allowed,
      age = age and age // 1000 }
  end
  for _, st in ipairs(proposal.statements) do
    if not st.fault then add(st, true) end
  end
  for _, st in ipairs(dismissals) do
    if not st.fault and bars(st, proposal.data_text) then add(st, false) end -- not theirs to take back
  end
  return words
end

local function facts_of(self, record, proposal, words)
  local first, mine, till = nil, false, 0
  for _, st in ipairs(proposal.statements) do
    local at = not st.undated and st.at or nil
    first, mine = at and math.min(first or at, at) or first, mine or st.mine
    if not st.fault then till = math.max(till, st.valid_until) end
  end
  local age, now = self.time:age(first), self.time:proved_now()
  return { bucket = record.bucket, key = record.key, data = proposal.data, class = record.class, mine = mine,
    age = age and age // 1000, left = now and till - now // 1000 or nil, needed = record.needed, statements = words }
end

-- The shipped rule, as policies/dcache.lua writes it down.
local function shipped(words, needed)
  local n = 0
  for _, word in ipairs(words) do
    if word.allowed and word.verb == "dismiss" then return false, "dismissed by " .. word.signer end
    if word.allowed and word.verb == "propose" then n = n + 1 end
  end
  return n >= needed, ("%d of %d signers"):format(n, needed)
end

local function decide(self, record, proposal, dismissals)
  for _, st in ipairs(proposal.statements) do
    if not st.fault then table.insert(proposal.signers, st.signer) end
  end
  if proposal.malformed then return false, proposal.malformed end
  local words = words_of(self, proposal, dismissals)
  if not is_replaced(self) then return shipped(words, record.needed) end
  local yes, why = self.policy:ask(HOOK, facts_of(self, record, proposal, words), self.here and self.here() or {})
  return yes == true, why
end

-- The DATA that hold come first, then what more signers propose, then what was proposed last.
local function comes_before(a, b)
  if a.holds ~= b.holds then return a.holds end
  if #a.signers ~= #b.signers then return #a.signers > #b.signers end
  if a.at ~= b.at then return a.at > b.at end
  return a.data_text < b.data_text
end

-- Statements by the DATA that they propose; those that dismiss.
local function grouped(statements)
  local proposals, by_text, dismissals = {}, {}, {}
  for _, st in ipairs(statements) do
    local one = by_text[st.data_text]
    if st.verb == "dismiss" then
      dismissals[#dismissals + 1] = st
    elseif one then
      table.insert(one.statements, st)
      one.at = math.max(one.at, st.at)
    else
      one = { data = st.data, data_text = st.data_text, malformed = st.malformed, at = st.at, statements = { st },
        signers = {} }
      by_text[st.data_text], proposals[#proposals + 1] = one, one
    end
  end
  return proposals, dismissals
end

--- What STATEMENTS, all with BUCKET and KEY and each with its `fault`, make together; CLASS: the bucket's. Each gets
-- `holds`: it proposes, and its record holds.
-- → { bucket, key, class, needed = signers, statements, proposals = { { data, malformed, holds, why, signers = IDs of
-- those who count, statements } … }, the best first }; holds, why, data and signers are those of the best, but data is
-- nil where none holds.
function meaning:judge(bucket, key, class, statements)
  local record = { bucket = bucket, key = key, class = class, needed = self:rule(bucket).needed,
    statements = statements, holds = false, why = "nobody proposes anything", signers = {} }
  local proposals, dismissals = grouped(statements)
  for _, one in ipairs(proposals) do
    one.holds, one.why = decide(self, record, one, dismissals)
    for _, st in ipairs(one.statements) do st.holds = one.holds and st.fault == nil end
  end
  for _, st in ipairs(dismissals) do st.holds = false end
  table.sort(proposals, comes_before)
  record.proposals = proposals
  local best = proposals[1]
  if not best then return record end
  record.holds, record.why, record.signers = best.holds, best.why, best.signers
  record.data = best.holds and best.data or nil
  return record
end

return meaning
