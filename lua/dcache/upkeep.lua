-- upkeep.lua - what a dcache does now and then: what ended goes, room is given back, another time is applied. These are
-- methods of lua/dcache/init.lua. Takes nothing in.
local batch = require "core.batch"
local record = require "core.record"
local statement = require "core.statement"
local trust = require "dcache.trust"
local ways = require "dcache.ways"

local upkeep = {}

local LATE = 32 -- s that an ended statement is kept, so that digests of the last two ticks can be compared
local COMPACT_BYTES = 256 * 1024 -- a step

-- How many words are held that say who counts.
local function count_trust(self)
  local n = 0
  for _, name in ipairs(trust.CLASS_NAMES) do
    if self.by_name[name] then n = n + self.index:count(name) end
  end
  return n
end

-- Forgets what nobody remembers any more; only proved time may.
function upkeep:tidy()
  local now = self.time:proved_now()
  if now then
    local before = count_trust(self)
    local _, dropped = self.index:expire(now // 1000 - LATE)
    if count_trust(self) < before then self.trust:touch() end
    self.expiry:hide(dropped)
    self.expiry:tidy(now // 1000 - LATE)
  end
  self.trust:look()
  self:write_down() -- first: no line goes before that which replaces it is in the journal
  self:compact()
end

-- Statements of others that replaced older ones go into the journal now and then, the newest of each slot. The index
-- holds each at once, so all nodes hold the same in whatever order they heard; but no signer can set the pace at which
-- the card is written to. What a power cut takes of them, neighbours have.
function upkeep:write_down()
  if self.index:unwritten() > 0 then batch.write_down(self.index, self.journal, self.family_of) end
end

local function all_changed(self)
  for _, class in ipairs(self.class_list) do self:count_change(class.name) end
end

-- What the time that was believed before had ended is still in the journal.
local function bring_back(self)
  local n = 0
  self.journal:replay(function(_family, line, place)
    local st = statement.parse(line)
    if not st or self.index:has(st.short) then return end
    local ok, old_place, size = self.index:put(st, place, ways.JOURNAL)
    if ok and old_place then self.journal:drop(old_place, size) end
    n = n + (ok and 1 or 0)
  end)
  all_changed(self)
  self.log:info("dcache", "words brought back: by the time that was believed before they had ended", { words = n })
end

-- Another time than before became proved: what the old one ended wrongly comes back, and statements of the future,
-- taken in while nobody could tell, go. → how many went.
function upkeep:new_time(now)
  if self.expiry:forget() then bring_back(self) end
  local n, dropped = self.index:drop_future(now)
  if n == 0 then return 0 end
  self.expiry:hide(dropped)
  self.expiry:future(now)
  all_changed(self)
  self.refused("future", n)
  self.log:warn("dcache", "words of the future dropped", { words = n })
  return n
end

-- The time may have gone back, though nobody proved it: our own statements of the future go, so that what we say is
-- newer.
function upkeep:own_future()
  local n, dropped = self.index:drop_future(self.time:now(), self.id)
  self.expiry:hide(dropped)
  if n > 0 then all_changed(self) end
end

-- Words of keys that have no standing in the lab any more leave the index, and so the digests. → how many
function upkeep:drop_strangers()
  local n, dropped = self.index:drop_strangers()
  for _, one in ipairs(dropped) do self.journal:drop(one.place, one.size) end
  if n > 0 then all_changed(self) end
  return n
end

local function must_stay(self, st)
  local found = self:class_of(st.bucket)
  return found ~= nil and self.expiry:keeps(record.ends(st.at, found.class.max_ttl), st.at)
end

-- One small step of giving room back; a line is alive where the index says that it lies.
function upkeep:compact()
  local ok, err = self.journal:compact_step(COMPACT_BYTES, function(line, place)
    local st = statement.parse(line)
    local entry = st and self.index:get(st.short)
    if entry then return entry.place == place end
    return st ~= nil and must_stay(self, st)
  end, function(line, place)
    local short = statement.parse(line).short
    if not self.index:place(short, place) then self.expiry:moved(place, #line) end
  end)
  if ok and err then self.syncing:request() end -- it waits for that
  if not ok then self.log:once("compact", "error", "dcache", "could not compact the journal", { why = err }) end
end

return upkeep
