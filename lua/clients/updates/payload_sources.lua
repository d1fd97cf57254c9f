-- payload_sources.lua - who may be asked now for what an update needs: those who are there, by the rule of uplink.lua.
-- Asks nobody.
--
-- Its functions take fetching (fetching.lua) and ONE, a file that it wants, first.
local uplink = require "clients.updates.uplink"

local payload_sources = {}

-- Those of KNOWN (content's sources) who are there.
local function living(self, known)
  local list, peers = {}, self.node.comms.peers
  for _, source in ipairs(known) do
    local peer = peers.by_id[source.id]
    if peer and peers:living(peer) then list[#list + 1] = source end
  end
  return list
end

-- Living robots of this LAN, beside this one, that the plan names.
local function near_robots(self, one)
  local list, peers = {}, self.node.comms.peers
  for _, id in ipairs(one.named or {}) do
    local peer = id ~= self.id and peers.by_id[id]
    if peer and peers:living(peer) and self.content:near(id) then list[#list + 1] = id end
  end
  return list
end

-- Another one who is near may give what the others did not.
local function note_near(self, one, sources)
  local n = #uplink.near(sources)
  if n > (one.near_ones or 0) and one.moved then
    one.moved, one.begun = self.loop:now(), self.loop:now()
  end
  one.near_ones = n
end

--- KNOWN: content's sources. → those who may be asked now, all who are there. ONE has in `near` whether they are of
--- this LAN; where its turn has not come, in `place` and `left` (ms) why; in `slow` whether one who is near gave so
--- little that others are asked, too.
function payload_sources.choose(self, one, known)
  local sources = living(self, known)
  note_near(self, one, sources)
  local list, since, place, left = uplink.look { sources = sources, size = one.size, now = self.loop:now(),
    moved = one.moved, begun = one.begun, since = one.since,
    place = function() return uplink.place(one.cid, self.id, near_robots(self, one)) end }
  one.since, one.place, one.left = since, place, left
  one.near = list[1] ~= nil and #uplink.near(list) == #list
  one.slow = one.slow or one.near_ones > 0 and #list > one.near_ones or nil
  return list, sources
end

--- Why nobody may be asked, of SOURCES (all who are there) → text, word
function payload_sources.why_not(one, sources)
  if not sources[1] then return "nobody who has it is here now", "missing" end
  return ("%d of this LAN go first; if none of them brings it, it is asked for elsewhere in %d s"):format(one.place,
    (one.left + 999) // 1000), "turn"
end

return payload_sources
