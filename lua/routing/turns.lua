-- turns.lua - a line that many hear, to be passed on by whoever can: who of them does it, and when. Passes none on.
--
-- All compute the same order, another one for each line. The first one speaks at once, each other a bit later, unless
-- the answer was heard meanwhile. Those who have no way there are silent.
local rank = require "rank"

local turns = {}
turns.__index = turns

local EACH_MS <const>, MOST_MS <const> = 150, 2000
local WAITING_MAX <const> = 64 -- lines; a further one is left to the others

--- given.loop, given.id (this node's), given.peers (comms/peers.lua)
function turns.new(given)
  return setmetatable({ loop = given.loop, id = given.id, peers = given.peers, waiting = {} }, turns)
end

local function is_there(self, peer, channel)
  if not self.peers:living(peer) then return false end
  for _, flow in ipairs(peer.flows) do
    if flow.source.channel == channel and self.peers:speaks(peer, flow) then return true end
  end
  return false
end

-- Our place among those who hear CHANNEL, for the line DIGEST of the node SENDER; the first is 0.
local function place_of(self, channel, digest, sender)
  local ids = { self.id }
  for _, peer in ipairs(self.peers.list) do
    if peer.id ~= sender and peer.id ~= self.id and is_there(self, peer, channel) then ids[#ids + 1] = peer.id end
  end
  for i, id in ipairs(rank.of(digest, ids)) do
    if id == self.id then return i - 1 end
  end
end

local function forget(self, turn)
  for i, each in ipairs(self.waiting) do
    if each == turn then return table.remove(self.waiting, i) end
  end
end

local function is_waiting(self, digest)
  for _, turn in ipairs(self.waiting) do
    if turn.digest == digest then return true end
  end
  return false
end

--- MESSAGE came over SOURCE, and has that DIGEST (text without spaces): FN() is called when it is our turn.
function turns:wait(source, message, digest, fn)
  local sender = self.peers:prover(source)
  local place = place_of(self, source.channel, digest, sender and sender.id)
  if place == 0 then return fn() end
  if #self.waiting >= WAITING_MAX or is_waiting(self, digest) then return end
  local turn = { digest = digest, from = message.from }
  self.waiting[#self.waiting + 1] = turn
  turn.timer = self.loop:after(math.min(MOST_MS, place * EACH_MS), function()
    forget(self, turn)
    fn()
  end)
end

--- What is for TO, another node's, was heard: if it answers a line that waits here, somebody has passed that on. Of
--- several lines of one FROM that is the one which waits longest.
function turns:answered(to)
  for _, turn in ipairs(self.waiting) do
    if turn.from == to then
      turn.timer:cancel()
      return forget(self, turn)
    end
  end
end

return turns
