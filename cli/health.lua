-- health.lua - `health`: how the body of each node is, or of one of them from head to foot. It asks the daemon only.
local health_robot = require "cli.health_robot"

local health = {}

function health.request(options) return { command = "health", robot = options and options.robot } end

local LEVELS <const> = { ok = "good", warn = "warn", error = "bad", stale = "dim" }
local AWAY <const>, GONE <const> = { left = true, lost = true, stranger = true }, { left = true, lost = true }

local COLUMNS <const> = {
  { title = "NAME", give = true, least = 13, cut = "middle", rank = 1 }, { title = "LEVEL", rank = 1 },
  { title = "AGE", align = "right", rank = 2 }, { title = "BAT", align = "right", optional = true, rank = 4 },
  { title = "TEMP", align = "right", optional = true, rank = 5 },
  { title = "DISK", align = "right", optional = true, rank = 6 },
  { title = "WIFI", align = "right", optional = true, rank = 7 },
  { title = "WHAT", give = true, optional = true, rank = 3, least = 16 },
}

local function with(value, unit) return value and ("%d%s"):format(value, unit) end

-- What of ONE fails, worst first: "disk full; hot; 2 more".
local function failing(one, s)
  local words = {}
  for i, check in ipairs(one.failing or {}) do words[i] = (s:text(check.id):gsub("_", " ")) end
  if one.more then words[#words + 1] = ("%d more"):format(one.more) end
  return table.concat(words, "; ")
end

local function level(one, s)
  if AWAY[one.status] then return { s:text(one.status), colour = "dim" } end
  local word = one.stale and not one.level and "stale" or one.level
  return word and { s:text(word), colour = LEVELS[word] } or s.UNKNOWN
end

local function row(one, s)
  return { s:text(one.label), level(one, s), one.self and "now" or one.age_ms and s.age(one.age_ms) or s.UNKNOWN,
    with(one.battery, "%") or "", with(one.temperature, " °C") or "", with(one.disk_free, "%") or "",
    with(one.wifi, " dBm") or "", failing(one, s) }
end

-- Where one has it, that of the others is unknown; where nobody has, there is no such column.
local function fill(rows, s)
  for k = 4, 7 do
    local any = false
    for _, one in ipairs(rows) do any = any or one[k] ~= "" end
    for _, one in ipairs(any and rows or {}) do
      if one[k] == "" then one[k] = s.UNKNOWN end
    end
  end
  return rows
end

local ORDER <const> = { "error", "warn", "ok", "left", "lost", "unknown" }
local SAID <const> = { error = "at error", warn = "with a warning", ok = "well" }

-- "3 nodes: 1 at error, 1 left, 1 unknown."
local function sum(nodes, s)
  local counts, words = {}, {}
  for _, one in ipairs(nodes) do
    local word = GONE[one.status] and one.status or not AWAY[one.status] and one.level or "unknown"
    counts[word] = (counts[word] or 0) + 1
  end
  for _, word in ipairs(ORDER) do
    if counts[word] then words[#words + 1] = ("%d %s"):format(counts[word], SAID[word] or word) end
  end
  s:say(("%s: %s."):format(s.count(#nodes, "node"), table.concat(words, ", ")))
end

local RANK <const> = { error = 1, warn = 2, ok = 4 }

-- Who is ill comes first.
local function sorted_by_level(nodes)
  local list, place = table.move(nodes, 1, #nodes, 1, {}), {}
  for i, one in ipairs(list) do place[one] = i end
  table.sort(list, function(a, b)
    local one = AWAY[a.status] and 5 or RANK[a.level] or 3
    local other = AWAY[b.status] and 5 or RANK[b.level] or 3
    if one ~= other then return one < other end
    return place[a] < place[b]
  end)
  return list
end

local function fleet(answer, s)
  local rows = {}
  for i, one in ipairs(sorted_by_level(answer.nodes)) do rows[i] = row(one, s) end
  for _, line in ipairs(s:rows(COLUMNS, fill(rows, s))) do s:line(line) end
  sum(answer.nodes, s)
end

--- Prints the answer.
function health.show(answer, s)
  if answer.node then return health_robot.show(answer, s, level, failing, GONE[answer.node.status]) end
  fleet(answer, s)
end

return health
