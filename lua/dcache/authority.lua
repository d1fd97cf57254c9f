-- authority.lua - who is root, admin, trusted or member of a lab: a pure function of statements. Stores nothing, asks
-- no clock, and forgets what it worked out.
--
-- Levels are worked out downwards in four passes, each from what keys of higher levels say: so there is no circle, and
-- no order of arrival matters. Two questions are told apart. *Standing* asks no time: words of who stands are stored,
-- and all who hold the same statements agree about it. *Role* asks the time: a grant that is over gives no right to
-- say more, but what was said before keeps its weight.
local faults = require "dcache.authority_faults"
local rank = require "rank"
local roles = require "dcache.authority_roles"
local root_chain = require "dcache.root_chain"
local said = require "dcache.authority_said"
local sorted = require "sorted"

local authority = {}

local ROOT <const>, ADMIN <const>, MEMBER <const> = 4, 3, 1
local STEP <const> = 50 -- things done before PAUSE is called

authority.LEVELS, authority.NAMES = said.LEVELS, said.NAMES

local verdict = {}
verdict.__index = verdict

-- == what was said, and who may say it

--- The level of ID, whatever the time.
function verdict:level_of(id) return self.levels[id] or 0 end

-- Is ST dismissed by a key of level LEAST or higher? → the dismissal | nil
function verdict:dismissed(st, least)
  for _, d in ipairs(self.said[st.bucket].dismissed[st.key] or {}) do
    if self:level_of(d.signer) >= least and said.bars(d, st) then return d end
  end
end

-- The newest word that revokes KEY by a key of level LEAST or higher, and that none of its level lifted.
local function revocation(self, key, least)
  local best
  for _, st in ipairs(self.said["trust/revoked"].proposed[key] or {}) do
    local level = self:level_of(st.signer)
    if level >= least and said.is_newer(st, best) and not self:dismissed(st, level) then best = st end
  end
  return best
end

-- == the four passes

