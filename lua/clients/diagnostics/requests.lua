-- requests.lua - the answers to `health`: how each node is, and one of them from head to foot. Changes nothing.
local health_form = require "clients.diagnostics.health_form"
local metrics = require "policy.metrics"
local node_pages = require "clients.discovery.node_pages"
local one_of = require "clients.discovery.one_of"
local sorted = require "sorted"
local to_json = require "clients.control.to_json"
local values = require "clients.diagnostics.values"

local ROW <const> = { "id", "label", "type", "site", "status", "level", "stale", "age_ms", "battery", "charging",
  "temperature", "disk_free", "memory", "load", "wifi", "uptime", "power_now", "power_since", "failing", "more",
  "self" }
local VALUE <const> = { "name", "unit", "quality", "why", "age_ms" }
local CHECK <const> = { "id", "level", "reason", "summary", "cause", "cure", "since_ms", "flapping", "under" }

-- What the word of this node would say of it; no word of ours comes back to us.
local function own_said(diagnostics)
  return health_form.read(diagnostics.word and diagnostics.word:data() or nil)
end

-- Of node ONE, a row of discovery. Of whom no word of health is known here, only what `peer` said stands in it.
local function row_of(diagnostics, one)
  local row = { id = one.id, label = one.label, type = one.type, site = one.site, status = one.status,
    level = one.level, self = one.self }
  local health = one.self and { said = own_said(diagnostics), age_ms = 0, stale = false } or
    diagnostics.others:of(one.id)
  if not health then return row end
  row.age_ms, row.stale = health.age_ms, health.stale
  if health.stale then return row end
  for name, value in pairs(health.said) do row[name] = value end -- any order
  row.counts, row.more = nil, health.said.more > 0 and health.said.more or nil
  row.failing = health.said.failing[1] and health.said.failing or nil
  return row
end

local function all_values(diagnostics)
  return to_json.list(diagnostics.values:rows(), function(row)
    local shown = to_json.fields(row, VALUE)
    shown.value, shown.help = row.value and values.text(row.value), metrics.by_name[row.name].help
    return shown
  end)
end

local function checks(diagnostics)
  return to_json.list(diagnostics.checks:rows(), function(row) return to_json.fields(row, CHECK) end)
end

-- Of this node all that is known, of another what its words say.
local function of_one(diagnostics, one)
  local answer = { node = to_json.fields(row_of(diagnostics, one), ROW) }
  if one.self then answer.values, answer.checks = all_values(diagnostics), checks(diagnostics) end
  for _, name in ipairs(sorted.keys(diagnostics.parts)) do diagnostics.parts[name](answer, one) end
  return answer
end

-- A page of all nodes | nil, text, code
local function fleet(diagnostics, discovery, after)
  local all = node_pages.list(discovery, "", after, function() return discovery:nodes(false) end)
  local nodes, more, code = node_pages.cut(all, after, node_pages.PAGE)
  if not nodes then return nil, more, code end
  return { nodes = to_json.list(nodes, function(one) return to_json.fields(row_of(diagnostics, one), ROW) end),
    more = more }
end

local function is_text(value) return value == nil or type(value) == "string" end

--- Registers them with the client's HANDLE. Other parts of the client add to what is told of one node by
--- diagnostics.parts[NAME](answer, one).
return function(handle, diagnostics)
  diagnostics.parts = {}
  handle:extend("status", function(answer)
    for _, bound in ipairs(answer.bounds and diagnostics:bounds() or {}) do
      table.insert(answer.bounds, to_json.value(bound))
    end
  end)
  handle:command("health", function(request, reply)
    if not is_text(request.robot) or not is_text(request.after) then
      return reply(nil, 'form: "robot" and "after" are texts: a name, or an ID', "form")
    end
    reply:run(function()
      local discovery = handle.node.discovery
      if not request.robot then return reply(fleet(diagnostics, discovery, request.after)) end
      local one, text, code, rows = one_of(discovery:nodes(false), request.robot)
      if not one then return reply(nil, text, code, rows) end
      reply(of_one(diagnostics, one))
    end)
  end, { reads = true })
end
