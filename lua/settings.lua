-- settings.lua - what a running node does when live settings change: one function a section. Reads no policy file, and
-- decides nothing about what may change (policy/hooks.lua has the kinds).
local preflight = require "preflight"
local routes = require "routing.routes"
local routing = require "routing"

local settings = {}

local LINES_MAX <const> = 8 -- about routes in the log, at the start

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
  node.set_fact("site", node.policy:get "site" or nil)
  node.name, node.type = node.own_name(), node.here().type
  node.comms.beacon.name = node.name
  node.comms.beacon:appear()
end

local function apply_top(node, changed)
  if changed.name or changed.type or changed.tags or changed.site then call_itself(node) end
  if changed.clock then node.time:set(node.policy:get "clock") end
end

local function apply_dcache(node, changed)
  if changed["dcache.flush"] then node.dcache.syncing:every(node.policy:get "dcache.flush" * 1000) end
end

local function apply_comms(node, changed)
  if changed["comms.beacon"] then node.comms.beacon:set_interval(settings.interval(node.policy)) end
end

-- The routing table is what POLICY says, and what people set meanwhile.
local function load_routes(table_, policy)
  table_:load(policy:get "routing.routes", function(pattern)
    local file, line = policy:where("routing.routes", pattern)
    return ("%s:%d"):format(file, line)
  end)
end

--- The routing table of NODE (routing/routes.lua), as its policy has it.
function settings.routes(node)
  local table_ = routes.new { name_of = function(id) return node.who(id).name end,
    bearers = function(name) return node.called(name) end }
  load_routes(table_, node.policy)
  local lines = preflight.routes(node.policy, true)
  for i = 1, math.min(#lines, LINES_MAX) do node.log:warn("routing", "route", lines[i]) end
  return table_
end

-- Channels are opened, closed and left alone by their addresses. This comes before the policy is in force, since what
-- cannot be opened leaves everything as it was. → true | nil, text
local function apply_routing(node, changed, new)
  local change = changed["routing.channels"]
  if not change then return true end
  local ok, err = node.channels:apply(new:get "routing.channels",
    function(facts, here) return routing.may_open(new, facts, here) end)
  return ok, err and ("%s:%d: %s"):format(change.file, change.line, err)
end

-- Whom the policy shuts out is known to the channels, and to who serves files.
local function shut_out(node)
  node.routing.block:apply(node.routing, node.policy:get "routing.block")
  if node.listener then node.listener:tell_networks() end
end

--- The policy NEW takes the place of that of NODE. LIST: what changed (policy/changes.lua), live settings only; HOOKS:
-- which hooks did, or nil: clients look anew at all that they asked about before.
-- → true | nil, text: nothing changed
function settings.apply(node, new, list, hooks)
  local changed = {}
  for _, changes in ipairs { list, hooks or {} } do
    for _, change in ipairs(changes) do changed[change.path] = change end
  end
  local ok, err = apply_routing(node, changed, new)
  if not ok then return nil, err end
  if changed["routing.routes"] then load_routes(node.routing.routes, new) end
  node.policy:swap(new)
  if changed["routing.block"] then shut_out(node) end
  for _, section in ipairs { apply_top, apply_dcache, apply_comms } do section(node, changed) end
  if not hooks or changed["routing.open"] then node.channels:ask() end
  node.clients:apply(node.policy, hooks and changed)
  return true
end

return settings
