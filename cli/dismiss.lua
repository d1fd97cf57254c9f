-- dismiss.lua - `files dismiss`: own files whose file system is not there are said to be gone. Deletes nothing.
local report = require "cli.report"

local dismiss = {}

function dismiss.request(options) return { command = "dismiss", yes = options.yes or false } end

local COLUMNS <const> = {
  { title = "FILE", cut = "middle", give = true, least = 20 }, { title = "SIZE", align = "right" },
  { title = "STATE", give = true, least = 12 }, { title = "CID" },
}

--- Prints the answer.
function dismiss.show(answer, s)
  local rows = {}
  for i, file in ipairs(answer.files) do
    rows[i] = { s:text(file.name), s.size(file.size), report.state(file, s), s:short(file.cid) }
  end
  if #rows == 0 then return s:say(("No file of %s is away. Nothing to dismiss."):format(s:text(answer.share))) end
  s:table(COLUMNS, rows)
  local files = s.count(#rows, "file")
  if answer.dismissed > 0 then
    return s:say(("%s dismissed: the swarm hears that this node no longer has them."):format(files))
  end
  s:say(("%s would be dismissed: the swarm would hear that this node no longer has them. Do it: \z
    files dismiss --yes"):format(files))
end

return dismiss
