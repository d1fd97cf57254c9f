-- files.lua - `files list`: this node's own files, those held for others, those on their way.
local kinds = require "cli.kinds"
local progress = require "cli.progress"
local report = require "cli.report"
local shell = require "shell"

local files = {}

function files.request(options) return { command = "files", after = options and options.after } end

local COLUMNS <const> = {
  { title = "FILE", cut = "middle", give = true, least = 12, good = 16, rank = 1 },
  { title = "SIZE", align = "right", rank = 3 },
  { title = "FROM", give = true, optional = true, least = 8, cut = "middle", rank = 4 },
  { title = "STATE", give = true, least = 14, good = 26, rank = 2 }, { title = "CID", rank = 5, spare = true },
}

local function own(file, s)
  return { s:text(file.name), s.size(file.size), "", report.state(file, s), s:short(file.cid) }
end

-- A copy: its path at the robot that it is from, and whether it is still there.
local function held(file, s)
  local state = { file.gone and "held, gone there" or "held for others", colour = "good" }
  if file.away then state = { "not there, its disk is away", colour = "bad" } end
  return { s:text(file.name), s.size(file.size), file.from and s:who(file.from) or "", state, s:short(file.cid) }
end

local NAMES <const> = 7 -- further ones of one file

local function further(rows, file, s)
  local also, cid = file.also or {}, s:short(file.cid)
  for i = 1, math.min(#also, NAMES) do
    rows[#rows + 1] = { s:text(also[i].name), "", s:who(also[i].from), "same bytes", cid }
  end
  if #also > NAMES then rows[#rows + 1] = { ("and %d names more"):format(#also - NAMES), "", "", "same bytes", cid } end
end

local function fetching(file, s)
  local from, source = file.from and s:who(file.from), file.source and s:text(file.source)
  return { s:text(file.name), s.size(file.size), from or source or "",
    progress.state(file, s, not source or not from or from == source), s:short(file.cid) }
end

-- One page of several: what to type for the next.
local function say_page(answer, s)
  s:say(("These are %d of them%s."):format(#answer.files + #answer.held,
    answer.more and ", the next: files list --after " .. shell.word(s:text(answer.more)) or ", the last"))
end

--- Prints the answer.
function files.show(answer, s)
  local rows = {}
  for _, file in ipairs(answer.files) do rows[#rows + 1] = own(file, s) end
  for _, file in ipairs(answer.held) do
    rows[#rows + 1] = held(file, s)
    further(rows, file, s)
  end
  for _, file in ipairs(answer.damaged or {}) do rows[#rows + 1] = report.damaged(file, s) end
  for _, file in ipairs(answer.fetching or {}) do rows[#rows + 1] = fetching(file, s) end
  if #rows > 0 then s:table(COLUMNS, rows) end
  if answer.after then return say_page(answer, s) end
  report.say_damaged(answer, s)
  if answer.problem then s:say(("%s: %s."):format(s:text(answer.share), s:text(answer.problem))) end
  kinds.show(answer.files, answer.notes, s)
  local on_way, waits = progress.say(answer, s)
  if answer.disk then s:say(progress.disk(answer.disk, s) .. ".") end
  if answer.more then return say_page(answer, s) end
  local away = 0
  for _, file in ipairs(answer.held) do away = away + (file.away and 1 or 0) end
  local not_there = away > 0 and (", %d copies not there"):format(away) or ""
  s:say(("%s in %s%s, %d held for others%s, %d on their way%s."):format(s.count(#answer.files, "file"),
    s:text(answer.share), kinds.sum(answer.files, s), #answer.held - away, not_there, on_way,
    waits > 0 and (", %d waiting"):format(waits) or ""))
end

return files
