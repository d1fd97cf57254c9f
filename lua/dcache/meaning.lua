-- meaning.lua - whether a record holds, and why: the one place that says so. Reads no journal, signs nothing.
--
-- A record is what is proposed under one bucket and key: its DATA, with all statements about it. Several signers may
-- propose different DATA under one key: then each is a record of its own, and here one of `proposals`.
--
-- Without a lab (spec/PROTOCOL.md) everybody counts as every role, and nobody can dismiss what others say: a dismissal
-- takes back what its own signer said before, which merging has done already. In a lab trust.lua knows who has which
-- role; admins and root keys dismiss what others say, but for what is said about oneself. Of `trust/…` authority.lua
-- has decided what counts.
local blake2b = require "core.hash".blake2b
local forms = require "dcache.forms"
local said = require "dcache.authority_said"
local text = require "core.text"

local meaning = {}
meaning.__index = meaning

local HOOK <const> = "dcache.holds"
local BUCKETS_MAX <const> = 1024 -- whose rules are remembered
local LEVELS <const> = said.LEVELS
local OVER <const> = "over"
local AFTER <const> = 10 * 60 * 1000 -- ms after its own AT that a dismissal bars what is proposed, once it has ended
local ARTICLES <const> = { member = "a member", trusted = "a trusted key", admin = "an admin", root = "a root key" }

--- time: lua/time.lua's; trust: trust.lua's; pattern(bucket) → the pattern of its class, or nil. Optional: policy
-- (lua/policy) and here() → facts, for the rules of `dcache.buckets` and the hook dcache.holds; without them one signer
-- is enough everywhere.
function meaning.new(given)
  return setmetatable({ time = given.time, trust = given.trust, pattern = given.pattern, policy = given.policy,
    here = given.here, rules = {}, count = 0 }, meaning)
end

-- "2 of trusted" → { needed = 2, propose = "trusted" }; "member" → one of them is enough. A word that is no role is a
-- tag.
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

-- Is BUCKET one of a lab's own, of which authority.lua has decided what counts?
local function is_decided(self, bucket) return self.trust.lab ~= nil and bucket:sub(1, 6) == "trust/" end

-- Whoever may only speak of himself: his ID is the key, where that is an ID (the bucket says it otherwise, and such
-- statements are refused when they come).
local function is_owner(st)
  return not st.key:find "^12D3KooW%w+$" or #st.key ~= #st.signer or st.key == st.signer
end

local function has_tag(self, id, tag)
  for _, other in ipairs(self.trust:tags(id)) do
    if other == tag then return true end
  end
  return false
end

-- Could the signer of ST say it in the role WHO of a rule? Without a lab everybody has every role.
local function has_role(self, who, st)
  if who == "owner" and not is_owner(st) then return false end
  if not self.trust.lab or who == "anyone" then return true end
  local level = self.trust:level(st.signer, st.at)
  if who == "owner" then return level >= LEVELS.member end
  if LEVELS[who] then return level >= LEVELS[who] end
  return level >= LEVELS.trusted and has_tag(self, st.signer, who)
end

-- What the rule WHO wants, where the signer of ST is not that.
local function denial(self, who, st)
  if who == "owner" and not is_owner(st) then return "not allowed: only the owner may say this" end
  local wanted = who == "owner" and ARTICLES.member or ARTICLES[who] or ("a trusted key with the tag %s"):format(who)
  local role = self.trust:role(st.signer, st.at)
  return ("not allowed: only %s may say this, and its signer is %s"):format(wanted,
    role and ARTICLES[role] or "none of the lab")
end

local function time_fault(self, st)
  if self.time:is_valid(st) then return nil end
  local till = st.valid_until * 1000
  return till <= st.at and "taken back by its signer" or till < self.time:low() and OVER or "meant for later"
end

-- The same of a word of `trust/…` in a lab: only roles end by time.
local function decided_fault(self, st)
  local fault = self.trust:fault(st.short)
  if fault or st.bucket ~= "trust/grants" or st.verb ~= "propose" then return fault end
  local till = st.valid_until * 1000
  if till <= st.at then return "retired: it gives no role any more" end
  return till < self.time:low() and "over: it gives no role any more" or nil
end

--- Why the statement ST says nothing now, in words, or nil; true where its signer may not say it. ST has verb, bucket,
-- key, signer, at, valid_from, valid_until, data, short, and malformed = what is wrong with DATA.
function meaning:fault(st)
  if st.malformed then return st.malformed end
  if is_decided(self, st.bucket) then return decided_fault(self, st) end
  local fault = time_fault(self, st)
  if fault or st.verb == "dismiss" then return fault end
  if not forms.claims(st.bucket, st.data) then return "withdrawn: it asks others to drop the file" end
  local who = self:rule(st.bucket).propose
  if not has_role(self, who, st) then return denial(self, who, st), true end
end

--- May anybody dismiss what others say in BUCKET, so that his words have to be looked at?
function meaning:asks_dismissals(bucket)
  return self.trust.lab ~= nil and not is_decided(self, bucket) and bucket ~= "peer" and bucket:sub(1, 4) ~= "pri/"
