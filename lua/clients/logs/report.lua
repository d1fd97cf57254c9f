-- report.lua - what the logs client knows of each file, as plain rows for `report` and `files`. Changes nothing.
local cures = require "cures"
local slices = require "slices"
local sorted = require "sorted"

local report = {}

local function cure_of(code)
  local known = code and cures.of(code)
  return known and known.cure
end

local function row(file, finished)
  local state = not file.info and file.state ~= "refused" and finished:state(file.name) or file
  return {
    name = file.name, size = file.info and file.info.size or state.size, cid = file.shared or file.barred,
    class = file.class, state = state.state, reason = state.reason, word = file.word, cure = cure_of(file.word),
    rate = state.rate, progress = file.job and file.job:progress() or nil, since = state.since,
  }
end

-- The rows of FILES one after the other, made as they are asked for. AWAY: rows of files that are away (away.lua).
-- Those that are there stand first where names are equal. → a function that gives the next one | nil
function report.each(files, finished, away)
  local names, at, i = slices.keys(files), 1, 1
  return function()
    while names[i] do
      if away[at] and away[at].name < names[i] then break end
      local file = files[names[i]]
      i = i + 1
      slices.step(0.5)
      if file then return row(file, finished) end -- it may have gone between two slices
    end
    at = at + 1
    return away[at - 1]
  end
end

function report.files(files, finished, away)
  local rows = {}
  for one in report.each(files, finished, away) do rows[#rows + 1] = one end
  return rows
end

-- TROUBLE as watch.lua says it, or nil; OVER names were not even looked at.
function report.notes(trouble, over)
  local notes = { trouble }
  if over > 0 then
    notes[#notes + 1] = { word = "full", text = ("%d more names in the folder are not looked at"):format(over),
      cure = cure_of "full" }
  end
  return notes
end

-- Counts by word of refusal.
function report.refused(files, over)
  local counts = { full = over > 0 and over or nil }
  for _, name in ipairs(sorted.keys(files)) do
    local file = files[name]
    if file.state == "refused" then counts[file.word] = (counts[file.word] or 0) + 1 end
  end
  return counts
end

return report