-- The grants to ID of LEVEL (nil: any) by keys of level LEAST or higher.
local function grants_of(self, id, level, least)
  local list = {}
  for _, st in ipairs(self.said["trust/grants"].proposed[id] or {}) do
    local fits = not level or said.LEVELS[st.data.role] == level
    if fits and self:level_of(st.signer) >= least then list[#list + 1] = st end
  end
  return list
end

local function pass_root(self, given)
  self.chain = root_chain.work_out(given.root, given.accepted, said.all(self.said["trust/root"].proposed), given.most)
  self.root, self.rivals = self.chain.root, self.chain.rivals
  for _, id in ipairs(self.root.keys) do self.levels[id] = ROOT end
end

-- Admins are found beside each other: none of them has a level before all are found.
local function pass_admin(self)
  local found = {}
  for id in pairs(self.said["trust/grants"].proposed) do -- any order
    local grants = grants_of(self, id, ADMIN, ROOT)
    if #grants >= self.root.need and not self.levels[id] and not revocation(self, id, ROOT) then
      roles.set(self, id, ADMIN, grants, self.root.need)
      self.grants[id], found[#found + 1] = grants, id
    end
    self.step()
  end
  for _, id in ipairs(found) do self.levels[id] = ADMIN end
end

local function find_revoked(self)
  for key in pairs(self.said["trust/revoked"].proposed) do -- any order
    local st = revocation(self, key, math.max(ADMIN, self:level_of(key) + 1))
    if st then self.revoked[key] = { by = st.signer, why = st.data.why, at = st.at } end
    self.step()
  end
end

-- Trusted keys and members are granted by admins and root alike, so these two passes need nothing of each other.
local function pass_granted(self, level)
  for id in pairs(self.said["trust/grants"].proposed) do -- any order
    local grants = not self.revoked[id] and self:level_of(id) < ROOT and grants_of(self, id, level, ADMIN) or {}
    if grants[1] then
      roles.set(self, id, level, grants, 1)
      if not self.levels[id] then self.levels[id], self.grants[id] = level, grants end
    end
    self.step()
  end
end

-- == tokens

local function find_tokens(self)
  for id, list in pairs(self.said["trust/tokens"].proposed) do -- any order
    local good, any = {}, said.newest(list)
    for _, st in ipairs(list) do
      if self:level_of(st.signer) >= ADMIN and not self:dismissed(st, ADMIN) then good[#good + 1] = st end
    end
    local st, most = said.newest(good) or any, nil
    for _, one in ipairs(good) do most = math.min(most or one.data.most, one.data.most) end
    self.tokens[id] = { name = st.data.name, most = most or st.data.most, by = st.signer,
      counts = good[1] ~= nil and not self.revoked[id], over = {}, robots = {} }
  end
end

-- A robot's own word that a token let it in: who has no grant is one of the token's robots.
local function find_enrolled(self)
  for id, list in pairs(self.said["trust/enrolled"].proposed) do -- any order
    local st = said.newest(said.own(list))
    local token = st and self.tokens[st.data.token]
    if token and token.counts and not self.revoked[id] then
      if not self.proves(st.data.token, id, st.data.proof) then
        self.forged[st.short] = true
      elseif not self.levels[id] then
        table.insert(token.robots, id)
        self.enrolled[id] = st
      end
    end
    self.step()
  end
end

-- Of the robots of each token stand as many as it lets in, the first by their rank.
local function pass_enrolled(self)
  for id, token in pairs(self.tokens) do -- any order
    table.sort(token.robots)
    if #token.robots >= token.most then
      local ranked = rank.of(id, token.robots)
      token.robots = table.move(ranked, 1, token.most, 1, {})
      token.over, token.last = table.move(ranked, token.most + 1, #ranked, 1, {}), ranked[token.most]
    end
    for _, robot in ipairs(token.robots) do
      self.levels[robot], self.ends[robot] = MEMBER, { { ends = roles.NO_END } }
    end
    self.step()
  end
end

-- == what came out

-- What is known of a key by its grants: name and tags are those of the newest.
local function facts_of(self, id)
  local level = self:level_of(id)
  local grants = level == ROOT and grants_of(self, id, nil, ROOT) or self.grants[id]
  local st, own = grants and said.newest(grants), self.ends[id] and self.ends[id][level]
  local enrolled = self.enrolled[id]
  local facts = { level = level, name = st and st.data.name, tags = st and st.data.tags or {}, by = st and st.signer,
    until_ms = own and own.own, role = self:level(id) }
  if enrolled and not st then facts.name, facts.token = enrolled.data.name, enrolled.data.token end
  return facts
end

-- Whoever has a level stands; so do the keys of the next root as soon as a key of this one proposes it, since they have
-- to sign it, too.
local function find_standing(self)
  for id in pairs(self.levels) do -- any order
    self.keys[id] = facts_of(self, id)
    self.step()
  end
  for _, one in ipairs(self.chain.after) do
    for _, id in ipairs(self.root.keys) do
      if one.signers[id] then
        for _, new in ipairs(one.data.keys) do self.keys[new] = self.keys[new] or facts_of(self, new) end
      end
    end
  end
  self.standing = sorted.keys(self.keys)
end

-- Keys of earlier roots, whose words lead from root 1 to the one in force: only these words of theirs are kept.
local function find_former(self)
  local found = {}
  for _, root in ipairs(self.chain.chain) do
    for _, id in ipairs(root.keys) do found[id] = not self.keys[id] or nil end
  end
  self.former = sorted.keys(found)
end

--- The role of ID now: 0 to 4. AT (ms): could he say a word with that AT?
function verdict:level(id, at)
  local level, ends = self:level_of(id), self.ends[id]
  if level == ROOT or not ends then return level end
  for i = level, MEMBER, -1 do
    local till = ends[i] and ends[i].ends or 0
    if till == roles.NO_END or at and at <= till then return i end
  end
  return 0
end

--- Are the words of ID stored?
function verdict:stands(id) return self.keys[id] ~= nil end

--- Is ID one robot too many for the token T: does T let in no more than others that come first?
function verdict:is_over(t, id)
  local enrolled = self.enrolled[id]
  return enrolled ~= nil and enrolled.data.token == t and self:level_of(id) == 0
end

--- Would ID stand, let in by the token T? Only its rank tells, where the token has let in as many as it may.
function verdict:has_room(t, id)
  local token = self.tokens[t]
  if not token or not token.counts or self.revoked[id] then return false end
  return self.keys[id] ~= nil or token.last == nil or rank.of(t, { id, token.last })[1] == id
end

local function new_verdict(given)
  local done = 0
  local function step()
    done = done + 1
    if given.pause and done % STEP == 0 then given.pause() end
  end
  return setmetatable({ low = given.low, proves = given.proves, step = step, levels = {}, ends = {}, grants = {},
    enrolled = {}, forged = {}, keys = {}, tokens = {}, revoked = {}, faults = {} }, verdict)
end

--- given.root        root 1: { keys = IDs sorted, need =, number = 1 }
--- given.accepted    the highest root ever acted on (DATA of STATE/root), or nil
--- given.most        the highest number of a root that may be in force, or nil
--- given.statements  array: what the buckets `trust/…` hold, one for each slot, in any order: { verb, bucket, key,
---                   signer, at = ms, valid_until = s, data = decoded, data_text, malformed, short = its short ID }
--- given.low         ms that it is at least (time:low())
--- given.proves      fn(token ID, text, signature) → bool: kind `enrol`. Slow; the caller remembers its answers
--- given.pause       fn(), called after each 50 things that were done, so that the caller may let others work; or nil
-- → verdict: root { keys, need, number } in force; rivals = N of two roots, or nil; standing = IDs, sorted;
-- former = IDs of keys of earlier roots that do not stand, sorted: of these only words of `trust/root` are kept;
-- keys[ID] = { level = 0 to 4, role = the same by time, name, tags, by = ID of the grant, token = its ID, until_ms =
-- end of the role, as granted }; tokens[ID] = { name, most, by, counts, robots = IDs, over = IDs beyond it, last = the
-- last robot by rank where it is full };
-- revoked[ID] = { by, why, at }; faults[short] = { code =, text = } of each statement that does not count
function authority.work_out(given)
  local self = new_verdict(given)
  self.said = said.sort_out(given.statements, self.step)
  pass_root(self, given)
  pass_admin(self)
  find_revoked(self)
  pass_granted(self, authority.LEVELS.trusted)
  pass_granted(self, MEMBER)
  find_tokens(self)
  find_enrolled(self)
  pass_enrolled(self)
  find_standing(self)
  find_former(self)
  faults.find(self, given.statements)
  return self
end

return authority
