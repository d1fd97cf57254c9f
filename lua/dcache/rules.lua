-- rules.lua - who is listened to in a bucket: the policy's `dcache.buckets`, and the roles of a lab. Judges no record.
--
-- A rule is a role (anyone owner member trusted admin root), or "2 of trusted", or "1 of release" for a tag: so many
-- keys, of which each is trusted or higher and has that tag in its grant. Admins and root keys may dismiss everywhere
-- but where one speaks of oneself.
local said = require "dcache.authority_said"

local rules = {}
rules.__index = rules

local LEVELS <const> = said.LEVELS
local ARTICLES <const> = { member = "a member", trusted = "a trusted key", admin = "an admin", root = "a root key" }

--- given.policy           lua/policy, or nil: one signer is enough everywhere
--- given.pattern(bucket)  → the pattern of its class, or nil
--- given.trust            trust.lua
function rules.new(given)
  return setmetatable({ policy = given.policy, pattern = given.pattern, trust = given.trust, by_pattern = {} }, rules)
end

-- "2 of trusted" → 2, "trusted"; "member" → 1, "member": one of them is enough. A word that is no role is a tag.
local function read_word(word)
  local needed, role = word:match "^(%d+) of (%S+)$"
  return math.tointeger(needed) or 1, role or word
end

local function read_rule(rule)
  local needed, propose = read_word(rule.propose)
  local to_dismiss, dismiss = read_word(rule.dismiss)
  return { needed = needed, propose = propose, to_dismiss = to_dismiss, dismiss = dismiss }
end

rules.ANYBODY = read_rule { propose = "anyone", dismiss = "owner" }

--- Who is listened to in BUCKET, by the policy as it is now: { needed = signers, propose = role, to_dismiss = signers,
--- dismiss = role }.
function rules:of(bucket)
  local buckets = self.policy and self.policy:get "dcache.buckets"
  if not buckets then return rules.ANYBODY end
  if buckets ~= self.known then self.known, self.by_pattern = buckets, {} end
  local pattern = self.pattern(bucket) or ""
  if not self.by_pattern[pattern] then
    local rule = buckets[pattern]
    self.by_pattern[pattern] = rule and read_rule(rule) or rules.ANYBODY
  end
  return self.by_pattern[pattern]
end

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

--- Why the signer of the proposal ST may not say it | nil: he may.
function rules:denial(st)
  local who = self:of(st.bucket).propose
  if has_role(self, who, st) then return nil end
  if who == "owner" and not is_owner(st) then return "not allowed: only the owner may say this" end
  local wanted = who == "owner" and ARTICLES.member or ARTICLES[who] or ("a trusted key with the tag %s"):format(who)
  local role = self.trust:role(st.signer, st.at)
  return ("not allowed: only %s may say this, and its signer is %s"):format(wanted,
    role and ARTICLES[role] or "none of the lab")
end

--- Is BUCKET one of a lab's own, of which authority.lua has decided what counts?
function rules:is_decided(bucket) return self.trust.lab ~= nil and bucket:sub(1, 6) == "trust/" end

--- May anybody dismiss what others say in BUCKET? Nobody may where one speaks of oneself.
function rules:asks_dismissals(bucket)
  return self.trust.lab ~= nil and not self:is_decided(bucket) and bucket ~= "peer" and bucket:sub(1, 4) ~= "pri/"
end

--- May the signer of the dismissal D take back what others say under its key? → how many like him it takes | nil
function rules:dismissal(d)
  if not self:asks_dismissals(d.bucket) then return nil end
  if self.trust:level(d.signer, d.at) >= LEVELS.admin then return 1 end
  local rule = self:of(d.bucket)
  if rule.dismiss == "owner" and d.key ~= d.signer then return nil end
  return has_role(self, rule.dismiss, d) and rule.to_dismiss or nil
end

--- Could ID propose something in BUCKET now? Owners of a key are not told apart.
function rules:may_propose(bucket, id) return has_role(self, self:of(bucket).propose, { signer = id, key = id }) end

--- Might ID be heard when he dismisses something in BUCKET? Owners of a key beside admins are not told apart.
function rules:may_dismiss(bucket, id)
  return self.trust:level(id) >= LEVELS.admin or self:of(bucket).dismiss ~= "owner"
end

return rules
