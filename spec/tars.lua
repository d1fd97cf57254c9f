-- tars.lua - tars as people and attackers make them, member by member. No checks.
local tars = {}

local BLOCK <const> = 512
local KINDS <const> = { file = "0", hard = "1", link = "2", char = "3", block = "4", folder = "5", fifo = "6" }

local function field(text, size) return text .. ("\0"):rep(size - #text) end

local function octal(number, size) return ("%0" .. size - 1 .. "o\0"):format(number) end

local function sum_of(header)
  local sum = 0
  for i = 1, #header do sum = sum + header:byte(i) end
  return sum
end

--- One member: { name, kind = "file" | …, data =, size = that it claims to have, mode =, to = of links }, as it stands
--- in a tar.
function tars.member(one)
  local data, kind = one.data or "", one.kind or "file"
  local mode = one.mode or kind == "folder" and 493 or 420
  local before = field(one.name, 100) .. octal(mode, 8) .. octal(0, 8) .. octal(0, 8)
    .. octal(one.size or #data, 12) .. octal(1700000000, 12)
  local behind = KINDS[kind] .. field(one.to or "", 100) .. "ustar\00000" .. field("root", 32) .. field("root", 32)
    .. octal(1, 8) .. octal(3, 8) .. field("", 155) .. field("", 12)
  local header = before .. ("%06o\0 "):format(sum_of(before .. (" "):rep(8) .. behind)) .. behind
  return header .. data .. ("\0"):rep(-#data % BLOCK)
end

--- A tar of LIST, each as `member` takes it.
function tars.of(list)
  local parts = {}
  for i, one in ipairs(list) do parts[i] = tars.member(one) end
  return table.concat(parts) .. ("\0"):rep(2 * BLOCK)
end

return tars
