-- repl_shown.lua - prints what a REPL's line says: text, tables, facts, reasons, faults. It asks nobody.
local why = require "cli.why"

local shown = {}

--- Lines of printed text made printable; where one goes on in the next event the last of them is not ended.
function shown.printed(s, lines)
  local printed = {}
  for i, line in ipairs(lines) do printed[i] = s.escape(line):gsub("␉", "\t") end
  return table.concat(printed, "\n")
end

local UNITS <const> = {
  size = function(_, value) return math.type(value) == "integer" and require("byte_size").of(value) end,
  age = function(s, value) return math.type(value) == "integer" and s.span(value) end,
  trip = function(s, value) return math.type(value) == "integer" and s.trip(value) end,
  id = function(s, value) return s:short(tostring(value)) end,
}

local function cell(s, value, kind)
  return UNITS[kind] and UNITS[kind](s, value) or s:text(value)
end

local function columns_of(event)
  local columns = {}
  for i, head in ipairs(event.columns) do
    local is_number = head.kind == "size" or head.kind == "age" or head.kind == "trip"
    columns[i] = { title = head.title, give = not is_number, least = 8, good = i == 1 and 16 or 12,
      cut = head.kind == "id" and "middle" or nil }
  end
  return columns
end

local EVENTS <const> = {}

function EVENTS.text(s, event) s.write(shown.printed(s, event.lines)) end

function EVENTS.table(s, event)
  local columns, rows = columns_of(event), {}
  for i, values in ipairs(event.rows) do
    rows[i] = {}
    for j, value in ipairs(values) do rows[i][j] = cell(s, value, event.columns[j].kind) end
  end
  for i, column in ipairs(columns) do column.title = s:text(event.columns[i].title) end
  s:table(columns, rows)
  local listed, total = event.listed or #rows, event.total or #rows
  if listed > #rows then s:say(("%d rows; shown are the first %d."):format(listed, #rows)) end
  if total > listed then s:say(("%d in all; for … in each(bucket) goes over all records."):format(total)) end
end

function EVENTS.facts(s, event)
  if event.title then s:say(s:text(event.title)) end
  local facts = {}
  for i, fact in ipairs(event.facts) do facts[i] = { s:text(fact[1]), s:text(fact[2]) } end
  s:facts(facts)
  if event.said then s:say(s:text(event.said)) end
end

function EVENTS.why(s, event)
  for _, row in ipairs(event.rows) do why.line(row, s) end
end

--- Prints EVENT.
function shown.event(s, event)
  local print = EVENTS[event.event]
  if print then print(s, event) end
end

--- A fault of the chunk NAME in words: of the line that a person typed without its place.
function shown.fault(s, name, fault)
  fault = fault or "it failed"
  if name == "repl" then fault = fault:gsub("^repl:1: ", ""):gsub("^repl:(%d+): ", "line %1: ") end
  return s:cure(fault)
end

return shown
