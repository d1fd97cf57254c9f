-- progress.lua - one line that says how far a file has come. It draws; it measures and fetches nothing.
local width = require "cli.width"

local progress = {}

local BAR <const> = 20
local LEAST <const> = 8

local function bar(done, size, columns)
  local full = size > 0 and math.min(done * columns // size, columns) or columns
  return ("█"):rep(full) .. ("░"):rep(columns - full)
end

--- The line for FACTS {name, done, size, rate (bytes/s or nil), source (text or nil)} within show.width
-- columns: what does not fit is left out from the end, the name shortened last.
function progress.line(show, facts)
  local parts = { show.part(facts.done, facts.size) }
  if facts.rate and facts.rate > 0 then parts[#parts + 1] = show.rate(facts.rate) end
  if facts.source then parts[#parts + 1] = show:text(facts.source) end
  if facts.rate and facts.rate > 0 then
    parts[#parts + 1] = show.span(math.ceil((facts.size - facts.done) / facts.rate) * 1000)
  end
  local name, room = show:text(facts.name), show.width - 1
  local text = table.concat(parts, "  ")
  while #parts > 1 and width.of(text) + LEAST + 4 + math.min(width.of(name), 12) > room do
    parts[#parts] = nil
    text = table.concat(parts, "  ")
  end
  local left = room - width.of(text) - 4
  local columns = math.max(LEAST, math.min(BAR, left - width.of(name)))
  name = width.cut(name, math.max(left - columns, 1), "middle")
  return ("%s  %s  %s"):format(name, bar(facts.done, facts.size, columns), text)
end

return progress
