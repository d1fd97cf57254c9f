-- placement.lua - whether a file is this node's to copy: what placing.lua is asked, of records and of what stores say.
-- Fetches nothing.
local bounded = require "bounded"
local claim_data = require "dcache.content.claim_data"
local placing = require "clients.logs.placing"

local placement = {}
placement.__index = placement

local SILENT <const> = 7 * 24 * 60 * 60 * 1000 -- ms after which a node's claims count no more; a reboot moves nothing
local HEARING <const> = 30 * 1000 -- ms from a start in which others who hold files say what they take
local STATES_MAX <const> = 10000 -- files of which a copy is missing
local VIEW <const> = 1000 -- ms that what stores said is used again
local SETTLED <const> = 10 * 60 * 1000 -- ms until files that have all their copies are looked at again, without news
local COPIES <const> = { 1, 3 } -- where whose file it is asks for nothing else

--- given.loop, dcache, id
--- given.unit     fn() → 0 … 1
--- given.setting  fn(name) → the policy's, of clients.logs
--- given.stores   fn() → rows as clients/logs/store_words.lua has them
--- given.silence  fn(id) → ms since that node was heard
function placement.new(given)
  local self = setmetatable({ claimers = {}, full = {}, settled = {}, forgot = 0,
    states = bounded.new { limit = STATES_MAX } }, placement)
  for _, name in ipairs { "loop", "dcache", "id", "unit", "setting", "stores", "silence" } do
    self[name] = given[name]
  end
  self.began = self.loop:now()
  return self
end

-- == who counts

local function has_tag(tags, wanted)
  for _, tag in ipairs(tags or {}) do
    if tag == wanted then return true end
  end
  return false
end

-- Whom the lab's grants and this node's policy name: a set of IDs, worked out anew where either changed.
local function named(self)
  local list, basis = self.setting "holders" or {}, self.dcache.trust:basis()
  if self.named and self.list == list and self.basis == basis then return self.named end
  local found, verdict = {}, self.dcache.trust:verdict()
  for _, id in ipairs(list) do found[id] = true end
  for id, key in pairs(verdict and verdict.keys or {}) do -- any order: a set
    if key.level > 0 and has_tag(key.tags, "storage") then found[id] = true end
  end
  self.named, self.list, self.basis = found, list, basis
  return found
end

--- Does somebody say whose copies count? If not, all do, which is no proof against liars.
function placement:is_named() return next(named(self)) ~= nil end

--- Do copies of node ID count?
function placement:counts(id) return not self:is_named() or named(self)[id] == true end

--- What copies of node ID count as, a text | false: a carrier's | nil: they do not count. TOLD: its own `domain`.
function placement:domain(id, told)
  if not self:counts(id) then return nil end
  return placing.domain(id, told, self.dcache.trust:verdict() and self.dcache.trust:tags(id) or nil)
end

-- == what is known of a file

local function said_by(self, bucket, key, id)
  local st = self.dcache:statement_of(bucket, key, id)
  return st and st.holds and (st.data or {}) or nil
end

