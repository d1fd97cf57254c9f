-- doctor.lua - `doctor`: what is wrong with this node and its network, causes first. The daemon looks, when asked.
local finding = require "cli.finding"

local doctor = {}

local LOOKS <const> = "Looks around, for ten seconds at most.\n"

local function show_row(row, s)
  local space = row.under and 2 or 0
  finding.head(row.code, row.level, row.what, space, s)
  if row.seen then finding.beside("seen", s:text(row.seen), space + 2, s) end
  if row.cure then finding.beside("do", s:cure(row.cure), space + 2, s) end
end

local function show_unknown(rows, s)
  local list = {}
  for i, row in ipairs(rows) do list[i] = { name = row.code, why = row.seen } end
  finding.not_known(list, s)
end

local function show(answer, s)
  for _, row in ipairs(answer.findings) do show_row(row, s) end
  show_unknown(answer.unknown, s)
  local peer = answer.peer
  if peer and peer.id then s:say(("At %s is %s, and answers."):format(s:text(peer.host), s:who(peer))) end
  local causes, found = 0, #answer.findings
  for _, row in ipairs(answer.findings) do causes = causes + (row.under and 0 or 1) end
  if found == 0 then
    return s:say(("Nothing is wrong, as far as %s can tell."):format(s.count(answer.checks, "check")))
  end
  s:say(("%s%s."):format(s.count(causes, "finding"), found > causes
    and (", and %d that may follow from it"):format(found - causes) or ""))
end

--- Asks for up to ten seconds; → exit code: `no` where anything was found.
function doctor.run(context, options)
  local found = false
  local exit = context:follow({ command = "doctor", peer = options.peer }, function(answer)
    if answer.continues then
      if context.world.columns(2) then context.world.complain(LOOKS) end
      return
    end
    found = answer.findings[1] ~= nil
    if options.json then context:json(answer) else show(answer, context.show) end
  end)
  return exit == context.exit.ok and found and context.exit.no or exit
end

return doctor
