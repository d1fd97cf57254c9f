-- kinds.lua - files that are not shared, by kind: how many, and what to do about each. For lists and sums. No table.
local print_why = require "cli.why"

local kinds = {}

local MOST <const> = 6 -- kinds that are told; a folder has rarely more

--- Why a file is not shared, in as few words as tell it: "private (.*)", "link", "allow_push_logs_data is 0". | nil
function kinds.why(file)
  local rest = file.reason and file.reason:match "^[%w]+: (.+)$"
  if not file.word or file.word == "away" then return file.reason end
  if file.word ~= "permission" then return file.word end
  local glob = rest and (rest:match "^private, as (.+)$" or rest:match "^private: its name is like (.+)$")
  return glob and ("private (%s)"):format(glob) or rest or file.reason
end

-- Adds the reason of FILE to those of its KIND, once.
local function add_reason(kind, file)
  local why = file.word == "permission" and kinds.why(file) or file.reason and file.reason:match(": (.+)$")
  if not why or kind.seen[why] then return end
  kind.seen[why] = true
  table.insert(kind.reasons, why)
end

local function by_word(files)
  local list, of = {}, {}
  for _, file in ipairs(files) do
    if file.word then
      local key = file.word == "away" and "away " .. (file.cure or "") or file.word -- by several causes
      local kind = of[key]
      if not kind then
        kind = { word = file.word, cure = file.cure, count = 0, reasons = {}, seen = {} }
        of[key], list[#list + 1] = kind, kind
      end
      kind.count = kind.count + 1
      add_reason(kind, file)
    end
  end
  table.sort(list, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.word < b.word or a.word == b.word and (a.cure or "") < (b.cure or "")
  end)
  return list
end

-- ": private (.*), private (*.key)": the rules, or what else is wrong, of a few.
local function reasons_of(kind, s)
  if not kind.reasons[1] or kind.word == "away" then return "" end
  local shown = { table.unpack(kind.reasons, 1, MOST) }
  for i, why in ipairs(shown) do shown[i] = s:text(why) end
  return ": " .. table.concat(shown, ", ") .. (kind.reasons[MOST + 1] and " …" or "")
end

--- A line a kind: how many, the reasons, and the cure. NOTES: the daemon's, of the folder as a whole.
function kinds.show(files, notes, s)
  for i, kind in ipairs(by_word(files)) do
    if i > MOST then break end
    s:say(("%s (%d%s): %s"):format(s:text(kind.word), kind.count, reasons_of(kind, s),
      s:cure(kind.cure or "see errno(3).")))
  end
  for _, note in ipairs(notes or {}) do print_why.line({ seen = note.text, cure = note.cure }, s) end
end

--- ", 2 not shared (1 name, 1 pipe), 3 not there"; "" where there is nothing to say.
function kinds.sum(files, s)
  local words, refused, away = {}, 0, 0
  for _, kind in ipairs(by_word(files)) do
    if kind.word == "away" then
      away = away + kind.count
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
