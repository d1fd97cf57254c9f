-- doubts.lua - the classes whose records may have been lost here: shown, not acted on. Compares nothing itself.
--
-- STATE/unsure (lua/kept.lua, firm) has their names, so that no start lifts a doubt. If that file is lost itself, every
-- kept class is in doubt until a neighbour agrees.
local json = require "core.json"

local doubts = {}
doubts.__index = doubts

--   kept     a firm lua/kept.lua | nil: doubts end with the run
--   log
--   classes  array, as policy:classes() gives them
function doubts.new(given)
  local self = setmetatable({ kept = given.kept, log = given.log, classes = given.classes, unsure = {} }, doubts)
  for _, name in ipairs(self.kept and self.kept:read() or {}) do self.unsure[name] = true end
  if self.kept and self.kept.lost then self:add(nil) end
  return self
end

--- The names of the files of earlier versions, as OLD of kept.new_firm.
function doubts.old(text)
  if not text:find "^[%l ]*$" then return nil end
  local names = {}
  for name in text:gmatch "%l+" do names[#names + 1] = name end
  return json.array(names)
end

local function told(self)
  return function(ok, err)
    if not ok then self.log:once("doubts", "warn", "dcache", "doubts are not kept", { why = err }) end
  end
end

-- Before the node runs the disk is waited for.
local function keep(self)
  local names = {}
  for _, class in ipairs(self.classes) do
    if self.unsure[class.name] then names[#names + 1] = class.name end
  end
  if not self.kept then return end
  if self.running then return self.kept:put_beside(json.array(names), told(self)) end
  told(self)(self.kept:put(json.array(names)))
end

--- Kept classes of FAMILY (nil: of all) are in doubt.
function doubts:add(family)
  for _, class in ipairs(self.classes) do
    if class.kept and (not family or tostring(class.max_ttl) == family) then self.unsure[class.name] = true end
  end
  keep(self)
end

--- A neighbour holds the same of CLASS.
function doubts:lift(class)
  if not self.unsure[class] then return end
  self.unsure[class] = nil
  self.log:info("dcache", "a neighbour agrees", { class = class })
  keep(self)
end

--- From here on nobody waits for the disk.
function doubts:start() self.running = true end

return doubts
