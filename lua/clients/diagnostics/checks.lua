-- checks.lua - what the checks of the policy say of this node, after each look. Measures nothing, tells nobody.
local causes = require "clients.diagnostics.causes"
local levels = require "clients.diagnostics.levels"
local listeners = require "listeners"
local slices = require "slices"

local checks = {}
checks.__index = checks

local EACH <const> = 50 -- units of work (slices.lua), a turn: a check of the policy may take as long as a turn may

--- given.loop
--- given.policy    fn() → the policy in force (policy/init.lua)
--- given.here      fn() → facts of this node
--- given.measures  fn() → what is known, by the names of metrics
--- given.blind     fn() → could no file of the sensors be read?
function checks.new(given)
  local self = setmetatable({ by_id = {}, changed = listeners.new(), looked = listeners.new() }, checks)
  for _, name in ipairs { "loop", "policy", "here", "measures", "blind" } do self[name] = given[name] end
  self.jobs = slices.new(self.loop)
  return self
end

--- FN(change) when another level of a check is told: { check = ID, level, before, reason }; a level is "ok", "warn",
--- "error" or nil, unknown. → a function that takes it off again.
function checks:on_change(fn) return self.changed:add(fn) end

--- FN() after all checks were asked once more.
function checks:on_look(fn) return self.looked:add(fn) end

-- Those that the policy has no more are forgotten.
local function keep_only(self, rows)
  local by_id = {}
  for _, row in ipairs(rows) do by_id[row.id] = self.by_id[row.id] or levels.new(self.loop:now()) end
  self.by_id = by_id
end

-- → changes, in the order of the checks. A node that could read no file of its sensors knows nothing of its body: that
-- a port is free does not make it well, so what is not wrong is unknown then.
local function ask_all(self)
  local policy, measures, here, list = self.policy(), self.measures(), self.here(), {}
  local is_blind = self.blind()
  local rows = policy:get "clients.diagnostics.checks"
  keep_only(self, rows)
  for _, row in ipairs(rows) do
    local level, reason = policy:ask("clients.diagnostics.check", row, measures, here)
    if level == "ok" then reason = nil end -- evidence is of what is wrong
    if level == "ok" and is_blind then level = nil end
    local one = self.by_id[row.id]
    local is_other, before = levels.look(one, level or nil, reason, row.hold, self.loop:now())
    if is_other then list[#list + 1] = { check = row.id, level = one.level, before = before, reason = one.reason } end
    slices.step(EACH)
  end
  return list
end

--- Asks all, in slices; one round at a time.
function checks:look()
  if self.give_up then return end
  local changes
  self.give_up = self.jobs:start(function() changes = ask_all(self) end, function(ok, fault)
    self.give_up = nil
    if not ok then error(fault, 0) end
    self.level_now = checks.level_of(self:counts()) -- it is asked for often
    for _, change in ipairs(changes) do self.changed:call(change) end
    self.looked:call()
  end)
end

local FAILS <const> = { warn = true, error = true }

-- By ID the check that it stands under.
local function above(self, rows)
  local failing = {}
  for id, one in pairs(self.by_id) do failing[id] = FAILS[one.level] end -- any order: a set
  return causes.of(rows, failing)
end

--- All that the policy has, in its order: { id, level (nil: unknown), reason, summary, cause, cure, since_ms, flapping,
--- under = ID of the failing check that it stands under | nil }.
function checks:rows()
  local rows, list, now = self.policy():get "clients.diagnostics.checks", {}, self.loop:now()
  local under = above(self, rows)
  for i, row in ipairs(rows) do
    local one = self.by_id[row.id] or levels.new(now)
    list[i] = { id = row.id, level = one.level, reason = one.reason, summary = row.summary, cause = row.cause,
      cure = row.cure, since_ms = now - one.since, flapping = one.flapping, under = under[row.id] and under[row.id].id }
  end
  return list
end

--- How many of ROWS (as above) are { ok =, warn =, error =, unknown = }; who stands under another is not counted.
function checks.counts_of(rows)
  local counts = { ok = 0, warn = 0, error = 0, unknown = 0 }
  for _, row in ipairs(rows) do
    local word = row.level or "unknown"
    if not row.under then counts[word] = counts[word] + 1 end
  end
  return counts
end

--- The same of all that the policy has.
function checks:counts() return checks.counts_of(self:rows()) end

--- The level of a node whose checks are COUNTS: "ok", "warn", "error" | nil: nobody knows.
function checks.level_of(counts)
  if counts.error > 0 then return "error" end
  if counts.warn > 0 then return "warn" end
  return counts.ok > 0 and "ok" or nil
end

--- This node's, as the last look had it.
function checks:level() return self.level_now end

function checks:stop()
  if self.give_up then self.give_up() end
end

return checks
