-- compared.lua - do members hold the same statements about who counts? Tells trust.lua, until roles are acted on.
-- Repairs nothing, and compares by the beacons that are heard anyway.
local reasons = require "dcache.content.reasons"
local trust = require "dcache.trust"

local compared = {}
compared.__index = compared

local LOOK <const> = 1000 -- ms

--- given.loop, dcache, peers, beacon
function compared.new(given)
  local self = setmetatable({}, compared)
  for _, name in ipairs { "loop", "dcache", "peers", "beacon" } do self[name] = given[name] end
  return self
end

-- What PEER's last beacon shows of both classes: "equal", "unequal" (one of them is), or nil: it does not tell.
local function verdict_of(self, peer)
  self.beacon:judge(peer)
  local equal = 0
  for _, class in ipairs(trust.CLASS_NAMES) do
    local verdict = peer.verdicts[class]
    if verdict == "unequal" then return "unequal" end
    equal = equal + (verdict == "equal" and 1 or 0)
  end
  return equal == #trust.CLASS_NAMES and "equal" or nil
end

local function look(self)
  local found = {}
  for _, peer in ipairs(self.peers.list) do
    if self.peers:stands(peer.id) and self.peers:living(peer) and self.peers:best(peer) and peer.t then
      local verdict = verdict_of(self, peer)
      if verdict then found[verdict] = found[verdict] or reasons.who(peer) end
    end
  end
  self.dcache.trust:compared(found.equal, found.unequal)
  if not self.dcache.trust:waits() then self:stop() end
end

function compared:start()
  if self.dcache.trust:waits() then self.timer = self.loop:every(LOOK, function() look(self) end) end
end

function compared:stop()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

return compared
