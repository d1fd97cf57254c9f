-- reach.lua - how many living peers can be reached, and how many of them by one way only. Asks nobody, sends nothing.
--
-- A peer can be reached over each channel that is open, on which he speaks now, and by which our nonce came back with
-- his signature: a copy that somebody else plays there makes no way to him.
local reach = {}
reach.__index = reach

local FRESH <const> = 1000 -- ms that the count is used again

--- given.loop, given.peers (comms/peers.lua)
function reach.new(given) return setmetatable({ loop = given.loop, peers = given.peers }, reach) end

local function put(list, value)
  for _, other in ipairs(list) do
    if other == value then return end
  end
  list[#list + 1] = value
end

-- The channels, by name, and the entries of the policy by which PEER can be reached: each once.
local function ways_to(self, peer)
  local names, entries = {}, {}
  for _, flow in ipairs(self.peers:living(peer) and peer.flows or {}) do
    local channel = flow.source.channel
    if self.peers:speaks(peer, flow) and self.peers:proved(flow) then
      put(names, channel.name)
      put(entries, channel.entry or channel.name)
    end
  end
  return names, entries
end

local function count(self)
  local n, only = 0, {}
  for _, peer in ipairs(self.peers.list) do
    local names, entries = ways_to(self, peer)
    if names[1] then n = n + 1 end
    if #names == 1 then only[names[1]] = (only[names[1]] or 0) + 1 end
    local entry = #entries == 1 and entries[1] ~= names[1] and entries[1]
    if entry then only[entry] = (only[entry] or 0) + 1 end
  end
  return { n = n, only = only }
end

local function counted(self)
  local now = self.loop:now()
  if not self.last or now - self.at >= FRESH then self.last, self.at = count(self), now end
  return self.last
end

--- How many living peers can be reached now.
function reach:count() return counted(self).n end

--- How many of them by nothing else than WAY: the name of a channel, or an entry of the policy (entry.lua), to which
--- several channels may belong.
function reach:only(way) return counted(self).only[way] or 0 end

--- IDs of the living peers that can be reached over the channels of ENTRY, in order.
function reach:met(entry)
  local list = {}
  for _, peer in ipairs(self.peers.list) do
    local _, entries = ways_to(self, peer)
    for _, other in ipairs(entries) do
      if other == entry then list[#list + 1] = peer.id end
    end
  end
  return list
end

return reach
