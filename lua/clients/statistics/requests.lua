-- requests.lua - the answers to `stats`: what is told of this node's use, and what was. Counts nothing itself.
local to_json = require "clients.control.to_json"

-- Labels of those who published sums for their site.
local function gatherers(node)
  local list = {}
  if node.policy:get "clients.statistics.gather" == true then list[1] = to_json.text(node.who(node.id).label) end
  for _, row in ipairs(node.discovery and node.discovery:nodes(false) or {}) do
    local bucket = ("pri/%s/info/statistics"):format(row.id)
    local held = not row.self and node.dcache:statement_of(bucket, row.id, row.id)
    if held and held.holds then list[#list + 1] = to_json.text(row.label) end
  end
  return list
end

local function show(handle, statistics)
  local data, why = statistics.word:text()
  return { data = data, why = not data and to_json.text(why) or nil, counts = to_json.value(statistics.usage.counts),
    gatherers = to_json.list(gatherers(handle.node), to_json.value) }
end

local function forget(handle, statistics)
  local was_out = statistics.word:forget()
  statistics.usage:forget()
  statistics.gather:forget(handle.node.id)
  return { was_out = was_out }
end

local HERE <const> = "how a robot is used is its owner's to see: ssh there"

--- Registers them with the client's HANDLE.
return function(handle, statistics)
  handle:command("stats", function(_, reply) reply(show(handle, statistics)) end,
    { reads = true, here = HERE })
  handle:command("stats-forget", function(_, reply) reply(forget(handle, statistics)) end, { here = HERE })
end
