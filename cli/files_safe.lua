-- files_safe.lua - `files safe`: may this node be switched off, as far as its own files go? It asks the daemon only.
local call = require "cli.call"
local report = require "cli.report"

local files_safe = {}

local AGAIN <const> = 1000 -- ms between two looks while it is waited for
local SHARE <const> = 9 -- and so many times as long as the answer took: with many files the daemon has a lot to look at
local SHOWN <const> = 20 -- files that are not safe

local COLUMNS <const> = {
  { title = "FILE", cut = "middle", give = true, least = 12, good = 16, rank = 1 },
  { title = "SIZE", align = "right", rank = 3 }, { title = "STATE", give = true, least = 14, good = 26, rank = 2 },
  { title = "CID", rank = 4, spare = true },
}

local function row(file, s)
  local state = file.state == "published" and { "on this node only", colour = "warn" } or report.state(file, s)
  return { s:text(file.name), s.size(file.size), state, file.cid and s:short(file.cid) or s.UNKNOWN }
end

local function say_rows(answer, s)
  local rows = {}
  for i, file in ipairs(answer.rows) do
    if i > SHOWN then break end
    rows[i] = row(file, s)
  end
  s:table(COLUMNS, rows)
  if answer.unsafe > #rows then s:say(("and %d more"):format(answer.unsafe - #rows)) end
end

-- What the policy keeps here is no matter of copies, and is lost with the node all the same.
local function say_kept(answer, s)
  local kept = answer.kept or 0
  if kept == 0 then return end
  s:say(("%s on this node alone, since its owner or policy says so, and would be lost with it. files list names them.")
    :format(kept == 1 and "1 file stays" or ("%d files stay"):format(kept)))
end

--- Prints the answer. → exit code | nil: all is well
function files_safe.show(answer, s)
  local counted = answer.named and "" or " Nobody named whose copies count, so anybody's do: no proof against liars."
  if answer.problem then s:say(("Not known to be safe: %s."):format(s:text(answer.problem))) end
  if answer.problem and answer.unsafe == 0 then return end
  if answer.files == 0 then
    s:say((answer.kept or 0) > 0 and "No own file is shared." or "There are no own files that could be lost.")
  elseif answer.safe then
    s:say(("Safe: %s on another node.%s"):format(answer.files == 1 and "the own file is whole"
      or ("each of %d own files is whole"):format(answer.files), counted))
  else
    say_rows(answer, s)
    s:say(("Not yet safe: %d of %s, %s. report says what the stores wait for.%s"):format(answer.unsafe,
      s.count(answer.files, "own file"), s.size(answer.bytes), counted))
  end
  say_kept(answer, s)
end

--- Asks once, or until all is safe, or OPTIONS.wait seconds have passed.
function files_safe.run(context, options)
  local loop = context.world.loop()
  local till = loop:now() + (options.wait or 0) * 1000
  while true do
    local began = loop:now()
    local answer, code = context:ask { command = "safe" }
    if not answer then return code end
    if answer.safe or loop:now() >= till then
      if options.json then context:json(answer) else files_safe.show(answer, context.show) end
      return answer.safe and context.exit.ok or context.exit.no
    end
    if not call.pause(loop, math.max(AGAIN, SHARE * (loop:now() - began))) then return context.exit.stopped end
  end
end

return files_safe
