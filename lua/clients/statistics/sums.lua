-- sums.lua - the counters of many robots as sums in which nobody is seen. Gathers none, says none.
--
-- A cell of fewer than five robots is told as -1, be it the last or none, and of fewer than five robots in all nothing
-- is told. Each counter has as many cells as it may have steps: the number of cells says nothing of anybody.
local json = require "core.json"
local text = require "core.text"
local usage = require "clients.statistics.usage"

local sums = {}

local K <const> = 5
local LIST <const> = 1 -- version of the list of counters
local SITE_MAX <const> = 24 -- bytes

-- How many of ROWS have each step of the counter NAME, under K as -1 | nil: all are.
local function cells_of(rows, name)
  local cells, is_told = {}, false
  for i = 1, usage.most[name] + 1 do cells[i] = 0 end
  for _, row in pairs(rows) do -- any order: sums
    if row[name] then cells[row[name] + 1] = cells[row[name] + 1] + 1 end
  end
  for i, n in ipairs(cells) do
    is_told = is_told or n >= K
    cells[i] = n >= K and n or -1
  end
  return is_told and json.array(cells) or nil
end

--- How many ROWS there are.
function sums.count(rows)
  local n = 0
  for _ in pairs(rows) do n = n + 1 end -- any order: a sum
  return n
end

local function site_of(site)
  return type(site) == "string" and #site <= SITE_MAX and text.utf8(site) and site or nil
end

--- The sums of ROWS of the week NUMBER, gathered at SITE, as DATA | nil: too few robots. IS_OPEN: anybody may make up
--- robots.
function sums.of(rows, number, site, is_open)
  local robots = sums.count(rows)
  if robots < K then return nil end
  local data = { k = K, list = LIST, week = number, robots = robots // K * K, site = site_of(site),
    open = is_open or nil }
  for _, name in ipairs(usage.names) do data[name] = cells_of(rows, name) end
  return data
end

return sums
