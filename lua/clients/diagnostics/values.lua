-- values.lua - the newest value of each metric, how it is known, and since when. Reads no sensor.
--
-- What nobody put is unknown: no metric has a value of its own to begin with, and none keeps the last one when the
-- next look finds none.
local metrics = require "policy.metrics"

local values = {}
values.__index = values

--- given.loop
function values.new(given) return setmetatable({ loop = given.loop, by_name = {} }, values) end

--- The metric NAME is VALUE (nil: nobody knows) from now on.
--- QUALITY: "measured", "derived", "unknown", "unsupported"; WHY (text): why it is not known, or what is missing
function values:put(name, value, quality, why)
  if not metrics.by_name[name] then error(("there is no metric `%s`"):format(name), 2) end
  self.by_name[name] = { value = value, quality = quality, why = why, at = self.loop:now() }
end

--- → { name, value, unit, quality, why, at = ms of the loop's clock; nil: never looked }
function values:get(name)
  local row, known = metrics.by_name[name], self.by_name[name]
  if not row then error(("there is no metric `%s`"):format(name), 2) end
  if not known then return { name = name, unit = row.unit, quality = "unknown", why = "not looked yet" } end
  return { name = name, value = known.value, unit = row.unit, quality = known.quality, why = known.why, at = known.at }
end

--- VALUE of a metric as text, since there are whole ones and others: as Prometheus has them.
function values.text(value) return math.tointeger(value) and ("%d"):format(value) or ("%.6g"):format(value) end

--- Is nothing known of all that is read from files?
function values:blind()
  for _, metric in ipairs(metrics.list) do
    local known = metric.files and self.by_name[metric.name]
    if known and known.value ~= nil then return false end
  end
  return true
end

--- All, in the order of the table, as `get` has them and with age_ms.
function values:rows()
  local rows, now = {}, self.loop:now()
  for i, metric in ipairs(metrics.list) do
    local row = self:get(metric.name)
    row.age_ms = row.at and now - row.at
    rows[i] = row
  end
  return rows
end

--- What is known, by name: what hooks get as `m`.
function values:measures()
  local measures = {}
  for _, metric in ipairs(metrics.list) do
    local known = self.by_name[metric.name]
    measures[metric.name] = known and known.value
  end
  return measures
end

return values
