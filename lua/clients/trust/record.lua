-- record.lua - the answer to `record`: what is proposed under one bucket and key, who signed it, who counts, what is
-- missing. Judges nothing (dcache/meaning.lua does).
local blake2b = require "core.hash".blake2b
local json = require "core.json"
local people = require "clients.trust.people"
local text = require "core.text"
local to_json = require "clients.control.to_json"
local why_record = require "clients.control.why_record"

local record = {}

local SAID_MAX <const> = 64 -- statements that are told of each proposal
local COULD_MAX <const> = 16 -- people who are named because they could sign

-- What one statement says, and whether it counts. COUNTS: IDs of those who do, as a set.
local function told(node, who, st, counts)
  local ms, about = node.time:age(not st.undated and st.at or nil)
  local now = node.time:proved_now()
  return { signer = who(st.signer), verb = st.verb, counts = counts[st.signer] or false,
    fault = to_json.value(st.fault), via = to_json.value(st.via), age_ms = to_json.value(ms), age_about = about,
    ends_ms = now and st.valid_until * 1000 - now or nil }
end

local function set(list)
  local members = {}
  for _, one in ipairs(list) do members[one] = true end
  return members
end

local function some(list, each)
  return to_json.list({ table.unpack(list, 1, math.min(#list, SAID_MAX)) }, each)
end

-- Whose signature counts for the proposal ONE, also while others lack beside it: IDs.
local function signers_of(node, one)
  local verdict, list = node.dcache.trust:verdict(), table.move(one.signers, 1, #one.signers, 1, {})
  for _, st in ipairs(one.statements) do
    local fault = verdict and verdict.faults[st.short]
    if fault and fault.code == "threshold" then list[#list + 1] = st.signer end
  end
  return list
end

local function proposal(node, who, one)
  local signers = signers_of(node, one)
  local counts = set(signers)
  return { data = to_json.value(one.data), hash = text.base64url(blake2b(one.data_text)), holds = one.holds,
    why = to_json.value(why_record.named(node, one.why)), signers = #signers, said = #one.statements,
    statements = some(one.statements, function(st) return told(node, who, st, counts) end) }
end

local function dismissals(node, who, found)
  local list, none = {}, {}
  for _, st in ipairs(found.statements) do
    if st.verb == "dismiss" then list[#list + 1] = st end
  end
  return some(list, function(st)
    local row = told(node, who, st, none)
    row.counts, row.hash = st.bars == true, to_json.value(st.data)
    return row
  end)
end

-- == who could sign it

-- What the best proposal of ONE says, as a table.
local function data_of(one)
  local data = one.proposals[1] and one.proposals[1].data
  return type(data) == "table" and data or {}
end

-- Is ONE signed by root keys alone: a root, or who is an admin?
local function is_roots(one)
  return one.bucket == "trust/root" or one.bucket == "trust/grants" and data_of(one).role == "admin"
end

-- Keys of the root in force, and of the one that ONE proposes.
local function root_keys(verdict, one)
  local list, known = {}, {}
  for _, keys in ipairs { verdict.root.keys, data_of(one).keys or {} } do
    for _, id in ipairs(keys) do
      if not known[id] then known[id], list[#list + 1] = true, id end
    end
  end
  return list
end

-- IDs of those who may sign ONE: for a lab's own words root keys, else whom the rule of the bucket names.
local function could_sign(node, one, role)
  local verdict = node.dcache.trust:verdict()
  if verdict and is_roots(one) then return root_keys(verdict, one) end
  if not verdict or role == "anyone" or role == "owner" then return {} end
  local list = {}
  for _, id in ipairs(verdict.standing) do
    if node.dcache.meaning:may_propose(one.bucket, id) then list[#list + 1] = id end
  end
  return list
end

-- Of those who could, who have not signed the best proposal yet: a few of them, and how many there are.
local function others(node, who, one, rule)
  local best = one.proposals[1]
  local signed, list = set(best and signers_of(node, best) or {}), {}
  for _, id in ipairs(could_sign(node, one, rule.propose)) do
    if not signed[id] then list[#list + 1] = id end
  end
  return to_json.list({ table.unpack(list, 1, math.min(#list, COULD_MAX)) }, who), #list
end

-- The record of BUCKET and KEY: the whole of it, its beginning, or a node's name | nil | nil, text, code: several
local function record_of(node, bucket, key)
  local one = node.dcache:record(bucket, key)
  if one then return one end
  local keys = why_record.keys_like(node, bucket, key)
  if keys[2] then
    return nil, ("ambiguous: %s fits several keys in %s: %s, …"):format(text.escape(key), bucket,
      table.concat(keys, ", ")), "ambiguous"
  end
  return keys[1] and node.dcache:record(bucket, keys[1])
end

-- Who signs ONE and how many of them, who dismisses it: by the RULE of its bucket, but a lab's own words by the root.
local function rule_of(node, one, rule)
  if not node.dcache.trust.lab or not is_roots(one) then
    return { by = rule.propose, dismiss = rule.dismiss, needed = one.needed }
  end
  local is_root = one.bucket == "trust/root"
  return { by = "root", dismiss = is_root and "nobody" or "root",
    needed = math.max(one.needed, is_root and data_of(one).need or 1) }
end

local function told_of(node, one, class)
  local rule = node.dcache.meaning:rule(one.bucket)
  local who = people.of(node, node.dcache.trust:verdict())
  local answer = rule_of(node, one, rule)
  answer.bucket, answer.key, answer.class, answer.max_ttl = one.bucket, to_json.text(one.key), class.name, class.max_ttl
  answer.holds, answer.why = one.holds, to_json.value(why_record.named(node, one.why))
  answer.proposals = json.array(some(one.proposals, function(each) return proposal(node, who, each) end))
  answer.dismissals = dismissals(node, who, one)
  answer.could, answer.could_count = others(node, who, one, rule)
  return answer
end

--- Of request.bucket and request.key → { bucket, key, class, max_ttl = s, needed, by = the role or tag that may sign,
-- dismiss = who may dismiss, holds, why, proposals = the best first: { data, hash, holds, why, signers = how many
-- count, said, statements }, dismissals, could = { who could sign the best and has not … }, could_count } | nil,
-- text, code
function record.answer(node, request)
  local bucket, key = request.bucket, request.key
  if type(bucket) ~= "string" or type(key) ~= "string" then
    return nil, 'form: "bucket" and "key" are texts', "form"
  end
  local found = node.dcache:class_of(bucket)
  if not found then return nil, ("class: no class has the bucket %s"):format(text.escape(bucket)), "class" end
  local one, several, code = record_of(node, bucket, key)
  if code then return nil, several, code end
  if one then return told_of(node, one, found.class) end
  return nil, ("missing: nobody said anything under %s %s"):format(text.escape(bucket), text.escape(key)), "missing"
end

return record
