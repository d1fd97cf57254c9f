-- measures.lua - all that checks may ask of (the facts of kind `metrics`): values of sensors, what this node sees of
-- itself at each look, and what the doctor's probes found lately. Probes nothing.
local board = require "core.board"
local machine = require "clients.doctor.machine"
local network = require "clients.doctor.network"

local measures = {}
measures.__index = measures

local KEPT <const> = 10 * 60 * 1000 -- ms that what a probe found is believed

--- given.loop
--- given.values  values.lua
--- given.node    lua/node.lua's
function measures.new(given)
  return setmetatable({ loop = given.loop, values = given.values, node = given.node, found = {} }, measures)
end

local function add(all, more)
  for name, value in pairs(more) do all[name] = value end -- any order
end

--- The doctor's probes FOUND this (text: a fault; false: none), by name.
function measures:keep(found)
  self.found, self.kept_at = found, self.loop:now()
end

--- By name: a number or a text; false: looked for and not so; nil: unknown.
function measures:all()
  local node, all = self.node, self.values:measures()
  if self.kept_at and self.loop:now() - self.kept_at < KEPT then add(all, self.found) end
  if node.net then add(all, network.look(node.net)) end
  add(all, machine.look(node))
  add(all, machine.disk(node, board))
  return all
end

return measures
