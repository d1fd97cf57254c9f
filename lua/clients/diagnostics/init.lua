-- init.lua - diagnostics: how the body of this node is, for itself and for others. Measures and judges nothing itself.
local values = require "clients.diagnostics.values"

local diagnostics = { name = "diagnostics" }
diagnostics.__index = diagnostics

--- The client, as lua/clients/init.lua has it.
function diagnostics.open(handle)
  local self = setmetatable({ node = handle.node, loop = handle.loop }, diagnostics)
  self.values = values.new { loop = self.loop }
  return self
end

return diagnostics
