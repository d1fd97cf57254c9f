-- overdue.lua - words of nodes elsewhere that were to come again by now: frames are lost on a medium, and nobody there
-- misses them. What they said last is said once more, so that who has a newer word says that (comms/newer.lua); if
-- nobody has, they are silent. Answers nobody.
local overdue = {}
overdue.__index = overdue

local LOOK_MS <const> = 30 * 1000
-- ms before a word is over: it lives 20 min, and from elsewhere a newer one comes each 15
local LEFT <const> = 270 * 1000
local TIMES <const>, APART <const> = 4, 55 * 1000 -- that are asked for one word; ms between two of these
local AT_ONCE <const> = 16 -- words a look: a site that is cut off is asked for by all others

--- given.loop, comms, dcache
--- given.said  said.lua
function overdue.new(given)
  return setmetatable({ loop = given.loop, comms = given.comms, dcache = given.dcache, said = given.said }, overdue)
end

-- Is node ID heard here itself?
local function is_here(self, id)
  local peers = self.comms.peers
  local peer = peers.by_id[id]
  return peer ~= nil and peers:living(peer) and not peers:is_elsewhere(peer)
end

local function is_near_medium(facts) return facts.medium and facts.near end

local function ask(self, id)
  local held = self.dcache:statement_of("peer", id, id)
  if held then self.comms:say_again_everywhere(held.short, false, is_near_medium, 1) end
end

-- Is WORD one to be asked for, now, that is over in LEFT_MS?
local function is_due(word, left_ms, now)
  if left_ms > LEFT or word.facts.state == "left" then return false end
  return (word.asked or 0) < TIMES and now - (word.asked_at or -APART) >= APART
end

-- Looks what is overdue, and again as long as there are words from elsewhere.
local function look(self)
  local now, n, any = self.loop:now(), 0, false
  for _, id, word in self.said:each() do
    local left = word.valid_till - now
    local far = left > 0 and not is_here(self, id)
    any = any or far
    if far and n < AT_ONCE and is_due(word, left, now) then
      n, word.asked, word.asked_at = n + 1, (word.asked or 0) + 1, now
      ask(self, word.id)
    end
  end
  if any then self:heard() end
end

--- A word was heard, perhaps of a node elsewhere.
function overdue:heard()
  if self.timer or self.stopped then return end
  self.timer = self.loop:after(LOOK_MS, function()
    self.timer = nil
    look(self)
  end)
end

function overdue:stop()
  self.stopped = true
  if self.timer then self.timer:cancel() end
end

return overdue
