-- doctor.lua - `doctor`: what is wrong with this node and its network, causes first. The daemon looks, when asked.
local width = require "cli.width"

local doctor = {}

local LOOKS <const> = "Looks around, for ten seconds at most.\n"
local LEVELS <const> = { error = "bad", warn = "warn" }

-- TEXT beside a word, "  seen    ", under what stands SPACE columns in.
local function say(word, text, space, s)
  local lead = (" "):rep(space) .. width.pad(word, 8)
  for i, line in ipairs(width.wrap(text, math.max(s.width - #lead, 12), true)) do
    s:line((i == 1 and (" "):rep(space) .. s:paint("dim", width.pad(word, 8)) or (" "):rep(#lead)) .. line)
  end
end

local function show_row(row, s)
  local space = row.under and 2 or 0
  local head = ("%s%s  "):format((" "):rep(space), s:text(row.code))
  local lines = width.wrap(s:text(row.what), math.max(s.width - #head, 12), true)
  for i, line in ipairs(lines) do
    s:line((i == 1 and (" "):rep(space) .. s:paint(LEVELS[row.level], s:text(row.code)) .. "  " or (" "):rep(#head))
      .. line)
  end
  if row.seen then say("seen", s:text(row.seen), space + 2, s) end
  if row.cure then say("do", s:cure(row.cure), space + 2, s) end
end

local function show_unknown(rows, s)
  local by_why, order = {}, {}
  for _, row in ipairs(rows) do
    local why = s:text(row.seen)
    if not by_why[why] then
      by_why[why], order[#order + 1] = {}, why
    end
    table.insert(by_why[why], s:text(row.code))
  end
  for _, why in ipairs(order) do s:say(("Not known: %s: %s."):format(s.list(by_why[why]), why)) end
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
