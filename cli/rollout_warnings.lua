-- rollout_warnings.lua - what people are told before they sign a rollout: that robots of its plan do not know the time
-- it wants, that nobody here could take releases of its kind. Signs nothing.
local updates = require "cli.updates"

local warnings = {}

local NO_CLOCK <const> = "none" -- what a node says that has no proved time

--- Robots of PLAN that are here and do not know the time it wants: { count, adopt = would a plan with the clock
--- "adopted" help? } | nil: none. A robot takes over the time of a node whose clock is proved.
--- FACTS: { rows, by_id } of discover.
function warnings.timeless(plan, facts)
  local count, is_told = 0, false
  for _, row in ipairs(facts.rows) do
    is_told = is_told or not updates.is_away(row.status) and row.clock ~= nil and row.clock ~= NO_CLOCK
  end
  if plan.clock == "adopted" and is_told then return nil end
  for _, id in ipairs(plan.order) do
    local row = facts.by_id[id]
    if row and not updates.is_away(row.status) and row.clock == NO_CLOCK then count = count + 1 end
  end
  return count > 0 and { count = count, adopt = is_told and plan.clock == "proved" } or nil
end

--- That TIME (as above) is so of robots among ALL.
function warnings.say_time(time, all, s)
  if not time then return end
  local cure = time.adopt and 'synchronise their clocks (timedatectl set-ntp true), or plan with clock = "adopted"'
    or "synchronise their clocks, or that of one node beside them (timedatectl set-ntp true)"
  s:say(("%d of %s %s not know the time, so %s: %s. See: help clock"):format(time.count, s.count(all, "robot"),
    time.count == 1 and "does" or "do", time.count == 1 and "it waits" or "they wait", cure))
end

--- That this node has no handler for the release KEY among ANSWER, the daemon's of `updates`.
function warnings.say_handler(answer, key, s)
  for _, one in ipairs(answer.releases) do
    local fault = one.key == key and updates.no_handler(answer.me, one.kind, s)
    if fault then s:say(fault) end
  end
end

return warnings
