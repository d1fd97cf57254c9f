-- leaves.lua - machines.txt a second time, from spec/PROTOCOL.md alone: sorts whole lines and cuts them. For specs.
local second = {}

-- ROWS: { class =, ends = s, short = 16 bytes, line = } each, in any order. → a copy in the order of the page
function second.sorted(rows)
  local function first(class) return ({ root = 1, trust = 2 })[class] or 3 end
  local list = { table.unpack(rows) }
  table.sort(list, function(a, b)
    if first(a.class) ~= first(b.class) then return first(a.class) < first(b.class) end
    if a.class ~= b.class then return a.class < b.class end
    if a.ends ~= b.ends then return a.ends < b.ends end
    return a.short < b.short
  end)
  return list
end

-- The leaves of such ROWS, as texts.
function second.cut(rows)
  local list = second.sorted(rows)
  local texts, text, class = {}, "", nil
  for _, row in ipairs(list) do
    if text ~= "" and (row.class ~= class or #text + #row.line + 1 > 262144) then
      texts[#texts + 1], text = text, ""
    end
    text, class = text .. row.line .. "\n", row.class
    if row.short:sub(1, 1) == "\0" then texts[#texts + 1], text = text, "" end
  end
  if text ~= "" then texts[#texts + 1] = text end
  return texts
end

return second
