-- class_compared.lua - does this robot know of updates what others know? It begins none before it compared with a
-- neighbour, so that a card restored from an old image hears first what became of its turn. Repairs nothing.
local reasons = require "dcache.content.reasons"
local span = require "span"

local class_compared = {}
class_compared.__index = class_compared

local LOOK <const> = 1000 -- ms
local WAIT <const> = 10 * 60 * 1000 -- ms without anybody who holds something else

--- given.loop, dcache, peers (comms/peers.lua), beacon
function class_compared.new(given)
  local self = setmetatable({ since = given.loop:now() }, class_compared)
  for _, name in ipairs { "loop", "dcache", "peers", "beacon" } do self[name] = given[name] end
  self.class = self.dcache:class_of("updates/status").class.name
  return self
end

-- Of the living at proved addresses one who holds the same, and one who holds something else: names | nil.
local function found(self)
  local by_verdict = {}
  for _, peer in ipairs(self.peers.list) do
    if self.peers:stands(peer.id) and self.peers:living(peer) and self.peers:best(peer) and peer.t then
      self.beacon:judge(peer)
      local verdict = peer.verdicts[self.class]
      if verdict then by_verdict[verdict] = by_verdict[verdict] or reasons.who(peer) end
    end
  end
  return by_verdict.equal, by_verdict.unequal
end

local function look(self)
  local equal, other = found(self)
  self.other = other
  if other then self.since = self.loop:now() end
  if not self.dcache:sure(self.class) then return end
  if equal or self.loop:now() - self.since >= WAIT then
    self.settled = true
    self:stop()
  end
end

--- → true | nil, why it is still to be compared
function class_compared:state()
  if self.settled then return true end
  if not self.dcache:sure(self.class) then return nil, "records of updates may be lost here, and nobody agreed yet" end
  if self.other then
    return nil, ("%s holds other records of updates: not compared to the end yet"):format(self.other)
  end
  local left = math.max(0, WAIT - (self.loop:now() - self.since))
  return nil, ("records of updates not compared with anybody yet; at the latest in %s"):format(span.of(left))
end

function class_compared:start()
  self.timer = self.loop:every(LOOK, function() look(self) end)
end

function class_compared:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return class_compared
