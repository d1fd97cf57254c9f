-- accepted_root.lua - the highest root that this node ever acted on, for each lab that it was in: STATE/root. It judges
-- no root.
--
-- The file (lua/kept.lua, firm) is {"LAB":{"keys":[…],"need":k,"number":N},…}. Who could take it away could show this
-- node an older root, whose keys were stolen since. So after damage no role acts, over restarts too, until a person
-- says `lab join` again: `forgive`. Root 1 stands in the lab file, and is written down nowhere.
local json = require "core.json"

local accepted_root = {}
accepted_root.__index = accepted_root

--- given.kept     a firm lua/kept.lua of STATE/root, or nil: nothing outlives the run
--- given.lab      LAB, as dcache/lab.lua has it
--- given.log
--- given.backoff  lua/backoff.lua: how long a disk that took no root is left alone
function accepted_root.new(given)
  local self = setmetatable({ labs = {} }, accepted_root)
  for _, name in ipairs { "kept", "lab", "log", "backoff" } do self[name] = given[name] end
  self.labs = self.kept and self.kept:read() or {}
  self.root = self.labs[self.lab]
  return self
end

--- → { keys, need, number } | nil: none above root 1 yet.
function accepted_root:get() return self.root end

--- Was there a root that is not known any more?
function accepted_root:is_lost() return self.kept ~= nil and self.kept.lost ~= nil end

-- Is ROOT higher than what is written down? Nothing is written over a loss: that would hide it from the next start.
local function is_news(self, root)
  return root.number > (self.root and self.root.number or 1) and not self:is_lost()
end

local function with(self, root)
  local labs = {}
  for lab, known in pairs(self.labs) do labs[lab] = known end -- any order
  labs[self.lab] = root and { keys = json.array { table.unpack(root.keys) }, need = root.need, number = root.number }
  return labs
end

local function note(self, labs, root, ok, err)
  if ok then
    self.labs, self.root = labs, root
    self.backoff:reset()
  else
    self.log:once("root", "error", "dcache", "a new root is not acted on: the disk does not keep it", { why = err })
  end
  return ok
end

--- ROOT is on the disk when this returns → true; false: the disk takes nothing, and it must not be acted on. For the
-- time before the loop runs.
function accepted_root:keep_first(root)
  if not is_news(self, root) then return true end
  local labs = with(self, root)
  return note(self, labs, root, not self.kept or self.kept:put(labs)) == true
end

--- The same beside the loop: DONE(true), or DONE(false, ms until it should be tried again).
function accepted_root:keep(root, done)
  if not is_news(self, root) then return done(true) end
  local labs = with(self, root)
  if not self.kept then return done(note(self, labs, root, true)) end
  self.kept:put_beside(labs, function(ok, err)
    if note(self, labs, root, ok == true, err) then return done(true) end
    done(false, self.backoff:next())
  end)
end

--- `lab join` was said again: what is known by now counts, the loss is forgotten. TOLD(true) once it is on the disk, or
-- TOLD(nil, text, code). ROOT: the one in force.
function accepted_root:forgive(root, told)
  if not self:is_lost() then return told(true) end
  local labs = with(self, root.number > 1 and root or nil)
  self.kept:put_beside(labs, function(ok, err, code)
    if ok then self.labs, self.root = labs, labs[self.lab] end
    told(ok, err, code)
  end)
end

return accepted_root
