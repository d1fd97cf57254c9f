-- progress.lua - words that say how far files have come and what keeps them. It draws; it measures and fetches nothing.
local width = require "cli.width"

local progress = {}

local BAR <const> = 20
local LEAST <const> = 8 -- columns of the shortest bar
local SHORT <const> = 5 -- of the shortest name

local function bar(done, size, columns)
  local full = size > 0 and math.min(done * columns // size, columns) or columns
  return ("█"):rep(full) .. ("░"):rep(columns - full)
end

-- Without a bar, where there is little room.
local function tight(name, text, facts, room)
  if room - width.of(text) - 2 < SHORT then
    text = ("%d %%"):format(facts.size > 0 and facts.done * 100 // facts.size or 100)
  end
  name = width.cut(name, math.max(room - width.of(text) - 2, 1), "middle")
  return width.cut(("%s  %s"):format(name, text), room)
end

--- The line for FACTS {name, done, size, rate (bytes/s or nil), source (text or nil)} within show.width
-- columns, or COLUMNS where they are given: what does not fit is left out from the end, then the bar, then the sizes
-- become a share in per cent; the line is never wider.
function progress.line(show, facts, columns)
  local parts = { show.part(facts.done, facts.size) }
  if facts.rate and facts.rate > 0 then parts[#parts + 1] = show.rate(facts.rate) end
  if facts.source then parts[#parts + 1] = show:text(facts.source) end
  if facts.rate and facts.rate > 0 then
    parts[#parts + 1] = show.span(math.ceil((facts.size - facts.done) / facts.rate) * 1000)
  end
  local name, room = show:text(facts.name), (columns or show.width) - 1
  local text = table.concat(parts, "  ")
  while #parts > 1 and width.of(text) + LEAST + 4 + math.min(width.of(name), 12) > room do
    parts[#parts] = nil
    text = table.concat(parts, "  ")
  end
  local left = room - width.of(text) - 4
  if left < LEAST + SHORT then return tight(name, text, facts, room) end
  local filled = math.max(LEAST, math.min(BAR, left - width.of(name)))
  name = width.cut(name, left - filled, "middle")
  return ("%s  %s  %s"):format(name, bar(facts.done, facts.size, filled), text)
end

-- What is tried now, where there is no bar to show: FILE is a row as job.lua tells it. → text | nil
local function attempt(file, s)
  if file.state == "waits" then return ("%s; asked again …"):format(s:text(file.reason)) end
  if not file.source then return file.done == 0 and "looking for somebody who has it …" or nil end
  return file.done == 0 and not file.rate and ("asking %s …"):format(s:text(file.source)) or nil
end

local QUIET <const> = 3000 -- ms after which a line is said where there is no terminal to draw on

local function drawn(context, name)
  local show, world = context.show, context.world
  local function paint(file)
    -- The terminal of standard error, which may have become narrower; show.width is that of standard output.
    local tried, columns = attempt(file, show), math.max(world.columns(2) or 0, 2)
    local line = tried and width.cut(("%s  %s"):format(show:text(name), tried), columns - 1)
      or progress.line(show, { name = name, done = file.done, size = file.size, rate = file.rate,
        source = file.source }, columns)
    world.complain("\r" .. line .. "\27[K")
  end
  return paint, function() world.complain "\r\27[K" end
end

local function said_once(context, name)
  local show, began, said = context.show, context.world.loop():now(), false
  return function(file)
    if said or context.world.loop():now() - began < QUIET then return end
    said = true
    context:complain(("%s: %s"):format(show:text(name), attempt(file, show) or (progress.state(file, show))))
  end, function() end
end

--- Shows on standard error how far the file NAME is: → paint(row of job.lua), wipe(). On a terminal a line that is
-- drawn again and again; elsewhere, when it takes some seconds, one line.
function progress.painter(context, name)
  local draws = context.world.columns(2) and context.world.env "TERM" ~= "dumb"
  return (draws and drawn or said_once)(context, name)
end

--- What is said of a FILE on its way: { state, done, size, source, via, rate, since_ms, reason }. BARE: its source is
-- told beside it.
function progress.state(file, s, bare)
  if file.state == "waits" then
    local words = ("waits %s: %s"):format(s.span(file.since_ms), s:text(file.reason))
    return { file.done and file.done > 0 and words .. ", " .. s.part(file.done, file.size) or words, colour = "warn" }
  end
  local words = "fetching"
  if file.source and not bare then words = words .. " from " .. s:text(file.source) end
  if file.via and not bare then words = words .. " over " .. s:text(file.via) end
  words = words .. ", " .. s.part(file.done, file.size)
  return file.rate and words .. ", " .. s.rate(file.rate) or words
end

local MOST <const> = 3 -- files whose reason is said in full

local function waiting(answer, s)
  local n = 0
  for _, file in ipairs(answer.fetching) do
    if file.state == "waits" then
      n = n + 1
      local again = file.again_ms and ("; tried again in %s"):format(s.span(file.again_ms)) or ""
      if n <= MOST then s:say(("%s waits: %s%s."):format(s:text(file.name), s:text(file.reason), again)) end
    end
  end
  return n
end

local function sum(each, s) return ("%s (%s)"):format(s.count(each.files, "file"), s.size(each.bytes)) end

--- What the policy does not want, and the room there is, in sentences.
function progress.unwanted(answer, s)
  local list = answer.unwanted or {}
  for i, each in ipairs(list) do
    local room = i == #list and answer.store_free
    s:say(("%s not fetched: %s.%s"):format(sum(each, s) .. (each.files == 1 and " is" or " are"), s:text(each.why),
      room and (" %s are free for fetched files."):format(s.size(room)) or ""))
  end
end

--- What is on its way, what waits and why, in sentences; → how many of each.
function progress.say(answer, s)
  local waits = waiting(answer, s)
  local queued = answer.queued
  if queued and queued.files > 0 then
    s:say(("%s %s for a turn."):format(sum(queued, s), queued.files == 1 and "waits" or "wait"))
  end
  progress.unwanted(answer, s)
  return #answer.fetching - waits, waits
end

--- What is wrong with the disk that fetched files go to: { text, free, files, needed, since_ms }.
function progress.disk(disk, s)
  local words = s:text(disk.text)
  if disk.free then words = ("%s, %s free"):format(words, s.size(disk.free)) end
  if disk.files and disk.files > 0 then
    words = ("%s; %s %s for %s more room"):format(words, s.count(disk.files, "file"),
      disk.files == 1 and "waits" or "wait", s.size(disk.needed))
  end
  return ("%s (since %s)"):format(words:gsub("^%l", string.upper), s.span(disk.since_ms))
end

return progress
