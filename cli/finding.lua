-- finding.lua - how `doctor` and `health` print what is wrong: a code and what it means, words beside it, and what is
-- not known, by its reason. Asks nobody.
local width = require "cli.width"

local finding = {}

local LEVELS <const> = { error = "bad", warn = "warn" }

--- CODE (of LEVEL) and WHAT it means, SPACE columns in.
function finding.head(code, level, what, space, s)
  local head, lead = s:text(code) .. "  ", (" "):rep(space)
  for i, line in ipairs(width.wrap(s:text(what), math.max(s.width - space - #head, 12), true)) do
    s:line(lead .. (i == 1 and s:paint(LEVELS[level], s:text(code)) .. "  " or (" "):rep(#head)) .. line)
  end
end

--- TEXT beside WORD, "  seen    ", under what stands SPACE columns in.
function finding.beside(word, text, space, s)
  local lead = (" "):rep(space) .. width.pad(word, 8)
  for i, line in ipairs(width.wrap(text, math.max(s.width - #lead, 12), true)) do
    s:line((i == 1 and (" "):rep(space) .. s:paint("dim", width.pad(word, 8)) or (" "):rep(#lead)) .. line)
  end
end

--- ROWS: { name, why } each. "Not known: a and b: there is no such file.": a sentence for each reason.
function finding.not_known(rows, s)
  local by_why, order = {}, {}
  for _, row in ipairs(rows) do
    local why = s:text(row.why)
    if not by_why[why] then
      by_why[why], order[#order + 1] = {}, why
    end
    table.insert(by_why[why], s:text(row.name))
  end
  for _, why in ipairs(order) do s:say(("Not known: %s: %s."):format(s.list(by_why[why]), why)) end
end

return finding
