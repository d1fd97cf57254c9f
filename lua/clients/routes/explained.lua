-- explained.lua - which way a line to an address would take from here, and why: evidence for people. Sends nothing.
local reasons = require "why"
local route_warnings = require "routing.route_warnings"
local span = require "span"
local to_json = require "clients.control.to_json"

local explained = {}

local SET <const> = "set by route set; it ends with this run of the daemon"

local function whose(entry) return entry.origin or SET end

--- What is odd about the route of PATTERN beside all others: array of texts.
function explained.warnings(node, pattern)
  local texts = {}
  for _, one in ipairs(route_warnings.of(node.routing.routes:rows(), node.policy:get "routing.channels")) do
    if one.pattern == pattern then texts[#texts + 1] = one.text end
  end
  return texts
end

-- == the table

-- Which routes a line to TO takes, one after the other → rows { pattern, target, origin, to }, TO as they make it
local function steps_of(node, to)
  local steps, used = {}, {}
  while true do
    local rewritten, entry = node.routing.routes:find(to, used)
    if not entry then return steps, to, used end
    used[entry], to = true, rewritten
    steps[#steps + 1] = { pattern = entry.pattern, target = entry.target, origin = entry.origin, to = to }
  end
end

-- Why ENTRY, which fits, is not taken.
local function not_taken(node, entry)
  local rests, code = node.routing.routes:rests(entry)
  if rests then return { code = code, what = entry.pattern, seen = (rests:gsub("^%l+: ", "")),
    cure = code == "ambiguous" and "Write the whole ID in its place, or name~ and the end of it." or nil } end
  return { what = entry.pattern, seen = ("fits, too (%s); a more specific one is taken"):format(whose(entry)) }
end

local function route_rows(node, to, steps, used)
  local rows = {}
  for i, step in ipairs(steps) do
    rows[i] = { what = step.pattern, seen = ("%s, %s"):format(step.target, whose(step)) }
  end
  for _, entry in ipairs(node.routing.routes:fitting(to)) do
    if not used[entry] then rows[#rows + 1] = not_taken(node, entry) end
  end
  if not rows[1] then rows[1] = { what = "no route fits", seen = "the routing table says nothing of that address" } end
  return rows
end

-- == ways

local SAID <const> = { heard = "he is heard there", record = "his signed record of addresses says it",
  policy = "the policy names it", relayed = "a relay" }

local function whole(value) return value and math.tointeger(value * 1000 // 1) end

--- WAY (routing/ways.lua) as a row of an answer; times in ms, loss in parts of a thousand.
function explained.way_row(node, way)
  return { kind = way.kind, address = to_json.text(way.address), hops = way.hops, cost = to_json.value(way.cost),
    rtt_us = way.rtt and math.tointeger(way.rtt * 1000000 // 1), loss = whole(way.loss),
    heard_ms = whole(way.heard), origin = way.origin, alive = way.alive, why = way.why and to_json.text(way.why),
    by = way.by and node.who(way.by) or nil }
end

-- The policy's line that names the channel of WAY | nil
local function line_of(node, way)
  local entry = way.source and way.source.channel.entry
  for i, given in ipairs(entry and node.policy:get "routing.channels" or {}) do
    if given.address:sub(1, #entry.address) == entry.address then
      local file, line = node.policy:where("routing.channels", i)
      return ("%s:%d"):format(file, line)
    end
  end
end

local function said(node, way)
  local line = way.origin == "policy" and line_of(node, way)
  if line then return ("the policy names it (%s)"):format(line) end
  if way.origin ~= "relayed" then return SAID[way.origin] or way.origin end
  return ("by %s, who passes lines on"):format(node.who(way.by).label)
end

-- What is known of WAY, in one line.
local function way_text(node, way, is_taken, preference)
  local parts = { is_taken and "taken" or way.alive and "lives" or "does not live" }
  if is_taken and preference then parts[1] = ("taken, since the policy prefers it (%s)"):format(preference) end
  parts[#parts + 1] = ("cost %s"):format(way.cost)
  if way.hops > 1 then parts[#parts + 1] = ("%d hops"):format(way.hops) end
  if way.rtt then parts[#parts + 1] = ("%.1f ms there and back"):format(way.rtt * 1000) end
  if way.loss and way.loss > 0 then parts[#parts + 1] = ("%.0f %% lost"):format(way.loss * 100) end
  if way.heard then parts[#parts + 1] = "heard " .. span.ago(whole(way.heard)) end
  parts[#parts + 1] = said(node, way)
  return ("%s; %s"):format(table.concat(parts, ", "), way.why)
end

-- The ways to node ID → rows of why, those taken first; rows of the answer; the one that is taken
local function ways_of(node, to, id)
  local ways = node.routing.ways
  local taken, preference, code = ways:choose(to, id)
  local rows, list = {}, {}
  for i, way in ipairs(ways:of(id)) do
    local is_taken = taken ~= nil and way.key == taken.key
    list[i] = explained.way_row(node, way)
    list[i].taken = is_taken
    rows[i] = { what = ("%s %s"):format(way.kind, (way.address:gsub("/dswarm%-line$", ""))),
      seen = way_text(node, way, is_taken, taken and preference) }
  end
  if taken then return rows, list, taken end
  table.insert(rows, 1, { code = code, what = "no way to " .. node.who(id).label,
    seen = (tostring(preference):gsub("^%l+: ", "")) })
  return rows, list
end

-- == what the head of an address means here

-- The channel at the head of TO: up to its first dswarm-line | nil
local function channel_of(to) return to:match "^(/.-/dswarm%-line)%f[/\0]" end

-- How lines go over the channel of a head, where it need not be one of the policy's.
local DIALLED <const> = { tcp = "this node connects to it, or is connected already",
  udp = "as a datagram from this node's own socket" }

local function channel_row(node, head)
  local short = head:gsub("/dswarm%-line$", "")
  local one = node.channels and node.channels:at(head)
  local state = one and one:status()
  if state then
    return { what = "over " .. short, seen = state.state == "up" and "that channel is up" or ("%s: %s"):format(
      state.state, state.reason or "it begins") }
  end
  local seen = DIALLED[short:match "/(%l+)/%d+$"]
  if seen then return { what = "over " .. short, seen = seen } end
  return { code = "address", what = "over " .. short, seen = "no such channel is open here",
    cure = "Put it into routing.channels." }
end

-- → rows, ways, what takes it in a word: "here", "node", "channel"
local function onward(node, to)
  local id = to:match "^/dswarm/([^/]+)"
  if id == node.id then return { { what = "this node", seen = "it is delivered here" } }, {}, "here" end
  if id and node.routing.ways then
    local rows, ways = ways_of(node, to, id)
    return rows, ways, "node"
  end
  local head = channel_of(to)
  if head then
    local row = channel_row(node, head)
    return { row }, {}, not row.code and "channel" or nil
  end
  return { { code = "address", what = to, seen = "neither a node nor a channel" } }, {}, nil
end

-- Rows of why, as they stand in an answer.
local function rows_of(rows)
  return to_json.list(rows, function(row) return to_json.fields(row, reasons.fields) end)
end

--- How a line to the address TO would go from here: { address, to = as routes rewrite it, id and label of the node that
--- it is for, steps = routes that are taken, ways = all ways to the node at the head of `to`, head = "here", "node",
--- "channel" or nil where it leads nowhere, rows = why rows }
function explained.of(node, to)
  local id = to:match "/dswarm/([^/*]+)/?[%w_-]*$"
  local steps, rewritten, rows = {}, to, {}
  if to:match "^/dswarm/([^/]+)" ~= node.id then -- what is for this node asks no route
    local used
    steps, rewritten, used = steps_of(node, to)
    rows = route_rows(node, to, steps, used)
  end
  local more, ways, head = onward(node, rewritten)
  table.move(more, 1, #more, #rows + 1, rows)
  return { address = to_json.text(to), to = to_json.text(rewritten), id = id, label = id and node.who(id).label,
    steps = to_json.list(steps, to_json.value), ways = to_json.list(ways, to_json.value), head = head,
    rows = rows_of(rows) }
end

return explained
