-- body.lua - how this robot's body is, as the hook clients.updates.healthy is told it: before an update and after it.
-- Decides nothing.
local json = require "core.json"
local sorted = require "sorted"

local body = {}

-- What is wrong with the network or the supply is no update's fault.
local APART <const> = { no_lan = true, bridge_only = true, same_subnet = true, mtu = true, no_route = true,
  gateway_dead = true, dns_dead = true, dns_no_name = true, isolated = true, broadcast_out = true, broadcast_in = true,
  one_way = true, other_swarm = true, law = true, wifi_weak = true, under_voltage = true, throttled = true,
  battery_low = true }

local function at_error(rows)
  local ids = {}
  for _, row in ipairs(rows) do
    if row.level == "error" and not row.under and not APART[row.id] then ids[row.id] = true end
  end
  return json.array(sorted.keys(ids))
end

--- NODE's body now: { failed, passed, unknown = how many checks (nil: nothing was measured), peers, errors = IDs of the
--- checks at error that an update may have caused }; it is kept with the update.
function body.look(node)
  local checks = node.diagnostics and node.diagnostics.checks
  local found = { peers = node:peers(), errors = json.array {} }
  if not checks then return found end
  local rows = checks:rows()
  local counts = checks.counts_of(rows)
  if counts.ok + counts.warn + counts.error == 0 then return found end
  found.failed, found.passed, found.unknown = counts.warn + counts.error, counts.ok, counts.unknown
  found.errors = at_error(rows)
  return found
end

local function told(one)
  return { failed = one.failed, passed = one.passed, unknown = one.unknown, peers = one.peers }
end

--- What the hook is told of the body BEFORE and NOW → two tables; `worse` of NOW: how many checks are at error that
--- were not.
function body.compared(before, now)
  local was, worse = {}, 0
  for _, id in ipairs(before.errors or {}) do was[id] = true end
  for _, id in ipairs(now.errors) do worse = worse + (was[id] and 0 or 1) end
  local facts = told(now)
  facts.worse = worse
  return told(before), facts
end

return body
