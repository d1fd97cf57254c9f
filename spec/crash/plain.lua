-- plain.lua - a journal with numbered lines, and a hand that can spoil its files. No checks.
local journal = require "core.journal"

local plain = {}

plain.options = { families = { "long", "short" }, segment = 2048, reserve = 0, date = "2026-11-22" }
plain.folder = "state/journal"

function plain.open(d, options)
  local j, report = assert(journal.open(d, plain.folder, options or plain.options))
  local lines = {}
  j:replay(function(_, line) lines[#lines + 1] = line end)
  return j, report, lines
end

function plain.fill(j, count, size, ends)
  local places, lines = {}, {}
  for i = 1, count do
    lines[i] = ("line %04d %s"):format(i, ("x"):rep(size or 100))
    places[i] = assert(j:append("long", lines[i], ends or 5000 + i))
  end
  return places, lines
end

function plain.segments(d)
  local found = {}
  for _, name in ipairs(d:list(plain.folder)) do
    if name:find "%.journal$" then found[#found + 1] = plain.folder .. "/" .. name end
  end
  return found
end

-- Without what comes a second time, sorted.
function plain.once(lines)
  local seen, result = {}, {}
  for _, line in ipairs(lines) do
    if not seen[line] then result[#result + 1] = line end
    seen[line] = true
  end
  table.sort(result)
  return result
end

function plain.poke(d, path, offset, bytes)
  local file = assert(d:open(path, "write"))
  assert(file:pwrite(bytes, offset))
  assert(file:sync())
  file:close()
end

return plain
