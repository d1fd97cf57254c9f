-- greeting.lua - says once more, for newcomers, why this node is in its lab: they may have no link to ask for it. It
-- says what was said already, as it is, and makes no word.
--
-- A newcomer refuses all that we say until he knows that we stand in the lab, and where there are only datagrams no
-- repair tells him. His own word is said at his start, so we hear of him first: it is answered by ours, soon. A frame
-- may be lost, and of a crowd not all are let in at once, so a second time follows.
local greeting = {}
greeting.__index = greeting

local WITHIN <const> = 2000 -- ms
local REST <const>, ADMITTED <const> = 10 * 1000, 2000 -- ms, at least, between two times; where others came to stand
local LATER <const> = 2000 -- ms after which he knows that we stand, and takes what we announce
local GRANTS_MOST <const> = 4 -- that are said of the many that there may be

--- For the client's HANDLE.
function greeting.new(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop }, greeting)
  if not node.lab then return self end
  handle:on_newcomer(function(peer) -- keys cost nothing to make: strangers are not answered
    if node.comms.peers:stands(peer.id) then self:soon() end
  end)
  handle:on_standing(function(gained) if gained[1] then self:soon(true) end end)
  return self
end

-- Grants to this node's key that count, and its own enrolment.
local function say(self)
  local node, left = self.node, GRANTS_MOST
  for _, st in ipairs(node.dcache:of_handle("trust/grants", node.dcache:handle(node.id))) do
    if st.key == node.id and st.verb == "propose" and not node.dcache.trust:fault(st) and left > 0 then
      left = left - 1
      node.comms:say_again_everywhere(st.short)
    end
  end
  local own = node.dcache:statement_of("trust/enrolled", node.id, node.id)
  if own and own.verb == "propose" then node.comms:say_again_everywhere(own.short) end
end

--- Says it within 2 s, but 10 s after the last time at the earliest; ADMITTED: 2 s after it, and 10 s later once more.
function greeting:soon(admitted)
  if not self.node.dcache.trust:stands(self.node.id) then return end
  self.twice = self.twice or admitted
  local now = self.loop:now()
  local first = self.said_at and self.said_at + (admitted and ADMITTED or REST) or now
  local due = math.max(now, first) + self.node.random:integer(WITHIN)
  if self.due and self.due <= due then return end
  if self.waiting then self.waiting:cancel() end
  self.due = due
  self.waiting = self.loop:after(due - now, function()
    local again = self.twice
    self.waiting, self.due, self.twice, self.said_at = nil, nil, nil, self.loop:now()
    say(self)
    self.loop:after(LATER, function() -- what we said of our checkpoint he has refused
      if self.node.checkpoint then self.node.checkpoint:tell() end
    end)
    if again then self:soon() end
  end)
end

return greeting
