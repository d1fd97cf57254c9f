-- authority.lua - the authority of a lab a second time, from spec/PROTOCOL.md alone: questions about a set of
-- statements, each answered by looking at all of them. No passes, no index by key, no time saved.
local hash, json, text = require "core.hash", require "core.json", require "core.text"

local second = {}
second.__index = second

local RANK = { member = 1, trusted = 2, admin = 3 }

-- == forms

local function has_just(data, ...)
  local n = 0
  for _ in pairs(data) do n = n + 1 end
  for _, name in ipairs { ... } do
    if data[name] == nil then return false end
  end
  return n == select("#", ...)
end

local function whole(value, most) return math.type(value) == "integer" and value >= 1 and value <= most end
local function is_id(value) return type(value) == "string" and require("core.key").public(value) ~= nil end
local function is_name(value)
  return type(value) == "string" and #value <= 32 and (value == "" or value:find "^%w[%w._-]*$" ~= nil)
end

local function is_tags(tags)
  if not json.is_array(tags) or #tags > 8 then return false end
  for i, tag in ipairs(tags) do
    if type(tag) ~= "string" or not tag:find "^[a-z0-9:-]+$" or #tag > 24 then return false end
    for j = 1, i - 1 do
      if tags[j] == tag then return false end
    end
  end
  return true
end

local function is_keys(keys)
  if not json.is_array(keys) or #keys < 1 or #keys > 7 then return false end
  for i, id in ipairs(keys) do
    if not is_id(id) or i > 1 and keys[i - 1] >= id then return false end
  end
  return true
end

