-- init.lua - diagnostics: how the body of this node is, for itself and for others. Measures and judges nothing itself.
local checks = require "clients.diagnostics.checks"
local look = require "clients.diagnostics.look"
local measures = require "clients.diagnostics.measures"
local values = require "clients.diagnostics.values"

local diagnostics = { name = "diagnostics" }
diagnostics.__index = diagnostics

local function names_of(node)
  local names = {}
  for i, one in ipairs(node.net and node.net.interfaces() or {}) do names[i] = one.name end
  return names
end

local function make_look(self, node)
  return look.new { loop = self.loop, sensor = node.sensor, values = self.values, log = node.log,
    worker = function() return node.flusher(1) end,
    every = function() return math.tointeger(node.policy:get "clients.diagnostics.every" * 1000 // 1) end,
    places = function() return { share = node.share, state = node.state } end,
    interfaces = function() return names_of(node) end }
end

--- The client, as lua/clients/init.lua has it. Fields: values, measures, checks; look, where the node has sensors.
function diagnostics.open(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop }, diagnostics)
  self.values = values.new { loop = self.loop }
  self.measures = measures.new { loop = self.loop, values = self.values, node = node }
  self.checks = checks.new { loop = self.loop, policy = function() return node.policy end, here = node.here,
    measures = function() return self.measures:all() end }
  self.look = node.sensor and make_look(self, node)
  if self.look then self.look:on_look(function() self.checks:look() end) end
  return self
end

function diagnostics:start()
  if self.look then self.look:start() end
end

function diagnostics:stop()
  if self.look then self.look:stop() end
  self.checks:stop()
end

return diagnostics
