-- metrics_text.lua - this node and the robots that it knows, in the text format 0.0.4 that Prometheus reads. Counts
-- nothing itself.
--
-- What is unknown, or so old that it may be wrong, has no series; nor has who is lost. Labels are bounded: 256 robots.
local discovery = require "clients.discovery"
local metrics = require "policy.metrics"
local slices = require "slices"
local sorted = require "sorted"
local to_json = require "clients.control.to_json"
local values = require "clients.diagnostics.values"

local metrics_text = {}

local ROBOTS_MAX <const> = 256
local LEVELS <const> = { ok = 0, warn = 1, error = 2 }
local STATUSES <const> = { "ready", "booting", "busy", "updating", "low-battery", "quiet", "lost", "left", "clone?",
  "stranger", "unknown" }

local writer = {}
writer.__index = writer

local function new_writer() return setmetatable({ lines = {} }, writer) end

function writer:family(name, kind, help)
  self.name = name
  table.insert(self.lines, ("# HELP %s %s"):format(name, help))
  table.insert(self.lines, ("# TYPE %s %s"):format(name, kind))
end

local ESCAPES <const> = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local function escaped(value) return (to_json.text(tostring(value)):gsub('[\\"\n]', ESCAPES)) end

-- A sample of the family begun last; LABELS: { name, value } each. VALUE nil: there is none.
function writer:sample(value, ...)
  if value == nil then return end
  local parts = {}
  for i, pair in ipairs { ... } do parts[i] = ('%s="%s"'):format(pair[1], escaped(pair[2])) end
  local labels = parts[1] and "{" .. table.concat(parts, ",") .. "}" or ""
  table.insert(self.lines, ("%s%s %s"):format(self.name, labels, values.text(value)))
  slices.step(0.2)
end

local function own(out, node)
  out:family("dtswarm_info", "gauge", "Always 1; what this node is.")
  out:sample(1, { "version", node.version }, { "name", node.name }, { "id", node.id })
  out:family("dtswarm_running_seconds", "gauge", "Since this daemon started.")
  out:sample((node.loop:now() - node.started) // 1000)
  out:family("dtswarm_statements", "gauge", "Statements held here, by class.")
  for _, class in ipairs(node.dcache:classes()) do out:sample(class.count, { "class", class.name }) end
  out:family("dtswarm_refused_total", "counter", "What came and was refused, by the word of the refusal.")
  for _, code in ipairs(sorted.keys(node.refused)) do out:sample(node.refused[code], { "code", code }) end
end

local DIRECTIONS <const> = { { "sent", "Bytes said on a channel." }, { "heard", "Bytes heard on a channel." } }

local function channels(out, list)
  for _, row in ipairs(DIRECTIONS) do
    local which, help = table.unpack(row)
    out:family(("dtswarm_channel_%s_bytes_total"):format(which), "counter", help)
    local met = {}
    for _, channel in ipairs(list) do
      local address = channel.address or channel.kind
      if not met[address] and channel[which] then
        out:sample(channel[which].bytes, { "channel", address })
        met[address] = true
      end
    end
  end
end

local function host(out, known)
  for _, row in ipairs(known:rows()) do
    if row.value ~= nil then
      local metric = metrics.by_name[row.name]
      out:family("dtswarm_host_" .. row.name, metric.counts and "counter" or "gauge", metric.help .. ".")
      out:sample(row.value)
    end
  end
end

local function checks(out, list)
  out:family("dtswarm_check", "gauge", "0 fine, 1 a warning, 2 an error; a check that knows nothing has no series.")
  for _, row in ipairs(list:rows()) do out:sample(LEVELS[row.level], { "check", row.id }) end
end

local function peers(out, rows)
  local counts = {}
  for _, row in ipairs(rows) do
    local status = row.status or "unknown"
    counts[status] = (counts[status] or 0) + 1
  end
  out:family("dtswarm_peers", "gauge", "Nodes that this one knows, itself among them, by their status.")
  for _, status in ipairs(STATUSES) do out:sample(counts[status] or 0, { "status", status }) end
end

local OF_ROBOT <const> = {
  { "dtswarm_robot_level", "0 well, 1 a warning, 2 an error, as the robot says.",
    function(row) return LEVELS[row.level] end },
  { "dtswarm_robot_seen_seconds", "Since the robot was heard last.",
    function(row) return row.seen_ms and row.seen_ms // 1000 end },
  { "dtswarm_robot_battery_ratio", "How full its battery is.",
    function(_, said) return said.battery and said.battery / 100 end },
  { "dtswarm_robot_temperature_celsius", "Of its processor.", function(_, said) return said.temperature end },
  { "dtswarm_robot_disk_free_ratio", "Of the disk of its shared files.",
    function(_, said) return said.disk_free and said.disk_free / 100 end },
  { "dtswarm_robot_memory_available_ratio", "Of its memory.",
    function(_, said) return said.memory and said.memory / 100 end },
  { "dtswarm_robot_wifi_signal_dbm", "At which it hears its access point.", function(_, said) return said.wifi end },
}

-- Those who are here, who was heard last first: at most ROBOTS_MAX. → rows, how many there are besides
local function living(rows)
  local list = {}
  for _, row in ipairs(rows) do
    if not row.self and discovery.is_living(row) then list[#list + 1] = row end
  end
  slices.sort(list, function(a, b)
    if a.seen_ms ~= b.seen_ms then return (a.seen_ms or math.huge) < (b.seen_ms or math.huge) end
    return a.id < b.id
  end)
  local most = math.min(#list, ROBOTS_MAX)
  return table.move(list, 1, most, 1, {}), #list - most
end

local NOTHING <const> = {}

local function robots(out, rows, others)
  local list, omitted = living(rows)
  local said = {}
  for _, row in ipairs(list) do
    local health = others and others:of(row.id)
    said[row.id] = health and not health.stale and health.said or NOTHING
  end
  for _, family in ipairs(OF_ROBOT) do
    local name, help, value = table.unpack(family)
    out:family(name, "gauge", help)
    for _, row in ipairs(list) do
      out:sample(value(row, said[row.id]), { "robot", row.label or row.id }, { "id", row.id })
    end
  end
  out:family("dtswarm_robots_omitted", "gauge", "Robots that are here and have no series, since there are too many.")
  out:sample(omitted)
end

--- NODE (lua/node.lua) as text. Work in slices, where it is called so.
function metrics_text.of(node)
  local out, rows = new_writer(), node.discovery:nodes(false)
  own(out, node)
  channels(out, node.routing:channels())
  local diagnostics = node.diagnostics
  if diagnostics then
    host(out, diagnostics.values)
    checks(out, diagnostics.checks)
  end
  peers(out, rows)
  robots(out, rows, diagnostics and diagnostics.others)
  return table.concat(out.lines, "\n") .. "\n"
end

return metrics_text
