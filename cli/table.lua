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

-- What a column needs at least so that it can be read: all of it, or where it may give way its title and its least;
-- and what it should have, before columns that can be spared are left out for it.
local function needs(columns, wide, bare)
  local least, good = {}, {}
  for i, column in ipairs(columns) do
    local title = bare and 0 or width.of(column.title or "")
    least[i], good[i] = wide[i], wide[i]
    if column.give or column.cut then
      least[i] = math.min(wide[i], math.max(column.least or LEAST, title))
      good[i] = math.min(wide[i], math.max(column.good or 0, least[i]))
    end
  end
  return least, good
end

-- Leaves out columns until all that is wanted (WANTED) has room: those of the highest rank first, of the same the
-- last; with SPARED only those that can be spared.
local function drop(columns, wide, wanted, gap, room, spared)
  while sum(wanted, gap) > room do
    local worst
    for i, column in ipairs(columns) do
      local rank, may = column.rank or i, not spared or column.spare
      if wide[i] > 0 and rank > 1 and may and (not worst or rank >= (columns[worst].rank or worst)) then worst = i end
    end
    if not worst then return end
    wide[worst], wanted[worst] = 0, 0
  end
end

-- The widest column that may still give way: those marked `give` down to what they should have, then to their least,
-- those that give first before the others; then the others, and where one column alone is too wide, that one.
local function widest(columns, wide, least, good)
  local function pick(may)
    local best
    for i, column in ipairs(columns) do
      if may(i, column) and (not best or wide[i] > wide[best]) then best = i end
    end
    return best
  end
  return pick(function(i, column) return column.give and wide[i] > good[i] end)
    or pick(function(i, column) return column.give == "first" and wide[i] > least[i] end)
    or pick(function(i, column) return column.give and wide[i] > least[i] end)
    or pick(function(i) return wide[i] > least[i] end) or pick(function(i) return wide[i] > 1 end)
end

local function fit(columns, wide, gap, room, bare)
  local least, good = needs(columns, wide, bare)
  drop(columns, wide, good, gap, room, true)
  for i, columns_of in ipairs(wide) do least[i] = math.min(least[i], columns_of) end
  drop(columns, wide, least, gap, room)
  while sum(wide, gap) > room do
    local i = widest(columns, wide, least, good)
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

--- Lines of a table. COLUMNS: {title=, align="right", cut="middle", give=true (shortened first) or "first" (before
-- those), least=, good=, rank=, spare=true}: where there is no room for all, columns that can be spared are left out
-- until the others are as wide as is `good`; then any until these have their `least`: the highest rank (its place,
-- unless given) first, rank 1 never.
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
  fit(columns, wide, gap, room, bare)
  local lines, titles = {}, {}
  for i, column in ipairs(columns) do titles[i] = { column.title, colour = "title" } end
  if not bare then lines[1] = line(columns, wide, titles, gap, paint) end
  for _, row in ipairs(rows) do lines[#lines + 1] = line(columns, wide, row, gap, paint) end
  return lines
end

return layout
