-- clones.lua - keys that two machines speak with, such as those of a copied SD card. Says nothing, shuts nobody out.
--
-- A node draws a new BOOT at each start (lua/state.lua). Anybody can replay old beacons and statements, a robot
-- restarts, an old image of its disk is put back: each shows another BOOT, and none is a clone. So only what no replay
-- can give counts:
--   of another's key  answers to fresh nonces with one BOOT, then another, then the first again, within ten minutes
--   of our own key    an answer to a fresh nonce with a BOOT that is not ours; or a `peer` statement with another BOOT
--                     that was renewed since it was first heard here
local json = require "core.json"
local listeners = require "listeners"

local clones = {}
clones.__index = clones

local LASTS <const> = 10 * 60 * 1000 -- ms since the last evidence; within these the three answers come, too
local ASKED_EACH <const> = 10 * 1000 -- ms between two times that one key is asked since a statement shows another BOOT
local PLACES <const> = 4 -- of one key that are remembered

--- given.loop, id (this node's), boot (this node's), time (lua/time.lua), peers (peers.lua), proof (proof.lua)
function clones.new(given)
  local self = setmetatable({ news = listeners.new(), own_key = { places = {} }, timers = {} }, clones)
  for _, name in ipairs { "loop", "id", "boot", "time", "peers", "proof" } do self[name] = given[name] end
  return self
end

--- fn(id) from here on, when that key is found to be used twice, or not to be any more. → a function that ends it
function clones:on_change(fn) return self.news:add(fn) end

-- What is known of the key ID: of another's it goes with the peer, of whom there is a limited number | nil
local function known(self, id)
  if id == self.id then return self.own_key end
  local peer = self.peers.by_id[id]
  return peer and peer.key_use
end

local function is_of_link(place) return place.host ~= nil and place.host:find("%", 1, true) ~= nil end

-- Whoever says BOOT answered over FLOW. Of each BOOT one address is remembered, the newest first; one that counts on a
-- single link is of less use to people.
local function put_place(key, boot, flow)
  local place = { boot = boot, address = flow.source.address, host = flow.source.host }
  for i, other in ipairs(key.places) do
    if other.boot == boot then
      if is_of_link(place) then place = other end
      table.remove(key.places, i)
      break
    end
  end
  table.insert(key.places, 1, place)
  key.places[PLACES + 1] = nil
end

-- ID is used twice: the evidence is of now. Of each key one timer tells when it has become old.
local function found(self, id, key)
  local is_news = not key.found
  key.found = self.loop:now()
  if self.timers[id] then self.timers[id]:cancel() end
  self.timers[id] = self.loop:after(LASTS, function()
    key.found, key.places, self.timers[id] = nil, {}, nil
    self.news:call(id)
  end)
  if is_news then self.news:call(id) end
end

-- == keys of others

--- PEER signed a fresh nonce, sent at SENT (ms), that came back over FLOW, and said that BOOT.
function clones:answered(peer, boot, flow, sent)
  peer.key_use = peer.key_use or { places = {} }
  local key, now = peer.key_use, self.loop:now()
  local last = key.last
  if last and last.boot ~= boot and sent < last.at then return end -- asked before the start that we know of
  put_place(key, boot, flow)
  if not last or last.boot == boot then
    key.last = { boot = boot, at = now, flow = flow }
    return
  end
  local before = key.before
  key.before, key.last = last, { boot = boot, at = now, flow = flow }
  if before and before.boot == boot and now - before.at <= LASTS then return found(self, peer.id, key) end
  self.proof:check(peer, last.flow) -- does who answered there before still do?
end

-- PEER shows a BOOT that is not that of his last answer.
local function is_other(self, id, boot)
  local key = known(self, id)
  return key ~= nil and key.last ~= nil and key.last.boot ~= boot
end

--- A beacon of PEER with that BOOT came over FLOW.
function clones:beacon(peer, boot, flow)
  if is_other(self, peer.id, boot) and self.peers:proved(flow) then self.proof:check(peer, flow) end
end

local function boot_of(st)
  local data = st.verb == "propose" and json.decode(st.data)
  return type(data) == "table" and math.type(data.boot) == "integer" and data.boot or nil
end

--- A newer `peer` statement of somebody else was taken in: ST.
function clones:statement(st)
  local peer, boot = self.peers.by_id[st.signer], boot_of(st)
  if not peer or not boot or not is_other(self, peer.id, boot) then return end
  local key, now = peer.key_use, self.loop:now()
  if key.asked and now - key.asked < ASKED_EACH then return end
  key.asked = now
  local flow = self.peers:best(peer)
  if flow then self.proof:check(peer, flow) end
end

-- == our own key

--- A beacon that is signed with our key, but not ours, came over SOURCE: does he who speaks there have the key?
function clones:own_beacon(source)
  self.proof:ask({ id = self.id }, { source = source }, true)
end

--- Our own key signed a fresh nonce that came back over FLOW, and said that BOOT.
function clones:own_answer(boot, flow)
  if boot == self.boot then return end
  put_place(self.own_key, boot, flow)
  found(self, self.id, self.own_key)
end

--- A newer `peer` statement of our own key, which is not ours, was taken in: ST. Those of our earlier runs come back,
--- too; but none of them is stamped later than the first of them was heard here.
function clones:own_statement(st)
  local boot, now, key = boot_of(st), self.time:proved_now(), self.own_key
  if not boot or boot == self.boot or not now then return end
  local first = key.heard
  if not first or first.boot ~= boot then
    key.heard = { boot = boot, now = now }
  elseif st.at > first.now then
    found(self, self.id, key)
  end
end

-- == who asks

--- Where those were met who use the key ID, one { address =, host = } each, the newest first, where two do | nil
function clones:of(id)
  local key = known(self, id)
  return key and key.found and table.move(key.places, 1, #key.places, 1, {}) or nil
end

--- Does another machine speak with the key of this node?
function clones:own() return self:of(self.id) ~= nil end

function clones:stop()
  for _, timer in pairs(self.timers) do timer:cancel() end -- any order
  self.timers = {}
end

return clones
