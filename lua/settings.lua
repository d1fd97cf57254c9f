-- settings.lua - what a running node does when live settings change: one function a section. Reads no policy file, and
-- decides nothing about what may change (policy/hooks.lua has the kinds).
local settings = {}

--- The shortest and the longest time between two beacons, in ms.
function settings.interval(policy)
  local span = policy:get "comms.beacon"
  return { math.floor(span[1] * 1000), math.floor(span[2] * 1000) }
end

-- What others see this node as: they hear it soon.
local function call_itself(node)
  node.set_fact("name", node.own_name())
  node.set_fact("type", node.policy:get "type")
  node.set_fact("tags", node.policy:get "tags")
  node.name, node.type = node.own_name(), node.here().type
  node.comms.beacon.name = node.name
  node.comms.beacon:appear()
end

local function apply_top(node, changed)
  if changed.name or changed.type or changed.tags then call_itself(node) end
  if changed.clock then node.time:set(node.policy:get "clock") end
end

local function apply_dcache(node, changed)
  if changed["dcache.flush"] then node.dcache.syncing:every(node.policy:get "dcache.flush" * 1000) end
end

local function apply_comms(node, changed)
  if changed["comms.beacon"] then node.comms.beacon:set_interval(settings.interval(node.policy)) end
end

-- Channels are opened, closed and left alone by their addresses.
local function apply_routing(node, changed)
  if not (changed["routing.channels"] and node.channels) then return end
  local ok, text = node.channels:apply(node.policy:get "routing.channels")
  if not ok then node.log:error("policy", "the channels stay as they were", { why = text }) end
end

-- Hooks may be others even where no setting changed, so clients look at all that they asked about before.
local function apply_clients(node) node.clients:apply(node.policy) end

--- The policy NEW takes the place of that of NODE. LIST: what changed (policy/changes.lua), live settings only.
function settings.apply(node, new, list)
  local changed = {}
  for _, change in ipairs(list) do changed[change.path] = change end
  node.policy:swap(new)
  for _, section in ipairs { apply_top, apply_dcache, apply_comms, apply_routing, apply_clients } do
    section(node, changed)
  end
  node.log:info("policy", "applied", { policy = node.policy.name, settings = #list })
end

return settings
