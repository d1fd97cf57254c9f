-- view_choice.lua - whom the view (view.lua) dials next: of those who are heard of, and of the lost. Dials nobody.
local rank = require "rank"

local view_choice = {}

local OF_LAN <const> = 3 -- nodes of a LAN that dial the same one
local ANCHORS <const> = 3 -- of the lost, those met last: every other try is theirs
local TRIES_QUICK <const> = 6 -- dialled so often in vain, nobody is the next on the ring
local FRESH_MS <const> = 20 * 60 * 1000 -- since a word of his addresses came: as long as one holds

-- Is this one of the nodes of its LAN that dial node ID?
local function is_of_lan(self, id, near)
  return rank.is_among(OF_LAN, id, table.move(near, 1, #near, 2, { self.id }), self.id)
end

-- May only a few dial node ID, since nothing proves where he is (addresses.lua)? They are ranked for his host, not for
-- him: if they had to be ranked for him, too, there might be nobody who is both.
local function is_for_few(self, id)
  local row = self.addresses:of(id)[1]
  return row ~= nil and not row.proved and row.origin == "record"
end

-- IDs of the living in the networks of this node.
local function neighbours(self)
  local ids = {}
  for _, peer in ipairs(self.peers.list) do
    if self.peers:living(peer) and self.is_near(peer) then ids[#ids + 1] = peer.id end
  end
  return ids
end

local function is_nearer(self, place, than)
  local ahead, other_ahead = place > self.place, than > self.place
  if ahead ~= other_ahead then return ahead end
  return place < than
end

--- Sorts the members of the view SELF: → { linked = how many are, ready = who could be dialled now, lost = rows, next =
--- who is next on the ring of those who can be dialled }
function view_choice.sorted(self)
  local now, seen = self.loop:now(), { linked = 0, ready = {}, lost = {} }
  for _, id, one in self.members:each() do
    local peer = self.peers.by_id[id]
    local lives = peer ~= nil and self.peers:living(peer)
    local fresh = lives or now - one.heard < FRESH_MS
    local near = lives and not self:is_far(one.id)
    one.linked = self:is_linked(one.id)
    if near then
      one.turn = now -- at home: no link is wanted
    elseif one.linked then
      seen.linked = seen.linked + 1
    elseif not self.dialling[one.id] then
      local known = fresh and one.retry_at <= now
      if known then seen.ready[#seen.ready + 1] = one end
      if one.met and not lives then table.insert(seen.lost, { one = one, fresh = fresh }) end
    end
    local counts = not near and (one.linked or fresh and one.tries < TRIES_QUICK)
    if counts and (not seen.next or is_nearer(self, one.place, seen.next.place)) then seen.next = one end
  end
  return seen
end

--- Somebody who is heard of and can be dialled: the next one on the ring, else, where there are fewer links than
--- MOST, any.
function view_choice.fresh(self, seen, most)
  if not seen.ready[1] then return nil end
  local near, ready = neighbours(self), {}
  for _, one in ipairs(seen.ready) do
    if is_for_few(self, one.id) or is_of_lan(self, one.id, near) then
      if one == seen.next then return one end
      ready[#ready + 1] = one
    end
  end
  if seen.linked >= most or not ready[1] then return nil end
  return ready[self.random:integer(#ready) + 1]
end

local function has_waited_longer(one, than)
  if one.turn ~= than.turn then return one.turn < than.turn end
  return one.chance < than.chance
end

-- The one of LIST whose turn it is: who was tried the longest time ago.
local function longest(self, list, most)
  local first
  for i = 1, math.min(#list, most) do
    local one = list[i]
    one.chance = one.chance or self.random:integer(1 << 30)
    if not first or has_waited_longer(one, first) then first = one end
  end
  return first
end

--- Somebody who was met and is lost: all in turn, and every other time one of those who were met last. Whose record is
-- still there comes by others, so only where no link is left.
function view_choice.lost(self, seen)
  local list = {}
  for _, row in ipairs(seen.lost) do
    if not row.fresh or seen.linked == 0 then list[#list + 1] = row.one end
  end
  self.anchor = not self.anchor
  if not self.anchor or #list <= 2 * ANCHORS then return longest(self, list, #list) end
  table.sort(list, function(a, b)
    if a.met ~= b.met then return a.met > b.met end
    return a.id < b.id
  end)
  return longest(self, list, ANCHORS)
end

return view_choice
