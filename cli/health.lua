-- health.lua - `health`: how the body of each node is, or of one of them from head to foot. It asks the daemon only.
local width = require "cli.width"

local health = {}

function health.request(options) return { command = "health", robot = options and options.robot } end

local LEVELS <const> = { ok = "good", warn = "warn", error = "bad", stale = "dim" }
local AWAY <const> = { left = true, lost = true, stranger = true }

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

local ORDER <const> = { "error", "warn", "ok" }
local SAID <const> = { error = "at error", warn = "with a warning", ok = "well" }

-- "3 nodes: 1 at error, 1 well, 1 unknown."
local function sum(nodes, s)
  local counts, unknown, words = {}, 0, {}
  for _, one in ipairs(nodes) do
    if one.level and not AWAY[one.status] then
      counts[one.level] = (counts[one.level] or 0) + 1
    else
      unknown = unknown + 1
    end
  end
  for _, word in ipairs(ORDER) do
    if counts[word] then words[#words + 1] = ("%d %s"):format(counts[word], SAID[word]) end
  end
  if unknown > 0 then words[#words + 1] = ("%d unknown"):format(unknown) end
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
  if answer.more then s:say "There are more: health --json tells them page by page." end
end

-- == one of them

local QUALITIES <const> = { measured = true, derived = true }

-- TEXT of a number as people read it with UNIT.
local function value(one, s)
  if not one.value then return s.UNKNOWN end
  local number = tonumber(one.value)
  if one.unit == "B" then return s.size(math.tointeger(number) or number // 1 | 0) end
  if one.unit == "ratio" then return ("%d %%"):format(number * 100 // 1 | 0) end
  if one.unit == "s" and number >= 60 then return s.span(number * 1000 // 1 | 0) end
  return one.unit and ("%s %s"):format(one.value, one.unit) or one.value
end

-- "Not known: a, b: there is no such file."
local function show_unknown(values, s)
  local by_why, order = {}, {}
  for _, one in ipairs(values) do
    if not QUALITIES[one.quality] then
      local why = s:text(one.why)
      if not by_why[why] then by_why[why], order[#order + 1] = {}, why end
      table.insert(by_why[why], s:text(one.name))
    end
  end
  for _, why in ipairs(order) do s:say(("Not known: %s: %s."):format(s.list(by_why[why]), why)) end
end

local VALUES <const> = { { title = "VALUE", rank = 1 }, { title = "IS", align = "right", rank = 1 },
  { title = "AGE", align = "right", rank = 2 }, { title = "NOTE", give = true, least = 16, rank = 3 } }

local function show_values(values, s)
  local rows = {}
  for _, one in ipairs(values) do
    if QUALITIES[one.quality] then
      rows[#rows + 1] = { s:text(one.name), value(one, s), s.age(one.age_ms), s:text(one.help) }
    end
  end
  if rows[1] then
    s:line ""
    s:table(VALUES, rows)
  end
  show_unknown(values, s)
end

local function beside(word, text, s)
  local lead = "  " .. width.pad(word, 8)
  for i, line in ipairs(width.wrap(text, math.max(s.width - #lead, 12), true)) do
    s:line((i == 1 and "  " .. s:paint("dim", width.pad(word, 8)) or (" "):rep(#lead)) .. line)
  end
end

-- A check that fails, with what causes it and what to do.
local function show_check(check, s)
  local head = s:text(check.id) .. "  "
  for i, line in ipairs(width.wrap(s:text(check.summary), math.max(s.width - #head, 12), true)) do
    s:line((i == 1 and s:paint(LEVELS[check.level], s:text(check.id)) .. "  " or (" "):rep(#head)) .. line)
  end
  if check.reason then beside("seen", s:text(check.reason), s) end
  if check.cause then beside("by", s:text(check.cause), s) end
  beside("do", s:cure(check.cure), s)
  if check.flapping then beside("note", "it comes and goes: over five times in an hour", s) end
end

local function show_checks(checks, s)
  local well, unknown, below = 0, 0, {}
  for _, check in ipairs(checks) do
    if check.under then
      below[#below + 1] = s:text(check.id)
    elseif check.level == "error" or check.level == "warn" then
      show_check(check, s)
    elseif check.level then
      well = well + 1
    else
      unknown = unknown + 1
    end
  end
  s:say(("%s fine, %d not known."):format(s.count(well, "check"), unknown))
  if below[1] then s:say(("Under these, and not counted: %s."):format(s.list(below))) end
end

local function show_said(one, s)
  local words = {}
  local function add(text) if text then words[#words + 1] = text end end
  add(one.battery and ("battery %d %%%s"):format(one.battery, one.charging and ", charging" or ""))
  add(one.temperature and ("%d °C"):format(one.temperature))
  add(one.disk_free and ("%d %% of the disk free"):format(one.disk_free))
  add(one.memory and ("%d %% of memory available"):format(one.memory))
  add(one.load and ("load of a core %d %%"):format(one.load))
  add(one.wifi and ("Wi-Fi at %d dBm"):format(one.wifi))
  add(one.uptime and "up for " .. s.span(one.uptime * 1000))
  if words[1] then s:say(("It says: %s."):format(table.concat(words, ", "))) end
end

local function one_of(answer, s)
  local one = answer.node
  local cell = level(one, s)
  local word = type(cell) == "table" and s:paint(cell.colour, cell[1]) or "unknown"
  local heard = one.self and "this node" or one.age_ms and "said " .. s.ago(one.age_ms) or "it says nothing of its body"
  s:line(("%s  %s  %s"):format(s:paint("title", s:text(one.label)), word, s:paint("dim", heard)))
  if not one.self then
    if failing(one, s) ~= "" then s:say(("Failing: %s."):format(failing(one, s))) end
    show_said(one, s)
    return s:say(("All its values: dt-swarm-cli %s health %s"):format(s:text(one.label), s:text(one.label)))
  end
  show_checks(answer.checks or {}, s)
  show_values(answer.values or {}, s)
end

--- Prints the answer.
function health.show(answer, s)
  if answer.node then return one_of(answer, s) end
  fleet(answer, s)
end

return health
