-- report.lua - what the logs client knows of each file, as plain rows for `report` and `files`. Changes nothing.
local sorted = require "sorted"

local report = {}

local function row(file, finished)
  local state = not file.info and file.state ~= "refused" and finished:state(file.name) or file
  return {
    name = file.name, size = file.info and file.info.size or state.size, cid = file.shared, class = file.class,
    state = state.state, reason = state.reason, word = file.word, rate = state.rate,
    progress = file.job and file.job:progress() or nil, since = state.since,
  }
end

function report.files(files, finished)
  local rows = {}
  for i, name in ipairs(sorted.keys(files)) do rows[i] = row(files[name], finished) end
  return rows
end

-- Counts by word of refusal; OVER names were not even looked at.
function report.refused(files, over)
  local counts = { full = over > 0 and over or nil }
  for _, name in ipairs(sorted.keys(files)) do
    local file = files[name]
    if file.state == "refused" then counts[file.word] = (counts[file.word] or 0) + 1 end
  end
  return counts
end

return report