local FORM = {
  ["trust/root"] = function(key, d)
    return has_just(d, "keys", "need", "number") and is_keys(d.keys) and whole(d.need, #d.keys)
      and whole(d.number, 1 << 53) and key == tostring(d.number)
  end,
  ["trust/grants"] = function(key, d)
    return has_just(d, "name", "role", "tags") and is_id(key) and is_name(d.name) and RANK[d.role] and is_tags(d.tags)
  end,
  ["trust/tokens"] = function(key, d)
    return has_just(d, "most", "name") and is_id(key) and is_name(d.name) and whole(d.most, 100000)
  end,
  ["trust/enrolled"] = function(key, d)
    return has_just(d, "name", "proof", "token") and is_id(key) and is_name(d.name) and is_id(d.token)
      and type(d.proof) == "string" and #(text.unbase64url(d.proof) or "") == 64
  end,
  ["trust/revoked"] = function(key, d)
    return has_just(d, "why") and is_id(key) and type(d.why) == "string" and #d.why <= 64 and text.utf8(d.why)
  end,
}

local function read(st)
  local one = { verb = st.verb, bucket = st.bucket, key = st.key, signer = st.signer, at = st.at, short = st.short,
    till = st.valid_until * 1000, text = st.data, data = json.decode(st.data) }
  if st.verb == "dismiss" then return one end
  local form = FORM[st.bucket]
  local fits = form and type(one.data) == "table" and not json.is_array(one.data) and form(st.key, one.data)
  return fits and one or nil
end

-- == looking

-- All statements of VERB in BUCKET (KEY: of that key only) that WANTED(st) takes.
local function find(self, verb, bucket, key, wanted)
  local list = {}
  for _, st in ipairs(self.statements) do
    if st.verb == verb and st.bucket == bucket and (not key or st.key == key) and (not wanted or wanted(st)) then
      list[#list + 1] = st
    end
  end
  return list
end

local function signers(list)
  local seen, n = {}, 0
  for _, st in ipairs(list) do
    if not seen[st.signer] then seen[st.signer], n = true, n + 1 end
  end
  return n, seen
end

local function is_in(list, one)
  for _, other in ipairs(list) do
    if other == one then return true end
  end
  return false
end

-- == roots

local function root_text(root)
  return json.encode { keys = json.array(root.keys), need = root.need, number = root.number }
end

-- All roots of number N that follow BEFORE, the smallest text first.
local function following(self, before)
  local texts, list = {}, {}
  local proposals = find(self, "propose", "trust/root", tostring(before.number + 1))
  for _, st in ipairs(proposals) do texts[st.text] = st.data end
  for words, data in pairs(texts) do
    local _, by = signers(find(self, "propose", "trust/root", nil, function(st) return st.text == words end))
    local old, new = 0, 0
    for id in pairs(by) do
      old, new = old + (is_in(before.keys, id) and 1 or 0), new + (is_in(data.keys, id) and 1 or 0)
    end
    if old >= before.need and new >= data.need then list[#list + 1] = words end
  end
  table.sort(list)
  for i, words in ipairs(list) do list[i] = texts[words] end
  return list
end

local function climb(self, root, accepted)
  self.ladder[#self.ladder + 1] = root
  local all = following(self, root)
  if not all[1] then return root end
  local one = all[1]
  if accepted and accepted.number == one.number then one = accepted end
  if #all > 1 or root_text(one) ~= root_text(all[1]) then self.rivals = one.number end
  return climb(self, one, accepted)
end

-- The number of ONE, where enough keys of the root before it propose another one of that number.
local function other_than(self, one)
  for _, before in ipairs(self.ladder) do
    if before.number + 1 == one.number then
      for _, st in ipairs(find(self, "propose", "trust/root", tostring(one.number))) do
        local _, by = signers(find(self, "propose", "trust/root", nil, function(o) return o.text == st.text end))
        local old = 0
        for id in pairs(by) do old = old + (is_in(before.keys, id) and 1 or 0) end
        if root_text(st.data) ~= root_text(one) and old >= before.need then return one.number end
      end
    end
  end
end

-- == levels

local function is_root(self, id) return is_in(self.root.keys, id) end

local function dismissed(self, st, allowed)
  return #find(self, "dismiss", st.bucket, st.key, function(d)
    local meant = d.text == "null" or d.data == text.base64url(hash.blake2b(st.text))
    return meant and d.at >= st.at and allowed(d.signer)
  end) > 0
end

local function revoked_by_root(self, id)
  return #find(self, "propose", "trust/revoked", id, function(st)
    return is_root(self, st.signer) and not dismissed(self, st, function(who) return is_root(self, who) end)
  end) > 0
end

local function is_admin(self, id)
  if self.admins[id] == nil then
    local n = signers(find(self, "propose", "trust/grants", id, function(st)
      return st.data.role == "admin" and is_root(self, st.signer)
    end))
    self.admins[id] = n >= self.root.need and not revoked_by_root(self, id)
  end
  return self.admins[id]
end

local function may(self, id) return is_root(self, id) or is_admin(self, id) end

function second:is_revoked(id)
  if is_root(self, id) then return false end
  if revoked_by_root(self, id) then return true end
  if is_admin(self, id) then return false end
  return #find(self, "propose", "trust/revoked", id, function(st)
    return not is_root(self, st.signer) and is_admin(self, st.signer)
      and not dismissed(self, st, function(who) return may(self, who) end)
  end) > 0
end

local function granted(self, id, role)
  return #find(self, "propose", "trust/grants", id, function(st)
    return st.data.role == role and may(self, st.signer)
  end) > 0
end

local function by_grant(self, id)
  if is_root(self, id) then return 4 end
  if is_admin(self, id) then return 3 end
  if self:is_revoked(id) then return 0 end
  return granted(self, id, "trusted") and 2 or granted(self, id, "member") and 1 or 0
end

-- How many robots the token T lets in, or nil where it does not count.
local function most_of(self, t)
  if self:is_revoked(t) then return nil end
  local most
  for _, st in ipairs(find(self, "propose", "trust/tokens", t)) do
    if may(self, st.signer) and not dismissed(self, st, function(who) return may(self, who) end) then
      most = math.min(most or st.data.most, st.data.most)
    end
  end
  return most
end

local function is_let_in(self, id)
  local own = find(self, "propose", "trust/enrolled", id, function(st) return st.signer == id end)[1]
  local most = own and most_of(self, own.data.token)
  if not most or self:is_revoked(id) or not self.proves(own.data.token, id, own.data.proof) then return false end
  local before, mine = 0, hash.blake2b(own.data.token .. " " .. id)
  for _, st in ipairs(find(self, "propose", "trust/enrolled")) do
    local other = st.signer
    if st.key == other and st.data.token == own.data.token and by_grant(self, other) == 0
      and not self:is_revoked(other) and self.proves(st.data.token, other, st.data.proof)
      and hash.blake2b(st.data.token .. " " .. other) < mine then
      before = before + 1
    end
  end
  return before < most
