-- health_robot.lua - `health ROBOT`: the body of one node from head to foot, as text. Asks nobody.
local finding = require "cli.finding"
local width = require "cli.width"

local health_robot = {}

local QUALITIES <const> = { measured = true, derived = true }

-- A text as a number that can be one of a value: some daemon of some node said it.
local function number_of(value)
  local number = tonumber(value)
  return number and number == number and math.abs(number) < 2 ^ 63 and number or nil
end

-- The value of ONE as people read it.
local function value(one, s)
  local number = number_of(one.value)
  if not number then return s.UNKNOWN end
  if one.unit == "B" then return s.size(math.tointeger(number) or number // 1 | 0) end
  if one.unit == "ratio" then return ("%.0f %%"):format(number * 100) end
  if one.unit == "s" and number >= 60 then return s.span(number * 1000 // 1) end
  return one.unit and ("%s %s"):format(s:text(one.value), s:text(one.unit)) or s:text(one.value)
end

local function show_unknown(values, s)
  local list = {}
  for _, one in ipairs(values) do
    if not QUALITIES[one.quality] then list[#list + 1] = one end
  end
  finding.not_known(list, s)
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

-- A check that fails, with what causes it and what to do.
local function show_check(check, s)
  finding.head(check.id, check.level, check.summary, 0, s)
  if check.reason then finding.beside("seen", s:text(check.reason), 2, s) end
  if check.cause then finding.beside("by", s:text(check.cause), 2, s) end
  finding.beside("do", s:cure(check.cure), 2, s)
  if check.flapping then finding.beside("note", "it comes and goes: over five times in an hour", 2, s) end
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

local function show_said(one, s, is_away)
  local words = {}
  local function add(text) if text then words[#words + 1] = text end end
  add(one.battery and ("battery %d %%%s"):format(one.battery, one.charging and ", charging" or ""))
  add(one.temperature and ("%d °C"):format(one.temperature))
  add(one.disk_free and ("%d %% of the disk free"):format(one.disk_free))
  add(one.memory and ("%d %% of memory available"):format(one.memory))
  add(one.load and ("load of a core %d %%"):format(one.load))
  add(one.wifi and ("Wi-Fi at %d dBm"):format(one.wifi))
  add(one.uptime and "up for " .. s.span(one.uptime * 1000))
  if words[1] then s:say(("It %s: %s."):format(is_away and "said" or "says", table.concat(words, ", "))) end
end

local BARS <const> = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local WIDE <const> = 48 -- points of a line

-- VALUES, texts of which some are empty (unknown), as a line of bars; their least and most.
local function bars(values, most_points)
  local numbers, least, most = {}, math.huge, -math.huge
  for i, text in ipairs(values) do
    numbers[i] = number_of(text) or false
    if numbers[i] then least, most = math.min(least, numbers[i]), math.max(most, numbers[i]) end
  end
  if least > most then return nil end
  local first, list = math.max(1, #numbers - most_points + 1), {}
  for i = first, #numbers do
    local height = numbers[i] and (most > least and (numbers[i] - least) / (most - least) or 0)
    list[#list + 1] = height and BARS[1 + (height * (#BARS - 1) + 0.5) // 1 | 0] or " "
  end
  return table.concat(list), least, most
end

-- A line for each that is known: at most the last four hours at five minutes a bar.
local function show_history(history, s)
  local rows = {}
  for _, series in ipairs(history) do
    local line, least, most = bars(series.values or {}, math.max(8, math.min(WIDE, s.width - 40)))
    if line then
      local function shown(number) return value({ value = ("%.4g"):format(number), unit = series.unit }, s) end
      rows[#rows + 1] = { s:text(series.name), line, shown(least), shown(most) }
    end
  end
  if not rows[1] then return end
  s:line ""
  s:table({ { title = "LATELY", rank = 1 }, { title = "", rank = 2 }, { title = "LEAST", align = "right", rank = 1 },
    { title = "MOST", align = "right", rank = 1 } }, rows)
end

local EVENTS <const> = 8 -- that are shown
local WORDS <const> = {
  boot = function() return "the daemon started" end,
  told = function(event, s) return "event file: " .. s:text(event.type) end,
  alert = function(event, s)
    local node = event.node or {}
    local cause = node.check and not node.lost and " by " .. s:text(node.check) or ""
    local what = node.lost and "is lost" or "is at " .. s:text(node.level)
    return ("alert: %s %s%s"):format(s:text(node.name), what, cause)
  end,
  check = function(event, s)
    return ("%s is %s%s"):format(s:text(event.check), event.level and s:text(event.level) or "not known any more",
      event.reason and ": " .. s:text(event.reason) or "")
  end,
}

local function show_events(events, s)
  if not events[1] then return end
  s:line ""
  for i = math.max(1, #events - EVENTS + 1), #events do
    local event = events[i]
    local words = WORDS[event.event] and WORDS[event.event](event, s) or s:text(event.event)
    local ago = s.ago(event.age_ms)
    s:say(("%s  %s."):format(width.pad(ago, 12), words))
  end
end

--- Prints ANSWER about one node. LEVEL(one, s) → a cell that tells its level; FAILING(one, s) → what fails, as text;
--- IS_AWAY: it cannot be asked.
function health_robot.show(answer, s, level, failing, is_away)
  local one = answer.node
  local cell = level(one, s)
  local word = type(cell) == "table" and s:paint(cell.colour, cell[1]) or "unknown"
  local heard = one.self and "this node" or one.age_ms and "said " .. s.ago(one.age_ms) or "it says nothing of its body"
  s:line(("%s  %s  %s"):format(s:paint("title", s:text(one.label)), word, s:paint("dim", heard)))
  if not one.self then
    if failing(one, s) ~= "" then s:say(("Failing: %s."):format(failing(one, s))) end
    show_said(one, s, is_away)
    return is_away or s:say(("All its values: dt-swarm-cli %s health %s"):format(s:text(one.label), s:text(one.label)))
  end
  show_checks(answer.checks or {}, s)
  show_history(answer.history or {}, s)
  show_events(answer.events or {}, s)
  show_values(answer.values or {}, s)
end

return health_robot
