-- names.lua - names of all nodes that are known here, and the labels made of them. Hears nothing itself.
local labels = require "clients.discovery.labels"
local sorted = require "sorted"

local names = {}
names.__index = names

local FRESH = 1000 -- ms that labels once made are used again

-- loop, peers (comms/peers.lua), seen (seen.lua), id (this node's), own() → this node's name.
function names.new(given)
  return setmetatable({ loop = given.loop, peers = given.peers, seen = given.seen, id = given.id, own = given.own },
    names)
end

-- Every node that is known: this one, those heard in this run, those of earlier ones.
local function known(self)
  local list, by_id = { { id = self.id, name = self.own() } }, {}
  for _, peer in ipairs(self.peers.list) do
    if peer.id ~= self.id then list[#list + 1] = { id = peer.id, name = peer.name } end
  end
  for i, node in ipairs(list) do by_id[node.id] = i end
  for _, id in ipairs(sorted.keys(self.seen.rows)) do
    local i = by_id[id]
    if not i then
      list[#list + 1] = { id = id, name = self.seen.rows[id].name }
    elseif not list[i].name then
      list[i].name = self.seen.rows[id].name
    end
  end
  return list
end

local function look(self)
  local now = self.loop:now()
  if self.made and now - self.made < FRESH and now >= self.made then return end
  local list = known(self)
  self.made, self.labels, self.by_id, self.ids = now, labels.of(list), {}, {}
  for i, node in ipairs(list) do self.by_id[node.id], self.ids[i] = node.name, node.id end
end

--- Somebody new was heard, or has another name.
function names:changed() self.made = nil end

--- The name of node ID, heard now or in an earlier run | nil.
function names:name(id)
  look(self)
  return self.by_id[id]
end

--- { id =, name = text or nil, label = what people read }.
function names:who(id)
  look(self)
  return { id = id, name = self.by_id[id], label = self.labels[id] or labels.nameless(id, self.ids) }
end

return names