end

function second:level(id)
  local level = by_grant(self, id)
  return level > 0 and level or is_let_in(self, id) and 1 or 0
end

-- == roles

local high

-- Could SIGNER give LEVEL by what he said at AT, and end it? Admins and root keys can.
local function gave(self, signer, at, level)
  return is_root(self, signer) or level < 3 and high(self, signer, at) == 3
end

-- Is the grant ST of LEVEL good for what is said at AT (nil: now)?
local function is_good(self, st, level, at)
  if not gave(self, st.signer, st.at, level) then return false end
  local till = st.till < self.low and st.till or nil
  local function ended(moment) till = math.min(till or st.till, moment) end
  for _, other in ipairs(find(self, "propose", "trust/grants", st.key)) do
    if other.till <= other.at and other.at >= st.at and gave(self, other.signer, other.at, level) then
      ended(other.till)
    end
  end
  for _, d in ipairs(find(self, "dismiss", "trust/grants", st.key)) do
    local meant = d.text == "null" or d.data == text.base64url(hash.blake2b(st.text))
    if meant and d.at >= st.at and gave(self, d.signer, d.at, level) then ended(d.at) end
  end
  return not till or at ~= nil and at <= till
end

-- How many keys give ID the role of LEVEL for what is said at AT.
local function givers(self, id, role, level, at)
  return (signers(find(self, "propose", "trust/grants", id, function(st)
    return st.data.role == role and (level == 3 and is_root(self, st.signer) or level < 3 and may(self, st.signer))
      and is_good(self, st, level, at)
  end)))
end

function high(self, id, at)
  if is_root(self, id) then return 4 end
  return is_admin(self, id) and givers(self, id, "admin", 3, at) >= self.root.need and 3 or 0
end

--- The role of ID for what is said at AT (ms; nil: now).
function second:role(id, at)
  local own = high(self, id, at)
  if own > 0 then return own end
  if self:is_revoked(id) then return 0 end
  return givers(self, id, "trusted", 2, at) > 0 and 2 or givers(self, id, "member", 1, at) > 0 and 1
    or by_grant(self, id) == 0 and is_let_in(self, id) and 1 or 0
end

--- Sorted IDs of those of IDS who stand.
function second:standing(ids)
  local list = {}
  for _, id in ipairs(ids) do
    local stands = self:level(id) > 0
    for _, st in ipairs(find(self, "propose", "trust/root", tostring(self.root.number + 1))) do
      local known = false
      for _, other in ipairs(find(self, "propose", "trust/root", st.key)) do
        known = known or other.text == st.text and is_root(self, other.signer)
      end
      stands = stands or known and is_in(st.data.keys, id)
    end
    if stands then list[#list + 1] = id end
  end
  table.sort(list)
  return list
end

--- Sorted IDs of those of IDS who do not stand and are in a root before: their words of `trust/root` are kept.
function second:former(ids)
  local list = {}
  for _, id in ipairs(ids) do
    local was = false
    for _, root in ipairs(self.ladder) do was = was or is_in(root.keys, id) end
    if was and not self:standing({ id })[1] then list[#list + 1] = id end
  end
  table.sort(list)
  return list
end

--- GIVEN: root, accepted, low (ms), proves as authority.work_out has them; statements: of core.statement, one a slot.
function second.new(given)
  local self = setmetatable({ statements = {}, low = given.low, proves = given.proves, admins = {}, ladder = {} },
    second)
  for _, st in ipairs(given.statements) do table.insert(self.statements, read(st)) end
  local root = climb(self, given.root, given.accepted)
  if given.accepted and given.accepted.number > root.number then root = climb(self, given.accepted) end
  self.root = root
  self.rivals = self.rivals or given.accepted and other_than(self, given.accepted) or nil
  return self
end

return second
