-- changes.lua - what changed of who is here, told to the event ring while anybody reads it. Makes no rows itself.
--
-- A look is work in slices: a thousand rows in one turn would hold up all else that the node does.
local slices = require "slices"

local changes = {}
changes.__index = changes

local TOPIC <const> = "peers"
local EVERY <const> = 1000 -- ms between two looks
local PROBE <const> = 10 * 1000 -- ms between two times that silent near nodes are asked: somebody looks

changes.topic = TOPIC

-- loop, ring (lua/event_ring.lua), rows() → what is told of each node now (discovery:nodes), row(node) → the same as
-- JSON can hold it, probe(): asks those that are silent.
function changes.new(given)
  local self = setmetatable({}, changes)
  for _, name in ipairs { "loop", "ring", "rows", "row", "probe" } do self[name] = given[name] end
  self.jobs = slices.new(self.loop)
  return self
end

-- What is news of a node: ages always differ, and of files another topic tells.
local LOOKS <const> = { "name", "label", "type", "site", "version", "status", "state", "why", "near", "clock", "policy",
  "level", "battery", "note" }

local function look_of(node)
  local parts = {}
  for i, member in ipairs(LOOKS) do parts[i] = tostring(node[member]) end
  parts[#parts + 1] = tostring(node.via and node.via.address)
  return table.concat(parts, "\n")
end

-- The looks of all nodes by ID. TOLD(node) of each whose look is another one than BEFORE. Strangers to the lab are told
-- of once their address is proved: keys cost nothing to make, and a flood of them would hide what members do.
local function looks(self, before, told)
  local now = {}
  for _, node in ipairs(self.rows()) do
    if node.status ~= "stranger" or node.via and node.via.proved then
      now[node.id] = look_of(node)
      if before[node.id] ~= now[node.id] then told(node) end
    end
    slices.step(0.5)
  end
  return now
end

local function event_of(self, node) return { event = "peer", row = self.row(node) } end

local function compare(self)
  self.before = looks(self, self.before, function(node) self.ring:add(TOPIC, event_of(self, node)) end)
end

-- Looks, unless the last look still goes on.
local function look(self)
  if self.give_up then return end
  self.give_up = self.jobs:start(function() compare(self) end, function(ok, fault)
    self.give_up = nil
    if not ok then error(fault, 0) end
  end)
end

local function check(self)
  if not self.ring:is_read(TOPIC) then return self:stop() end
  look(self)
  if self.loop:now() - self.probed >= PROBE then
    self.probed = self.loop:now()
    self.probe()
  end
end

--- Somebody reads: what changes from here on is told, until nobody reads any more.
function changes:begin()
  if self.timer then return end
  local before = looks(self, {}, function() end) -- the loop may go on meanwhile
  if self.timer then return end
  self.before, self.probed = before, self.loop:now()
  self.timer = self.loop:every(EVERY, function() check(self) end)
end

--- All nodes as they are now, an event each.
function changes:all()
  local list = {}
  for i, node in ipairs(self.rows()) do list[i] = event_of(self, node) end
  return list
end

function changes:stop()
  if self.timer then self.timer:cancel() end
  if self.give_up then self.give_up() end
  self.timer, self.give_up = nil, nil
end

return changes
