-- width.lua - how many columns of a terminal a text takes, and cutting it to fit. It escapes nothing.
local width = {}

-- Pairs of first, last. After Unicode's EastAsianWidth (W, F) and emoji presentation, in whole blocks:
-- a block counted too wide leaves a gap, one counted too narrow breaks the table.
local WIDE <const> = {
  0x1100, 0x115F, 0x231A, 0x231B, 0x23E9, 0x23F3, 0x25FD, 0x25FE, 0x2614, 0x2615, 0x2648, 0x2653,
  0x267F, 0x267F, 0x2693, 0x2693, 0x26A1, 0x26A1, 0x26AA, 0x26AB, 0x26BD, 0x26BE, 0x26C4, 0x26C5,
  0x26CE, 0x26CE, 0x26D4, 0x26D4, 0x26EA, 0x26EA, 0x26F2, 0x26F5, 0x26FA, 0x26FD, 0x2705, 0x2705,
  0x270A, 0x270B, 0x2728, 0x2728, 0x274C, 0x274E, 0x2753, 0x2757, 0x2795, 0x2797, 0x27B0, 0x27BF,
  0x2B1B, 0x2B1C, 0x2B50, 0x2B55, 0x2E80, 0x303E, 0x3041, 0xA4CF, 0xA960, 0xA97F, 0xAC00, 0xD7A3,
  0xF900, 0xFAFF, 0xFE10, 0xFE19, 0xFE30, 0xFE6F, 0xFF00, 0xFF60, 0xFFE0, 0xFFE6, 0x16FE0, 0x18DFF,
  0x1AFF0, 0x1B2FF, 0x1F004, 0x1F004, 0x1F0CF, 0x1F0CF, 0x1F18E, 0x1F19A, 0x1F1E6, 0x1F64F, 0x1F680, 0x1F6FF,
  0x1F7E0, 0x1F7FF, 0x1F900, 0x1FAFF, 0x20000, 0x3FFFD,
}
local NONE <const> = { -- marks that sit on the character before them, joiners, selectors
  0x0300, 0x036F, 0x0483, 0x0489, 0x0591, 0x05BD, 0x0610, 0x061A, 0x064B, 0x065F, 0x06D6, 0x06DC,
  0x0900, 0x0902, 0x093C, 0x093C, 0x0941, 0x0948, 0x094D, 0x094D, 0x0E31, 0x0E31, 0x0E34, 0x0E3A,
  0x0E47, 0x0E4E, 0x1AB0, 0x1AFF, 0x1DC0, 0x1DFF, 0x200B, 0x200F, 0x20D0, 0x20FF, 0x3099, 0x309A,
  0xFE00, 0xFE0F, 0xFE20, 0xFE2F, 0xFEFF, 0xFEFF, 0x1F3FB, 0x1F3FF, 0xE0000, 0xE0FFF,
}

local function within(pairs_of, code)
  local low, high = 1, #pairs_of // 2
  while low <= high do
    local middle = (low + high) // 2
    if code < pairs_of[2 * middle - 1] then
      high = middle - 1
    elseif code > pairs_of[2 * middle] then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

local function columns(code)
  if code < 0x300 then return 1 end
  if within(NONE, code) then return 0 end
  return within(WIDE, code) and 2 or 1
end

--- Columns that TEXT (valid UTF-8 without controls) takes.
function width.of(text)
  if not text:find "[\x80-\xff]" then return #text end -- most texts; tables ask this for each cell several times
  local sum = 0
  for _, code in utf8.codes(text) do sum = sum + columns(code) end
  return sum
end

--- The longest beginning of TEXT within MAX columns, and the columns it takes.
function width.head(text, max)
  if not text:find "[\x80-\xff]" then return text:sub(1, math.max(max, 0)), math.min(#text, math.max(max, 0)) end
  local sum = 0
  for at, code in utf8.codes(text) do
    local wide = columns(code)
    if sum + wide > max then return text:sub(1, at - 1), sum end
    sum = sum + wide
  end
  return text, sum
end

local function tail(text, max)
  local all = width.of(text)
  for at, code in utf8.codes(text) do
    if all <= max and columns(code) > 0 then return text:sub(at) end
    all = all - columns(code)
  end
  return ""
end

-- Of words whole ones stay, unless less than half would be left.
local function whole_words(text)
  local words = text:match "^(.+) %S*$"
  return (words and width.of(words) * 2 >= width.of(text) and words or text):match "^(.-)[,:;]*$"
end

--- TEXT within MAX columns; what is left out shows as "…", at its end, or with "middle" inside.
function width.cut(text, max, where)
  if width.of(text) <= max then return text end
  if max <= 1 then return max == 1 and "…" or "" end
  if where ~= "middle" then return whole_words((width.head(text, max - 1))) .. "…" end
  local behind = (max - 1) // 2
  return width.head(text, max - 1 - behind) .. "…" .. tail(text, behind)
end

-- The beginning of a word that is too long, up to a slash where one is near.
local function piece(word, max)
  local head = width.head(word, max)
  local folders = head:match "^.*/"
  return folders and #folders * 2 >= #head and folders or head
end

--- TEXT as lines of at most MAX columns, broken at spaces; a longer word stays whole, or with HARD is broken, too.
function width.wrap(text, max, hard)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    local longer = line == "" and word or line .. " " .. word
    if width.of(longer) > max and line ~= "" then
      lines[#lines + 1] = line
      longer = word
    end
    while hard and width.of(longer) > max do
      lines[#lines + 1] = piece(longer, max)
      longer = longer:sub(#lines[#lines] + 1)
    end
    line = longer
  end
  lines[#lines + 1] = line
  return lines
end

--- A command of PARTS (as a shell takes them), indented: one line, or where that is wider than MOST (nil: however
-- wide) several that a shell reads as one.
function width.command(parts, most)
  local one = "  " .. table.concat(parts, " ")
  if not most or width.of(one) <= most then return one end
  local lines = { "  " .. parts[1] }
  for i = 2, #parts do
    local longer = lines[#lines] .. " " .. parts[i]
    if width.of(longer) + 2 <= most then lines[#lines] = longer else lines[#lines + 1] = "      " .. parts[i] end
  end
  return table.concat(lines, " \\\n")
end

--- TEXT filled with spaces to COLUMNS, on its left side with "right" alignment.
function width.pad(text, count, align)
  local fill = (" "):rep(count - width.of(text))
  return align == "right" and fill .. text or text .. fill
end

return width