end

-- May the signer of the dismissal D take back what others say under its key?
local function may_dismiss(self, d)
  if not self:asks_dismissals(d.bucket) then return false end
  if self.trust:level(d.signer, d.at) >= LEVELS.admin then return true end
  local who = self:rule(d.bucket).dismiss
  if who == "owner" and d.key ~= d.signer then return false end
  return has_role(self, who, d)
end

-- Is the dismissal D meant for DATA as it is written?
local function names(d, data_text)
  return d.data_text == "null" or d.data == text.base64url(blake2b(data_text))
end

--- Why the proposal ST says nothing, by the DISMISSALS of others under its key; nil: none bars it. true: one that is
-- valid now does. One that has ended but is remembered bars what was said before it, and shortly after.
function meaning:barred(st, dismissals)
  for _, d in ipairs(dismissals) do
    if d.signer ~= st.signer and names(d, st.data_text) and may_dismiss(self, d) then
      local fault = time_fault(self, d)
      if not fault or fault == OVER and st.at <= d.at + AFTER then return "dismissed by " .. d.signer, not fault end
    end
  end
end

--- What a verdict rests on beside statements and time: a value that is the same while the rules are, and who has which
-- role; nil where the operator's hook decides, which may look at anything.
function meaning:rests_on()
  if is_replaced(self) then return nil end
  local buckets, verdict = self.policy and self.policy:get "dcache.buckets" or ANYBODY, self.trust:verdict()
  if not verdict then return buckets end
  local basis = self.basis
  if not basis or basis.buckets ~= buckets or basis.verdict ~= verdict then
    self.basis = { buckets = buckets, verdict = verdict }
  end
  return self.basis
end

--- Does each statement of BUCKET hold or not by itself, whatever others say under its key?
function meaning:is_alone(bucket)
  return is_decided(self, bucket) or self:rule(bucket).needed == 1 and not is_replaced(self)
end

--- Does ST hold, in a bucket where each statement stands alone?
function meaning.alone(st) return st.verb == "propose" and st.fault == nil end

-- == one record

-- What statements say of it, as the hook is told: those that say anything now, also of those who may not.
local function words_of(self, proposal, dismissals)
  local words = {}
  local function add(st, allowed)
    local age = self.time:age(not st.undated and st.at or nil)
    words[#words + 1] = { verb = st.verb, signer = st.signer, role = self.trust:role(st.signer, st.at),
      allowed = allowed, age = age and age // 1000 }
  end
  for _, st in ipairs(proposal.statements) do
    if not st.fault or st.denied or st.barred then add(st, not st.denied) end
  end
  for _, st in ipairs(dismissals) do
    if not st.fault and names(st, proposal.data_text) then add(st, may_dismiss(self, st)) end
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

-- The shipped rule, as policies/dcache.lua writes it down: enough signers say something. Else what is wrong with the
-- first that says nothing for another reason than its time.
local function shipped(proposal, needed)
  local n, why = #proposal.signers, nil
  for _, st in ipairs(proposal.statements) do
    if n < needed and (st.barred or st.denied) then why = why or st.fault end
  end
  return n >= needed, why or ("%d of %d signers"):format(n, needed)
end

-- Of `trust/…` each statement has been judged.
local function decided(proposal, needed)
  local n = #proposal.signers
  if n == 0 then return false, proposal.statements[1].fault end
  return true, ("%d of %d signers"):format(n, needed)
end

local function decide(self, record, proposal, dismissals)
  for _, st in ipairs(proposal.statements) do
    if not st.fault then table.insert(proposal.signers, st.signer) end
  end
  if proposal.malformed then return false, proposal.malformed end
  if is_decided(self, record.bucket) then return decided(proposal, record.needed) end
  if not is_replaced(self) then return shipped(proposal, record.needed) end
  local words = words_of(self, proposal, dismissals)
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

-- How many signers it takes: for a root and an admin as many as the root in force says.
local function needed_for(self, bucket, statements)
  if not is_decided(self, bucket) then return self:rule(bucket).needed end
  local verdict, by_root = self.trust:verdict(), bucket == "trust/root"
  for _, st in ipairs(bucket == "trust/grants" and statements or {}) do
    by_root = by_root or st.verb == "propose" and not st.malformed and st.data.role == "admin"
  end
  return verdict and by_root and verdict.root.need or 1
end

--- What STATEMENTS, all with BUCKET and KEY and each with its `fault`, make together; CLASS: the bucket's. Each gets
-- `holds`: it proposes, and its record holds.
-- → { bucket, key, class, needed = signers, statements, proposals = { { data, malformed, holds, why, signers = IDs of
-- those who count, statements } … }, the best first }; holds, why, data and signers are those of the best, but data is
-- nil where none holds.
function meaning:judge(bucket, key, class, statements)
  local record = { bucket = bucket, key = key, class = class, needed = needed_for(self, bucket, statements),
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
