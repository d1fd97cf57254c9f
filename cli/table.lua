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

-- What a column needs at least so that it can be read: all of it, or where it may give way its title and its least.
local function needs(columns, wide, bare)
  local least = {}
  for i, column in ipairs(columns) do
    least[i] = wide[i]
    if column.give or column.cut then
      least[i] = math.min(wide[i], math.max(column.least or LEAST, bare and 0 or width.of(column.title or "")))
    end
  end
  return least
end

-- Leaves out columns until the rest can be read: those of the highest rank first, of the same the last.
local function drop(columns, wide, least, gap, room)
  while sum(least, gap) > room do
    local worst
    for i, column in ipairs(columns) do
      local rank = column.rank or i
      if wide[i] > 0 and rank > 1 and (not worst or rank >= (columns[worst].rank or worst)) then worst = i end
    end
    if not worst then return end
    wide[worst], least[worst] = 0, 0
  end
end

-- The widest column that may still give way: those marked `give` down to their least, then the others to theirs, and
-- where one column alone is too wide, that one.
local function widest(columns, wide, least)
  for _, turn in ipairs { "give", "others", "anybody" } do
    local best
    for i, column in ipairs(columns) do
      local may = wide[i] > (turn == "anybody" and 1 or least[i]) and (turn ~= "give" or column.give)
      if may and (not best or wide[i] > wide[best]) then best = i end
    end
    if best then return best end
  end
end

local function fit(columns, wide, least, gap, room)
  drop(columns, wide, least, gap, room)
  while sum(wide, gap) > room do
    local i = widest(columns, wide, least)
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

--- Lines of a table. COLUMNS: {title=, align="right", cut="middle", give=true (shortened first), least=, rank=}: where
-- there is no room for all the highest rank (its place, unless given) is left out first, rank 1 never.
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
  fit(columns, wide, needs(columns, wide, bare), gap, room)
  local lines, titles = {}, {}
  for i, column in ipairs(columns) do titles[i] = { column.title, colour = "title" } end
  if not bare then lines[1] = line(columns, wide, titles, gap, paint) end
  for _, row in ipairs(rows) do lines[#lines + 1] = line(columns, wide, row, gap, paint) end
  return lines
end

return layout
