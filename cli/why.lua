-- why.lua - prints why something is as it is: rows { code, what, seen, cure } (lua/why.lua), whoever they are from.
local core = require "core"
local cures = require "cures"
local width = require "cli.width"

local why = {}

-- A text ends its sentence itself, or a full stop does.
local function sentence(text) return text:find "[.!?…]$" and text or text .. "." end

--- A row by itself: its code and that in a few words, what it is about, what was seen, what to do. CODE: what stands in
-- its place above.
function why.show(row, s, code)
  code = code or row.code
  local short = core.words[code or ""]
  local line = code and (short and ("%s: %s"):format(code, short) or code)
  if line and width.of(line) > s.width then
    s:say(line)
  elseif line then
    s:line(s:paint("title", code) .. line:sub(#code + 1))
  end
  if row.what then s:say(s:text(row.what)) end
  if row.seen then s:say("Seen: " .. s:text(row.seen)) end
  if row.cure then s:say("What to do: " .. s:cure(row.cure)) end
end

--- A row as one paragraph: "WHAT: SEEN. CURE".
function why.text(row, s)
  local about = {}
  for _, text in ipairs { row.what or false, row.seen or false } do
    if text then about[#about + 1] = s:text(text) end
  end
  return sentence(table.concat(about, ": ")) .. (row.cure and " " .. s:cure(row.cure) or "")
end

--- The same among other lines.
function why.line(row, s) s:say(why.text(row, s)) end

--- What to do, in words that may end in a command of ours: where that is wider than the terminal the command stands
-- beneath, in lines that a shell reads as one.
function why.cure(text, s)
  text = s:cure(text)
  local lead, command = text:match "^(.*:) (dt%-swarm%-cli .+)$"
  if not command or width.of(text) <= s.width then return s:say(text) end
  local parts = {}
  for word in command:gmatch "%S+" do parts[#parts + 1] = word end
  s:say(lead)
  s:line(width.command(parts, s.width))
end

--- The address of a CHANNEL without what all of them end in.
function why.address(channel) return (channel.address:gsub("/dswarm%-line$", "")) end

--- A CHANNEL that is not up, as a paragraph: "udp waiting: EADDRINUSE: … CURE"; NAME: what it is called, if not so.
function why.channel(channel, s, name)
  local code = channel.reason and channel.reason:match "^(%w+): "
  local known = code and cures.of(code)
  return why.text({ what = name or ("%s %s"):format(channel.kind, channel.state), seen = channel.reason,
    cure = channel.cure or known and known.cure }, s)
end

--- What is wrong with what the policy says of a CHANNEL that may be up nevertheless: array of paragraphs.
function why.entry(channel, s)
  local list, expected = { channel.note and s:text(channel.note) }, channel.expected
  if expected and not expected.met and expected.others[1] then
    local others = {}
    for i, id in ipairs(expected.others) do others[i] = s:short(id) end
    list[1] = why.text({ what = why.address(channel), seen = ("%s is expected there, and %s is who answers"):format(
      s:short(expected.id), s.list(others)), cure = "Its key is another one, or somebody else has that address: \z
      ask who runs it, and correct the ID in the policy. What it says counts as anybody's." }, s)
  end
  for _, place in ipairs(channel.again or {}) do
    list[#list + 1] = why.text({ what = why.address(channel), seen = ("routing.channels[%d] names it once more"):format(
      place), cure = "The first one counts: take the other one away." }, s)
  end
  return list
end

local BESIDE <const> = 24 -- columns at least for what was seen; where there are fewer it stands beneath
local WIDEST <const> = 32 -- columns of what a row is about; where it is wider, what was seen stands beneath

-- TEXT, broken to the lines that it needs behind SPACE columns; FIRST stands before the first one.
local function beside(s, first, text, space, colour)
  for i, line in ipairs(width.wrap(text, s.width - space, true)) do
    s:line((i == 1 and first or (" "):rep(space)) .. s:paint(colour, line))
  end
end

-- What a row says of itself: its code goes before the rest where there is one.
local function about(row, s)
  local text = row.what and s:text(row.what) or s.UNKNOWN
  return row.code and row.code ~= row.what and ("%s: %s"):format(s:text(row.code), text) or text
end

--- Several rows about one thing: what each is about, beside it what was seen, beneath it what would change it.
function why.rows(rows, s)
  local wide = 0
  for _, row in ipairs(rows) do
    local columns = width.of(about(row, s))
    if columns <= WIDEST then wide = math.max(wide, columns) end
  end
  local space = wide + 2 + BESIDE <= s.width and wide + 2 or 4
  for i, row in ipairs(rows) do
    local text = about(row, s)
    local fits = width.of(text) + 2 <= space and row.seen
    if not fits then s:say(s:paint(i == 1 and "title" or nil, text)) end
    local first = fits and s:paint(i == 1 and "title" or nil, width.pad(text, space)) or (" "):rep(space)
    if row.seen then beside(s, first, s:text(row.seen), space) end
    if row.cure then beside(s, (" "):rep(space) .. s:paint("dim", "→ "), s:cure(row.cure), space + 2, "dim") end
  end
end

return why
