-- pages.lua - very many values by number, in small tables. Keeps no order.
--
-- A table that changed while the collector was at work is looked through again, whole and at once: for one of 50,000
-- entries that takes the loop milliseconds, for the one page of it that changed next to nothing.
local pages = {}
pages.__index = pages

local BITS <const> = 8 -- 256 pages
local MASK <const> = (1 << BITS) - 1

function pages.new() return setmetatable({}, pages) end

--- The value of the whole number N | nil
function pages:get(n)
  local page = self[n & MASK]
  return page and page[n >> BITS]
end

function pages:set(n, value)
  local page = self[n & MASK]
  if not page then
    page = {}
    self[n & MASK] = page
  end
  page[n >> BITS] = value
end

return pages
