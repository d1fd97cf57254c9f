-- catch_up.lua - a newcomer reads a checkpoint by itself, from those who announce one. It reads no block and no line.
--
-- Who lacks very many records, or finds no way by which repairs go, takes the whole set from a neighbour at once: in a
-- lab from a member, in an open swarm from whoever proved his address. What a checkpoint lacks comes by repair: it
-- proves nothing about what else there is.
local backoff = require "backoff"
local bounded = require "bounded"
local cid = require "core.cid"
local content = require "routing.channels.content"
local sources = require "dcache.content.sources"

local catch_up = {}
catch_up.__index = catch_up

local LOOK = 1000 -- ms between two looks at who announces what
local MORE = 1000 -- statements that he counts and we do not, from which on it is worth it
local NO_WAY = 60 * 1000 -- ms for which what differs stays so: no way opened by which a repair could go
local PATIENCE = 60 * 1000 -- ms for which nobody who announces it can be asked
local STALE = 3 * 60 * 1000 -- ms in which it brings no new line, until it is given up: a liar gives blocks for days
local LEAVES_MOST, RESTS_MOST, EMPTY_MOST = 4096, 64, 64

-- What PEER announces → CID | nil
local function announced(self, peer)
  local said = self.dcache:statements(("pri/%s/checkpoint"):format(peer.id), peer.id)[1]
  local data = said and said.verb == "propose" and type(said.data) == "table" and said.data
  return data and type(data.cid) == "string" and cid.parse(data.cid) == "dag-pb" and data.cid or nil
end

-- What living peers whom we may believe announce, looked up once in a look, as there may be many. → { [ID] = CID },
-- { [CID] = array of IDs }
local function announcements(self)
  local now = self.loop:now()
  if self.asked_at and now - self.asked_at < LOOK then return self.by_id, self.by_cid end
  self.asked_at, self.by_id, self.by_cid = now, {}, {}
  for _, peer in ipairs(self.comms.peers.list) do
    local good = self.comms.peers:living(peer) and self.dcache.trust:is_member(peer.id)
    local key = good and announced(self, peer)
    if key then
      self.by_id[peer.id], self.by_cid[key] = key, self.by_cid[key] or {}
      table.insert(self.by_cid[key], peer.id)
    end
  end
  return self.by_id, self.by_cid
end

-- IDs of who announces KEY.
local function announcers(self, key) return select(2, announcements(self))[key] or {} end

--- given.loop, random, log
--- given.comms     its peers, and whether one lacks what we have
--- given.dcache
--- given.id        this node's
--- given.swarm     text
--- given.http      fn() → http_client.lua's
--- given.peer      fn(id) → { name =, http =, hosts = } | nil, as sources.lua has it
--- given.add       fn(channel, options): routing:add
--- given.is_own    fn(cid of a leaf) → does our own checkpoint have that leaf?
function catch_up.new(given)
  local self = setmetatable({ leaves = bounded.new { limit = LEAVES_MOST },
    rests = bounded.new { limit = RESTS_MOST }, -- by CID: how long a checkpoint is left alone
    empty = bounded.new { limit = EMPTY_MOST } }, catch_up) -- by ID: who announced such as gave nothing
  for name, value in pairs(given) do self[name] = value end -- any order
  self.suppliers = sources.new { id = self.id, peer = self.peer,
    holders = function(key) return announcers(self, key) end }
  return self
end

function catch_up:start()
  self.timer = self.loop:every(LOOK, function() self:look() end)
end

--- Who can give the blocks of the checkpoint KEY now, nearest first.
function catch_up:sources_of(key) return self.suppliers:of(key) end

local function count(classes)
  local n = 0
  for _, class in ipairs(classes) do n = n + (class.n or 0) end
  return n
end

local function own_count(self)
  local n, t = 0, self.comms.beacon:tick()
  for _, class in ipairs(self.dcache:kept_classes()) do n = n + select(2, self.dcache:digest(class.name, t)) end
  return n
end

