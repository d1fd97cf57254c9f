-- alert.lua - asks the policy which changes are worth an alert: of this node's level, of others', and of who is lost
-- though he should be here. Tells nobody itself.
--
-- Of whom something was told outlives this run (STATE/alerts): a start is no reason to tell it again. It is kept
-- lazily, soon after: where power goes within seconds it is told twice, rather than never.
local bounded = require "bounded"
local json = require "core.json"
local slices = require "slices"

local alert = {}
alert.__index = alert

local RANK <const> = { ok = 1, warn = 2, error = 3 }
local AWAY <const> = { left = true, lost = true }
local TOLD_MAX <const> = 1024 -- nodes of whom something was told, and who were not well since
local TROUBLE <const> = { warn = true, error = true, lost = true }
local ID_MAX <const> = 64 -- bytes

--- given.loop
--- given.rows     fn() → rows of all nodes, as discovery:nodes has them
--- given.missing  fn() → rows of the roster who are not here
--- given.failing  fn(id) → ID of the worst check that fails at that node, its reason | nil
--- given.policy   fn() → the policy in force
--- given.here     fn() → facts of this node
--- given.told     fn(change): it is worth an alert
--- given.now      fn() → Unix ms, or nil
--- given.kept     fn(name, data(), nil, what) → a lazy value (lua/kept.lua)
function alert.new(given)
  local self = setmetatable({ known = {}, was_told = bounded.new { limit = TOLD_MAX } }, alert)
  for _, name in ipairs { "loop", "rows", "missing", "failing", "policy", "here", "told", "now" } do
    self[name] = given[name]
  end
  self.jobs = slices.new(self.loop)
  self.kept = given.kept("alerts", function() return self:data() end, nil, "of whom was told: it may be told again")
  local data = self.kept:read()
  if data ~= nil and not self:load(data) then self.kept:reject() end
  return self
end

--- As it goes into STATE/alerts: rows [ID, what was told of that node last].
function alert:data()
  local rows = {}
  for i, id, state in self.was_told:each() do rows[i] = json.array { id, state } end
  return { told = json.array(rows) }
end

local function is_row(row)
  local id, state = table.unpack(json.is_array(row) and row or {})
  return type(id) == "string" and #id <= ID_MAX and TROUBLE[state] == true
end

--- Takes DATA of an earlier run, or whatever stands there → true | false: it has not that form, and none of it is taken
function alert:load(data)
  local rows = type(data) == "table" and data.told
  if not json.is_array(rows) then return false end
  for _, row in ipairs(rows) do
    if not is_row(row) then return false end
  end
  for _, row in ipairs(rows) do self.was_told:put(row[1], row[2]) end
  return true
end

-- STATE was told of node ID, nil: it is well again.
local function note(self, id, state)
  if self.was_told:get(id) == state then return end
  if state then self.was_told:put(id, state) else self.was_told:forget(id) end
  self.kept:soon()
end

-- What matters of ROW: a level, or that he is lost. Of who is away the level says nothing.
local function state_of(row, is_missed)
  if row.status == "lost" then return is_missed and "lost" or nil end
  return not AWAY[row.status] and row.level or nil
end

-- The policy is asked of each change but that somebody is well for the first time. Who was told of once is told of
-- again only after he was well, or where it got worse. BEFORE: his state; TOLD: what was told of him; STATE: now
local function is_news(before, told, state)
  if state == before or not state then return false end
  if state == "ok" then return before ~= nil end
  return not told or (RANK[state] or 4) > (RANK[told] or 4)
end

local function change_of(self, row, before, state)
  local check, reason = self.failing(row.id)
  return { check = check, reason = reason, level = state ~= "lost" and state or nil, before = before,
    self = row.self or false, lost = state == "lost", name = row.label, id = row.id, type = row.type, site = row.site,
    age = row.seen_ms and row.seen_ms // 1000 }
end

local function look_at(self, row, is_missed)
  local told, state = self.was_told:get(row.id), state_of(row, is_missed)
  local before = self.known[row.id] or told
  if is_news(before, told, state) then
    local change = change_of(self, row, before, state)
    if self.policy():ask("clients.diagnostics.alert", change, self.here()) then
      note(self, row.id, state ~= "ok" and state or nil)
      change.at = self.now()
      self.told(change)
    end
  end
  if state == "ok" then note(self, row.id, nil) end
  self.known[row.id] = state or before
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

function alert:start() self.kept:start() end

function alert:stop()
  if self.give_up then self.give_up() end
  self.kept:stop()
end

--- What is bounded here, as bounded.lua's rows.
function alert:bounds() return { self.was_told:row "alerts" } end

return alert
