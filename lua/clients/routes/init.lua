-- routes - the commands about the routing table: which routes there are, which way leads to a node, a route for now.
-- It sends no line.
local lazily = require "lazily"
local address = require "core.address"
local explained = lazily "clients.routes.explained"
local target = require "clients.ping.target"
local to_json = require "clients.control.to_json"

local client = { name = "routes", needs = { "discovery" } }

local ROW <const> = { "pattern", "target", "origin", "count", "rests", "code" }

local function route_row(row) return to_json.fields(row, ROW) end

-- The way that is taken to each node that is heard here, or that others lead to.
local function node_rows(node)
  local heard = {}
  for _, one in ipairs(node.discovery:nodes()) do heard[one.id] = true end
  return to_json.list(node.discovery:nodes(true), function(one)
    if one.self or not node.routing.ways then return nil end
    local way = node.routing.ways:choose("/dswarm/" .. one.id .. "/brain", one.id)
    if not way and not heard[one.id] then return nil end
    local row = to_json.fields(one, { "id", "name", "label" })
    row.way = way and explained.way_row(node, way)
    return row
  end)
end

-- A route that was taken out while the node runs, though the policy has it.
local function hidden_rows(table_)
  return to_json.list(table_:hidden_ones(), function(entry)
    return to_json.fields(entry, { "pattern", "target", "origin" })
  end)
end

local function list(node)
  local table_ = node.routing.routes
  return { routes = to_json.list(table_:rows(), route_row), hidden = hidden_rows(table_), nodes = node_rows(node) }
end

local WANTED <const> = "form: give a pattern, such as /dswarm/donald/*"

local function set(node, request)
  local pattern, way, table_ = request.pattern, request.target, node.routing.routes
  if type(pattern) ~= "string" or type(way) ~= "string" then return nil, WANTED .. ", and a target", "form" end
  local before = table_:of(pattern)
  before = before and to_json.fields(before, { "target", "origin" })
  local entry, text, code = table_:set(pattern, way)
  if not entry then return nil, text, code end
  node.log:info("routing", "route set", { pattern = pattern, target = way })
  local rests, word = table_:rests(entry)
  return { route = { pattern = to_json.text(pattern), target = to_json.text(way), rests = rests, code = word },
    before = before, warnings = to_json.list(explained.warnings(node, pattern), to_json.text) }
end

local function unset(node, request)
  if type(request.pattern) ~= "string" then return nil, WANTED, "form" end
  local gone, back, code = node.routing.routes:unset(request.pattern)
  if not gone then return nil, back, code end
  node.log:info("routing", "route unset", { pattern = request.pattern })
  return { route = route_row(gone), back = back and route_row(back) }
end

-- A node by what people call it stands for its brain; an address is looked up as it is, with IDs for names.
local function get(node, request)
  local to, text, code, candidates = target.address(node.discovery, request.to)
  if not to then return nil, text, code, candidates end
  local ok, why, word = address.check(to)
  if not ok then return nil, ("%s: %s"):format(why, to_json.text(to)), word end
  return explained.of(node, to)
end

local COMMANDS <const> = { ["route-list"] = list, ["route-get"] = get, ["route-set"] = set, ["route-unset"] = unset }
local READS <const> = { ["route-list"] = true, ["route-get"] = true }

--- The client, as lua/clients/init.lua has it.
function client.open(handle)
  local node = handle.node
  for name, fn in pairs(COMMANDS) do -- any order: names differ
    handle:command(name, function(request, reply)
      reply:run(function() reply(fn(node, request)) end)
    end, { reads = READS[name] })
  end
  return setmetatable({}, { __index = client })
end

return client
