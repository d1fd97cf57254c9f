-- pausing.lua - does bulk work rest now? Asks the policy each second, and has the gateway give nothing meanwhile. Moves
-- no byte itself.
local to_json = require "clients.control.to_json"

local pausing = { name = "pausing", needs = { "content" } }
pausing.__index = pausing

local HOOK <const>, EACH <const> = "clients.logs.pause", 1000 -- ms between two questions

local function tell(self, gateway)
  if gateway then gateway:pause(self.why ~= nil) end
end

--- Asks now.
function pausing:look()
  local yes, why = self.policy:ask(HOOK, self.here())
  why = yes and (why or "the policy says so") or nil
  if why == self.why then return end
  self.why = why
  self.log:info("logs", why and "paused" or "goes on", { why = why })
  tell(self, self.gateway())
end

--- given.loop, log, policy (lua/policy), here() → facts, gateway() → core.gateway's | nil
--- Field: why = the policy's reason | nil: nothing rests.
function pausing.new(given)
  local self = setmetatable({}, pausing)
  for _, name in ipairs { "loop", "log", "policy", "here", "gateway" } do self[name] = given[name] end
  return self
end

--- The client, as lua/clients/init.lua has it. While it runs node.paused() → reason | nil.
function pausing.open(handle)
  local node = handle.node
  local self = pausing.new { loop = handle.loop, log = node.log, policy = node.policy, here = node.here,
    gateway = function() return node.gateway end }
  handle:provide("paused", function() return self.why end)
  node.content:use_pause(function() return self.why end)
  handle:keep(function() node.content:use_pause(nil) end)
  handle:extend("status", function(answer) answer.paused = self.why and to_json.text(self.why) end)
  handle:on_open(function(gateway) tell(self, gateway) end)
  return self
end

function pausing:start()
  self:look()
  self.loop:every(EACH, function() self:look() end)
end

function pausing:apply() self:look() end

return pausing
