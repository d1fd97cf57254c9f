-- meaning.lua - whether a record holds, and why: the one place that says so. Reads no journal, signs nothing.
--
-- A record is what is proposed under one bucket and key: its DATA, with all statements about it. Several signers may
-- propose different DATA under one key: then each is a record of its own, and here one of `proposals`.
--
-- Without a lab (spec/PROTOCOL.md) everybody counts as every role, and nobody can dismiss what others say: a dismissal
-- takes back what its own signer said before, which merging has done already. In a lab trust.lua knows who has which
-- role; admins and root keys dismiss what others say, but for what is said about oneself. Of `trust/…` authority.lua
-- has decided what counts.
local forms = require "dcache.forms"
local rules = require "dcache.rules"
local said = require "dcache.authority_said"

local meaning = {}
meaning.__index = meaning

local HOOK <const> = "dcache.holds"
local OVER <const> = "over"
local PAST_END <const> = { ["updates/status"] = true } -- buckets in which a word counts as long as it is remembered
local AFTER <const> = 10 * 60 * 1000 -- ms after its own AT that a dismissal bars what is proposed, once it has ended

--- time: lua/time.lua's; trust: trust.lua's; pattern(bucket) → the pattern of its class, or nil. Optional: policy
-- (lua/policy) and here() → facts, for the rules of `dcache.buckets` and the hook dcache.holds; without them one signer
-- is enough everywhere.
function meaning.new(given)
  return setmetatable({ time = given.time, trust = given.trust, policy = given.policy, here = given.here,
    rules = rules.new { policy = given.policy, pattern = given.pattern, trust = given.trust } }, meaning)
end

-- Does the operator's policy say itself what holds? The shipped rule is the one written here: asking for it would cost
-- a crossing of the fence for each record.
local function is_replaced(self)
  return self.policy ~= nil and not select(3, self.policy:where(HOOK))
end

local function time_fault(self, st)
  if self.time:is_valid(st) then return nil end
  local till = st.valid_until * 1000
  if till <= st.at then return "taken back by its signer" end
  if till < self.time:low() then return not (PAST_END[st.bucket] and st.verb == "propose") and OVER or nil end
  return "meant for later"
end

-- The same of a word of `trust/…` in a lab: only roles end by time.
local function decided_fault(self, st)
  local fault = self.trust:fault(st)
  if fault or st.bucket ~= "trust/grants" or st.verb ~= "propose" then return fault end
  local till = st.valid_until * 1000
  if till <= st.at then return "retired: it gives no role any more" end
  return till < self.time:low() and "over: it gives no role any more" or nil
end

--- Why the statement ST says nothing now, in words, or nil; true where its signer may not say it. ST has verb, bucket,
-- key, signer, at, valid_from, valid_until, data, short, and malformed = what is wrong with DATA.
function meaning:fault(st)
  if st.malformed then return st.malformed end
  if self.rules:is_decided(st.bucket) then return decided_fault(self, st) end
  local fault = time_fault(self, st)
  if fault or st.verb == "dismiss" then return fault end
  if not forms.claims(st.bucket, st.data) then return "withdrawn: it asks others to drop the file" end
  local denial = self.rules:denial(st)
  return denial, denial ~= nil
end

--- Why the signer of the proposal ST may not say it, whatever it says | nil: he may.
function meaning:denial(st) return self.rules:denial(st) end

--- Who is listened to in BUCKET, as rules.lua tells it.
function meaning:rule(bucket) return self.rules:of(bucket) end

--- May anybody dismiss what others say in BUCKET, so that his words have to be looked at?
function meaning:asks_dismissals(bucket) return self.rules:asks_dismissals(bucket) end

--- Could ID propose something in BUCKET now, alone or with others?
function meaning:may_propose(bucket, id) return self.rules:may_propose(bucket, id) end

--- May ID dismiss what others say in BUCKET, alone or with others?
function meaning:may_dismiss(bucket, id) return self.rules:may_dismiss(bucket, id) end

--- Why the proposal ST says nothing, by the DISMISSALS of others under its key; nil: they do not bar it. true: those
-- that are valid now do. One that has ended but is remembered bars what was said before it, and shortly after.
function meaning:barred(st, dismissals)
  local n, is_live = 0, true
  for _, d in ipairs(dismissals) do
    local needed = d.signer ~= st.signer and said.names(d, st.data_text) and self.rules:dismissal(d)
    local fault = needed and time_fault(self, d)
    if needed and (not fault or fault == OVER and st.at <= d.at + AFTER) then
      n, is_live = n + 1, is_live and not fault
      if n >= needed then return "dismissed by " .. d.signer, is_live end
    end
  end
end

--- What a verdict rests on beside statements and time: a value that is the same while the rules are, and who has which
-- role; nil where the operator's hook decides, which may look at anything.
function meaning:rests_on()
  if is_replaced(self) then return nil end
  local buckets, roles = self.policy and self.policy:get "dcache.buckets" or rules.ANYBODY, self.trust:basis()
  if not roles then return buckets end
  local basis = self.basis
  if not basis or basis.buckets ~= buckets or basis.roles ~= roles then
    self.basis = { buckets = buckets, roles = roles }
  end
  return self.basis
end

--- Does each statement of BUCKET hold or not by itself, whatever others say under its key?
function meaning:is_alone(bucket)
  return self.rules:is_decided(bucket) or self.rules:of(bucket).needed == 1 and not is_replaced(self)
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
    if not st.fault and said.names(st, proposal.data_text) then add(st, self.rules:dismissal(st) ~= nil) end
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
  if self.rules:is_decided(record.bucket) then return decided(proposal, record.needed) end
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
  if not self.rules:is_decided(bucket) then return self.rules:of(bucket).needed end
  local verdict, by_root = self.trust:verdict(), bucket == "trust/root"
  for _, st in ipairs(bucket == "trust/grants" and statements or {}) do
    by_root = by_root or st.verb == "propose" and not st.malformed and st.data.role == "admin"
  end
  return verdict and by_root and verdict.root.need or 1
end

--- What STATEMENTS, all with BUCKET and KEY and each with its `fault`, make together; CLASS: the bucket's. Each gets
-- `holds`: it proposes, and its record holds; a dismissal `bars`: its signer may take back what others say.
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
  for _, st in ipairs(dismissals) do
    st.holds, st.bars = false, not st.fault and (self.rules:is_decided(bucket) or self.rules:dismissal(st) ~= nil)
  end
  table.sort(proposals, comes_before)
  record.proposals = proposals
  local best = proposals[1]
  if not best then return record end
  record.holds, record.why, record.signers = best.holds, best.why, best.signers
  record.data = best.holds and best.data or nil
  return record
end

return meaning
