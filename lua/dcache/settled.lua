-- settled.lua - may roles be acted on? Only once what is known of the lab was compared with others. Compares nothing.
--
-- A robot that slept through a revocation knows nothing of it, and shows the roles that it knows. It acts on them
-- (remote changes, releases) when since the start a living member at a proved address had the same `root` and `trust`,
-- or after ten minutes in which nobody had others.
local said = require "dcache.authority_said"

local settled = {}
settled.__index = settled

local WAIT <const> = 10 * 60 * 1000 -- ms without anybody who holds something else
local MINUTE <const> = 60 * 1000

--- given.loop, log
--- given.sure  fn(class) → is nothing of it lost on this disk?
--- given.root  accepted_root.lua
--- given.told  fn(event)
function settled.new(given)
  local self = setmetatable({ since = given.loop:now() }, settled)
  for _, name in ipairs { "loop", "log", "sure", "root", "told" } do self[name] = given[name] end
  return self
end

local function in_doubt(self)
  for _, class in ipairs(said.CLASSES) do
    if not self.sure(class) then return class end
  end
end

local function settle(self, why)
  if self.is_settled then return end
  self.is_settled = true
  self.log:info("dcache", "trust settled: roles are acted on", { why = why })
  self.told { event = "settled", why = why }
end

--- The living members at proved addresses: has one the same (EQUAL: his name), has one something else (OTHER)? To be
-- said each second while `waits`.
function settled:compared(equal, other)
  if other then self.since, self.other = self.loop:now(), other else self.other = nil end
  if self.root:is_lost() or in_doubt(self) then return end
  if equal then return settle(self, "compared with " .. equal) end
  if self.loop:now() - self.since >= WAIT then settle(self, "nobody holds anything else") end
end

--- Is it still to be compared?
function settled:waits() return not self.is_settled end

--- → true | nil, text, "permission"
function settled:state()
  local function no(text) return nil, "permission: " .. text, "permission" end
  if self.root:is_lost() then return no "STATE/root was damaged: no role acts here until lab join is said again" end
  if self.is_settled then return true end
  local class = in_doubt(self)
  if class then return no(("records of class %s may be lost here, and nobody agreed yet"):format(class)) end
  if self.other then return no(("trust differs from what %s holds: not compared to the end yet"):format(self.other)) end
  local left = math.max(0, WAIT - (self.loop:now() - self.since))
  return no(("trust not compared with anybody yet; at the latest in %d min"):format(math.max(1, -(-left // MINUTE))))
end

return settled
