-- kinds.lua - files that are not shared, by kind: how many, and what to do about each. For lists and sums. No table.
local kinds = {}

local MOST <const> = 6 -- kinds that are told; a folder has rarely more

local function by_word(files)
  local list, of = {}, {}
  for _, file in ipairs(files) do
    if file.word then
      local kind = of[file.word]
      if not kind then
        kind = { word = file.word, cure = file.cure, count = 0 }
        of[file.word], list[#list + 1] = kind, kind
      end
      kind.count = kind.count + 1
      kind.reason = kind.reason or file.reason and file.reason:match(": (.+)$")
    end
  end
  table.sort(list, function(a, b) return a.count > b.count or a.count == b.count and a.word < b.word end)
  return list
end

--- A line a kind: how many, the reason of one of them, and the cure. NOTES: the daemon's, of the folder as a whole.
function kinds.show(files, notes, s)
  for i, kind in ipairs(by_word(files)) do
    if i > MOST then break end
    local such_as = kind.reason and kind.word ~= "away" and ", " .. s:text(kind.reason) or ""
    s:say(("%s (%d%s): %s"):format(s:text(kind.word), kind.count, such_as, s:cure(kind.cure or "see errno(3).")))
  end
  for _, note in ipairs(notes or {}) do s:say(("%s. %s"):format(s:text(note.text), s:cure(note.cure))) end
end

--- ", 2 not shared (1 name, 1 pipe), 3 not there"; "" where there is nothing to say.
function kinds.sum(files, s)
  local words, refused, away = {}, 0, 0
  for _, kind in ipairs(by_word(files)) do
    if kind.word == "away" then
      away = kind.count
    else
      refused = refused + kind.count
      words[#words + 1] = ("%d %s"):format(kind.count, s:text(kind.word))
    end
  end
  local text = refused > 0 and (", %d not shared (%s)"):format(refused, table.concat(words, ", ", 1,
    math.min(#words, MOST))) or ""
  return away > 0 and ("%s, %d not there"):format(text, away) or text
end

--- How many are not shared.
function kinds.refused(files)
  local n = 0
  for _, kind in ipairs(by_word(files)) do
    if kind.word ~= "away" then n = n + kind.count end
  end
  return n
end

return kinds
