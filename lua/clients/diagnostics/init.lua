-- init.lua - diagnostics: how the body of this node is, for itself and for others. Measures and judges nothing itself.
local look = require "clients.diagnostics.look"
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

--- The client, as lua/clients/init.lua has it. Fields: values; look, where the node has sensors.
function diagnostics.open(handle)
  local node = handle.node
  local self = setmetatable({ node = node, loop = handle.loop }, diagnostics)
  self.values = values.new { loop = self.loop }
  self.look = node.sensor and make_look(self, node)
  return self
end

function diagnostics:start()
  if self.look then self.look:start() end
end

function diagnostics:stop()
  if self.look then self.look:stop() end
end

return diagnostics