-- For how long the oldest difference to PEER has been there (ms).
local function unequal_ms(self, peer)
  local oldest = self.loop:now()
  for _, since in pairs(peer.unequal or {}) do oldest = math.min(oldest, since) end -- any order
  return self.loop:now() - oldest
end

-- What PEER announces, where that is worth reading now → CID, how many of his were of no use; nil: it is not.
local function offered(self, peer, more)
  local wanted = more >= MORE or more > 0 and unequal_ms(self, peer) >= NO_WAY and not self.comms.repair.session
  local key = wanted and announcements(self)[peer.id]
  local empty, now = self.empty:get(peer.id), self.loop:now()
  local rest = key and self.rests:get(key)
  if not key or rest and now < rest.till or empty and now < empty.till then return nil end
  return key, empty and empty.count or 0
end

-- → the CID that is worth reading most: of those whose checkpoints were of use so far, by what their beacons count, in
-- which one may say what he likes | nil
local function choose(self)
  local own, best, most, fewest, given = own_count(self), nil, 0, math.huge, {} -- given[CID]: does anybody give it?
  for _, peer in ipairs(self.comms.peers.list) do
    local more = count(peer.classes) - own
    local key, empty = offered(self, peer, more)
    if key and (empty < fewest or empty == fewest and more > most) then
      if given[key] == nil then given[key] = self.suppliers:of(key)[1] ~= nil end
      if given[key] then best, most, fewest = key, more, empty end
    end
  end
  return best
end

-- ID announced a checkpoint, and it GAVE something, or did not; who does not over and over rests longer and longer.
local function judge(self, id, gave)
  if gave then return self.empty:forget(id) end
  local empty = self.empty:get(id) or { count = 0, till = 0, backoff = backoff.slow(self.random) }
  empty.count = empty.count + 1
  if empty.count > 1 then empty.till = self.loop:now() + empty.backoff:next() end
  self.empty:put(id, empty)
end

-- What stands in the checkpoint KEY does not change: it is left alone, whatever came of it.
local function ended(self, key, taken)
  local rest = self.rests:get(key)
  for _, id in ipairs(not rest and announcers(self, key) or {}) do judge(self, id, taken > 0) end
  rest = rest or { backoff = backoff.slow(self.random) }
  rest.till = self.loop:now() + rest.backoff:next()
  self.rests:put(key, rest)
  self.one = nil
end

-- Gives up what is read and brings nothing.
local function watch(self)
  local one, now = self.one, self.loop:now()
  if one.taken ~= self.taken then self.taken, self.taken_at = one.taken, now end
  if now - self.taken_at < STALE then return end
  ended(self, one.cid, 0)
  one:close "closed: it brought nothing new for minutes"
end

--- Begins where it is worth it and none is read already.
function catch_up:look()
  if self.one then return watch(self) end
  local key = choose(self)
  if not key then return end
  local one
  one = content.new { loop = self.loop, random = self.random, log = self.log, cid = key, swarm = self.swarm,
    http = self.http, once = true, patience = PATIENCE,
    sources = function() return self:sources_of(key) end,
    worked_out = function(fn) self.dcache.trust:when_worked_out(fn) end,
    known = function(leaf) return self.leaves:get(leaf) ~= nil or self.is_own(leaf) end,
    leaf_read = function(leaf, bad, out) -- whoever is a stranger now may be a member by the next checkpoint
      if bad == 0 and out == 0 then self.leaves:put(leaf.cid, true) end
    end,
    ended = function(ok)
      ended(self, key, one.taken)
      one:close(ok and "closed: it was read" or "closed: it could not be read")
    end }
  if not self.add(one, { quiet = true }) then return ended(self, key, 0) end
  self.one, self.taken, self.taken_at = one, 0, self.loop:now()
  self.log:info("routing", "reads a checkpoint", { { "cid", key }, { "of", own_count(self) } })
  content.start(one)
end

--- The row of `status` of what is read by itself now | nil
function catch_up:row() return self.one and self.one:status() end

function catch_up:stop()
  if self.timer then self.timer:cancel() end
  if self.one then self.one:close "closed: here" end
end

return catch_up
