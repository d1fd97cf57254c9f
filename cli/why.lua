-- why.lua - prints why something is as it is: rows { code, what, seen, cure } (lua/why.lua), whoever they are from.
local core = require "core"

local why = {}

-- A text ends its sentence itself, or a full stop does.
local function sentence(text) return text:find "[.!?…]$" and text or text .. "." end

--- A row by itself: its code and that in a few words, what it is about, what was seen, what to do. CODE: what stands in
-- its place above.
function why.show(row, s, code)
  code = code or row.code
  if code then s:line(s:paint("title", code) .. (core.words[code] and ": " .. core.words[code] or "")) end
  if row.what then s:say(s:text(row.what)) end
  if row.seen then s:say("Seen: " .. s:text(row.seen)) end
  if row.cure then s:say("What to do: " .. s:cure(row.cure)) end
end

--- A row among other lines, as one paragraph: "WHAT: SEEN. CURE".
function why.line(row, s)
  local about = {}
  for _, text in ipairs { row.what or false, row.seen or false } do
    if text then about[#about + 1] = s:text(text) end
  end
  s:say(sentence(table.concat(about, ": ")) .. (row.cure and " " .. s:cure(row.cure) or ""))
end

return why
