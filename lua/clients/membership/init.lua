-- membership - the lab that this node is in: enrols it, says how it stands there, joins and leaves. Judges nobody.
local enrolment = require "clients.membership.enrolment"
local greeting = require "clients.membership.greeting"
local requests = require "clients.membership.requests"

local membership = { name = "membership" }
membership.__index = membership

-- Why roles are not acted on yet, where somebody asks about that refusal.
local function unsettled(node, thing)
  local yes, text, code = node.dcache.trust:settled()
  if yes or thing.code ~= code then return nil end
  return { { code = code, what = "roles of the lab are shown, and not acted on yet",
    seen = (text:gsub("^%l+: ", "")), cure = "Switch on another member of the lab, and let them hear each other." } }
end

--- The client, as lua/clients/init.lua has it.
function membership.open(handle)
  local self = setmetatable({ enrolment = enrolment.new(handle) }, membership)
  greeting.new(handle)
  requests(handle)
  handle:why(function(thing) return unsettled(handle.node, thing) end)
  return self
end

function membership:start() self.enrolment:start() end

--- The node may have another name by this policy.
function membership:apply() self.enrolment:check() end

--- The time is another one: what bears a wrong one is said anew.
function membership:say_again() self.enrolment:check() end

function membership:stop() self.enrolment:stop() end

return membership
