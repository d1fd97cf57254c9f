-- membership - the lab that this node is in: enrols it, says how it stands there, joins and leaves. Judges nobody.
local enrolment = require "clients.membership.enrolment"
local requests = require "clients.membership.requests"

local membership = { name = "membership" }
membership.__index = membership

--- The client, as lua/clients/init.lua has it.
function membership.open(handle)
  local self = setmetatable({ enrolment = enrolment.new(handle) }, membership)
  requests(handle)
  return self
end

function membership:start() self.enrolment:start() end

--- The node may have another name by this policy.
function membership:apply() self.enrolment:check() end

--- The time is another one: what bears a wrong one is said anew.
function membership:say_again() self.enrolment:check() end

function membership:stop() self.enrolment:stop() end

return membership
