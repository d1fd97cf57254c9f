-- findings.lua - what the checks of the policy say of what was found: causes first, what follows from each under it.
-- Asks the policy only.
local causes = require "clients.diagnostics.causes"
local slices = require "slices"

local findings = {}

local EACH <const> = 50 -- units of work (slices.lua), a turn: a check of the policy may take as long as a turn may

-- What each check says: levels by ID, and evidence.
local function ask_all(policy, checks, metrics, here)
  local levels, seen = {}, {}
  for _, row in ipairs(checks) do
    local level, reason = policy:ask("clients.diagnostics.check", row, metrics, here)
    levels[row.id], seen[row.id] = level or nil, reason
    slices.step(EACH)
  end
  return levels, seen
end

local function put_with_followers(list, row, followers, make)
  list[#list + 1] = make(row)
  for _, other in ipairs(followers[row.id] or {}) do list[#list + 1] = make(other, row.id) end
end

--- POLICY (policy/init.lua), METRICS (the facts of kind `metrics`), HERE (facts of this node), WHY (why a metric is not
--- known: text by name). To be called in slices where the loop runs.
--- → found: rows { code, what, seen, cure, level, under = the code of its cause or nil }; unknown: rows { code, what,
--- seen = why, cure = nil }; how many checks were asked
function findings.of(policy, metrics, here, why)
  local checks, followers = policy:get "clients.diagnostics.checks", {}
  local levels, seen = ask_all(policy, checks, metrics, here)
  local failing, tops, unknown = {}, {}, {}
  for _, row in ipairs(checks) do failing[row.id] = levels[row.id] == "warn" or levels[row.id] == "error" or nil end
  local above = causes.of(checks, failing)
  for _, row in ipairs(checks) do
    local cause = above[row.id]
    if failing[row.id] and cause then
      followers[cause.id] = followers[cause.id] or {}
      table.insert(followers[cause.id], row)
    elseif failing[row.id] then
      tops[#tops + 1] = row
    elseif not levels[row.id] and not cause then
      local reason = why["net_" .. row.id] or why[row.id]
      if reason then unknown[#unknown + 1] = { code = row.id, what = row.summary, seen = reason } end
    end
  end
  local list = {}
  for _, row in ipairs(tops) do
    put_with_followers(list, row, followers, function(one, under)
      return { code = one.id, what = one.summary, seen = seen[one.id], cure = one.cure, level = levels[one.id],
        under = under }
    end)
  end
  return list, unknown, #checks
end

return findings
