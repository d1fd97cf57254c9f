-- table.lua - rows as columns of text that fit a given width. It knows nothing of what they say.
local width = require "cli.width"

local layout = {}

local LEAST <const> = 4 -- columns below which no cell is shortened

local function cell_text(cell)
  return type(cell) == "table" and cell[1] or cell
end

local function natural(columns, rows, bare)
  local wide = {}
  for i, column in ipairs(columns) do
    wide[i] = bare and 0 or width.of(column.title or "")
    for _, row in ipairs(rows) do wide[i] = math.max(wide[i], width.of(cell_text(row[i]))) end
  end
  return wide
end

local function sum(wide, gap)
  local all = 0
  for _, columns in ipairs(wide) do
    if columns > 0 then all = all + columns + gap end
  end
  return all - gap
end

-- Who gives way, in this order: the columns marked `give` down to their least, the others to theirs, and on
-- a terminal too narrow even for that, all of them.
local TURNS <const> = { { give = true }, { give = false }, { anybody = true } }

--- The widest column that may still give way.
local function widest(columns, wide)
  for _, turn in ipairs(TURNS) do
    local best
    for i, column in ipairs(columns) do
      local least = turn.anybody and 1 or column.least or LEAST
      local may = wide[i] > least and (turn.anybody or (column.give or false) == turn.give)
      if may and (not best or wide[i] > wide[best]) then best = i end
    end
    if best then return best end
  end
end

local function fit(columns, wide, gap, room)
  while sum(wide, gap) > room do
    local i = widest(columns, wide)
    if not i then return end
    wide[i] = wide[i] - 1
  end
end

local function line(columns, wide, row, gap, paint)
  local parts = {}
  for i, column in ipairs(columns) do
    if wide[i] > 0 then
      local cell = row[i]
      local text = width.cut(cell_text(cell), wide[i], column.cut)
      text = width.pad(text, wide[i], column.align)
      parts[#parts + 1] = type(cell) == "table" and paint(cell.colour, text) or text
    end
  end
  return (table.concat(parts, (" "):rep(gap)):gsub("%s+$", ""))
end

--- Lines of a table. COLUMNS: {title=, align="right", cut="middle", give=true (shortened first), least=}.
-- A cell is a text (printable, escaped) or {text, colour=name}; an optional column that is empty is left out.
-- ROOM is the width in columns; PAINT(name, text) colours; with `bare` there is no line of titles.
function layout.lines(columns, rows, room, paint, bare)
  local wide = natural(columns, rows, bare)
  for i, column in ipairs(columns) do
    local empty = column.optional or bare
    for _, row in ipairs(rows) do empty = empty and cell_text(row[i]) == "" end
    if empty then wide[i] = 0 end
  end
  local gap = sum(wide, 3) <= room and 3 or 2
  fit(columns, wide, gap, room)
  local lines, titles = {}, {}
  for i, column in ipairs(columns) do titles[i] = { column.title, colour = "title" } end
  if not bare then lines[1] = line(columns, wide, titles, gap, paint) end
  for _, row in ipairs(rows) do lines[#lines + 1] = line(columns, wide, row, gap, paint) end
  return lines
end

return layout
