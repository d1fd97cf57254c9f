-- names.lua - names of all nodes that are known here, and the labels made of them. Hears nothing itself.
local labels = require "clients.discovery.labels"
local sorted = require "sorted"

local names = {}
names.__index = names

local FRESH, PAUSE = 2000, 250 -- ms that labels once made are used again; where somebody came meanwhile

--- loop, peers (comms/peers.lua), seen (seen.lua), said (said.lua), id (this node's), own() → this node's name
--- given.is_away     fn(id) → is that node lost, or did it leave long ago?
--- given.granted_to  fn(id) → the name that a person signed for that key | nil
function names.new(given)
  local self = setmetatable({}, names)
  for _, name in ipairs { "loop", "peers", "seen", "said", "id", "own", "is_away", "granted_to" } do
    self[name] = given[name]
  end
  return self
end

-- Every node that is known: this one, those heard in this run, those of whom others told, those of earlier runs.
-- Strangers to the lab are left out: whatever they call themselves, its members keep their labels.
local function known(self)
  local list, by_id = {}, {}
  local function add(id, name)
    if not by_id[id] then
      list[#list + 1] = { id = id, name = name }
      by_id[id] = list[#list]
    end
    by_id[id].name = by_id[id].name or name
  end
  add(self.id, self.own())
  for _, peer in ipairs(self.peers.list) do
    if peer.id ~= self.id and self.peers:stands(peer.id) then add(peer.id, peer.name) end
  end
  for _, id, word in self.said:each() do
    if self.peers:stands(id) then add(id, word.name) end
  end
  for _, id in ipairs(sorted.keys(self.seen.rows)) do
    if self.peers:stands(id) then add(id, self.seen.rows[id].name) end
  end
  return list
end

-- Of those who share a name it matters who is here, and whose it is.
local function look_at(self, nodes)
  for _, node in ipairs(nodes[2] and nodes or {}) do
    node.away = node.id ~= self.id and self.is_away(node.id)
    node.granted = self.granted_to(node.id) == node.name
  end
end

local function make(self)
  local list, sharing = known(self), {}
  self.made, self.stale = self.loop:now(), false
  self.by_id, self.ids, self.ends, self.taken = {}, {}, {}, {}
  for i, node in ipairs(list) do
    local name = node.name
    self.by_id[node.id], self.ids[i], self.ends[node.id:sub(-4)] = name, node.id, true
    if name then
      self.taken[name], sharing[name] = self.taken[name] or {}, sharing[name] or {}
      table.insert(self.taken[name], node.id)
      table.insert(sharing[name], node)
    end
  end
  for _, nodes in pairs(sharing) do look_at(self, nodes) end -- any order: each by itself
  self.labels = labels.of(list)
end

-- A crowd of newcomers has them made anew a few times a second, not each time.
local function refresh(self)
  local now = self.loop:now()
  if not self.made or now - self.made >= (self.stale and PAUSE or FRESH) then make(self) end
end

--- Somebody new was heard, or has another name.
function names:changed() self.stale = true end

-- The name of a node that came after the labels were made.
local function newcomer(self, id)
  local peer, row = self.peers.by_id[id], self.seen.rows[id]
  return peer and peer.name or row and row.name or nil
end

--- The name of node ID, heard now or in an earlier run | nil.
function names:name(id)
  refresh(self)
  return self.by_id[id] or newcomer(self, id)
end

local NOBODY <const> = {}

--- The IDs of all nodes that are called NAME: an array that is not to be changed.
function names:bearers(name)
  refresh(self)
  return self.taken[name] or NOBODY
end

local function label(self, id, name)
  if self.labels[id] then return self.labels[id] end
  if name then return self.taken[name] and labels.with_key(name, id) or name end
  return self.ends[id:sub(-4)] and labels.nameless(id, self.ids) or labels.with_key(nil, id)
end

--- { id =, name = text or nil, label = what people read }.
function names:who(id)
  local name = self:name(id)
  return { id = id, name = name, label = label(self, id, name) }
end

return names