-- Domains of its claims, who has it in his folder, and how many copies these ask for. IDS: who may have it.
local function known_of(self, key, ids)
  local claims, sharers, least, most = {}, {}, nil, nil
  for _, id in ipairs(ids) do
    local shared, copy = said_by(self, "share/files", key, id), said_by(self, "share/safe", key, id)
    if shared then
      local copies = type(shared.copies) == "table" and shared.copies or COPIES
      sharers[id], least, most = true, math.max(least or 0, copies[1]), math.max(most or 0, copies[2])
    elseif copy and id ~= self.id and self.silence(id) <= SILENT and not claim_data.is_of_payload(id, copy) then
      claims[#claims + 1] = self:domain(id, copy.domain) or nil
    end
  end
  return { claims = claims, sharers = sharers, least = least or COPIES[1], most = most or COPIES[2] }
end

-- What stores say of themselves. Of this one the policy knows more than it said.
local function view_of(self)
  local now = self.loop:now()
  if self.view and now - self.looked < VIEW then return self.view end
  local rows, heard = {}, {}
  for _, row in ipairs(self.stores()) do
    heard[row.id] = true
    local domain = row.id ~= self.id and self:domain(row.id, row.domain)
    if domain then
      rows[#rows + 1] = { id = row.id, domain = domain, take = row.take, free = row.free, doing = row.doing,
        age = row.age }
    end
  end
  local own = self:domain(self.id, self.setting "domain")
  if own then rows[#rows + 1] = { id = self.id, domain = own, take = true, age = 0 } end
  self.view, self.heard, self.looked = placing.view(rows), heard, now
  return self.view
end

-- Nothing is known of what has all its copies.
local function unsettle(self)
  self.full, self.settled, self.forgot = {}, {}, self.loop:now()
end

--- The policy is another one.
function placement:apply()
  self.view = nil
  unsettle(self)
end

--- The policy does not want the file KEY, of which look() was told last. Where that has all its copies it need not be
--- asked again soon: who holds little beside many who hold much would else spend his days with files that are well.
function placement:settle(key) self.settled[key] = self.full[key] end

function placement:is_settled(key)
  if self.loop:now() - self.forgot >= SETTLED then unsettle(self) end
  return self.settled[key] ~= nil
end

--- Somebody said something of the file KEY.
function placement:news(key) self.settled[key] = nil end

--- Node ID claims to hold a copy of the file KEY. What carriers take is no matter for a choice.
function placement:claims(id, key)
  if self.claimers[id] or self.loop:now() - self.began > HEARING then return end
  local copy = said_by(self, "share/safe", key, id)
  if copy and copy.domain ~= false then self.claimers[id] = true end
end

-- ms from now until what other holders take is known, or will not be; 0: it is.
local function hearing(self)
  local left = self.began + HEARING - self.loop:now()
  if left <= 0 then return 0 end
  view_of(self)
  for id in pairs(self.claimers) do -- any order
    if id ~= self.id and not self.heard[id] and self:domain(id) then return left end
  end
  return 0
end

--- FN() when a choice is possible, because the other holders were heard or had their time; if several ask, once.
function placement:when_heard(fn)
  local left = hearing(self)
  if self.waiting or left == 0 then return end
  self.waiting = self.loop:after(left, fn)
end

function placement:stop()
  if self.waiting then self.waiting:cancel() end
end

--- Is this node a carrier, whose copies are nobody's?
function placement:is_carrier() return self.setting "domain" == false end

--- The file KEY of SIZE bytes, which IDS may have. → as placing.look has it; wanted = nil: not known yet, why = why
function placement:look(key, size, ids)
  local known = known_of(self, key, ids)
  if self:is_carrier() then
    local wanted = placing.carries(known.claims, known.least)
    return { wanted = wanted, why = not wanted and "holders have it, this node carries only" or nil }
  end
  local me = { id = self.id, domain = self:domain(self.id, self.setting "domain") }
  known.cid, known.size = key, size
  local answer, state = placing.look(known, view_of(self), me, self.states:get(key), self.loop:now(), self.unit)
  if state then self.states:put(key, state) else self.states:forget(key) end
  self.full[key] = answer.claimed >= answer.most or nil
  if answer.wanted and hearing(self) > 0 then answer.wanted, answer.why = nil, "other holders are heard first" end
  return answer
end

--- May a carrier let go of its copy of the file KEY, which IDS may have? Only where those who hold it were named.
function placement:lets_go(key, ids)
  if not self:is_carrier() or not self:is_named() then return false end
  local known = known_of(self, key, ids)
  return not placing.carries(known.claims, math.max(1, known.least))
end

--- Rows of what is bounded here (bounded.lua).
function placement:bounds() return { self.states:row "placements" } end

return placement
