-- alert.lua - asks the policy which changes are worth an alert: of this node's level, of others', and of who is lost
-- though he should be here. Tells nobody itself.
local slices = require "slices"

local alert = {}
alert.__index = alert

local RANK <const> = { ok = 1, warn = 2, error = 3 }
local AWAY <const> = { left = true, lost = true }

--- given.loop
--- given.rows     fn() → rows of all nodes, as discovery:nodes has them
--- given.missing  fn() → rows of the roster who are not here
--- given.failing  fn(id) → ID of the worst check that fails at that node, its reason | nil
--- given.policy   fn() → the policy in force
--- given.here     fn() → facts of this node
--- given.told     fn(change): it is worth an alert
--- given.now      fn() → Unix ms, or nil
function alert.new(given)
  local self = setmetatable({ known = {} }, alert)
  for _, name in ipairs { "loop", "rows", "missing", "failing", "policy", "here", "told", "now" } do
    self[name] = given[name]
  end
  self.jobs = slices.new(self.loop)
  return self
end

-- What matters of ROW: a level, or that he is lost. Of who is away the level says nothing.
local function state_of(row, is_missed)
  if row.status == "lost" then return is_missed and "lost" or nil end
  return not AWAY[row.status] and row.level or nil
end

-- The policy is asked of each change but that somebody is well for the first time. Who was told of once is told of
-- again only after he was well, or where it got worse.
local function is_news(known, state)
  if state == known.state or not state then return false end
  if state == "ok" then return known.state ~= nil end
  return not known.told or (RANK[state] or 4) > (RANK[known.told] or 4)
end

local function change_of(self, row, before, state)
  local check, reason = self.failing(row.id)
  return { check = check, reason = reason, level = state ~= "lost" and state or nil, before = before,
    self = row.self or false, lost = state == "lost", name = row.label, id = row.id, type = row.type, site = row.site,
    age = row.seen_ms and row.seen_ms // 1000 }
end

local function look_at(self, row, is_missed)
  local known = self.known[row.id] or {}
  local state = state_of(row, is_missed)
  self.known[row.id] = known
  if is_news(known, state) then
    local change = change_of(self, row, known.state, state)
    if self.policy():ask("clients.diagnostics.alert", change, self.here()) then
      known.told = state
      change.at = self.now()
      self.told(change)
    end
  end
  if state == "ok" then known.told = nil end
  if state then known.state = state end
end

local function look(self)
  local missed, seen = {}, {}
  for _, row in ipairs(self.missing()) do missed[row.id] = true end
  for _, row in ipairs(self.rows()) do
    seen[row.id] = true
    look_at(self, row, missed[row.id])
    slices.step(5)
  end
  for id in pairs(self.known) do -- any order: those who are no rows any more are forgotten
    if not seen[id] then self.known[id] = nil end
  end
end

--- Looks at all, in slices; one round at a time.
function alert:look()
  if self.give_up then return end
  self.give_up = self.jobs:start(function() look(self) end, function(ok, fault)
    self.give_up = nil
    if not ok then error(fault, 0) end
  end)
end

function alert:stop()
  if self.give_up then self.give_up() end
end

return alert
