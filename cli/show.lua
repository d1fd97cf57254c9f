-- show.lua - facts as words for people: sizes, ages, names, colour; "–" is unknown. Asks nobody.
local byte_size = require "byte_size"
local cures = require "cures"
local layout = require "cli.table"
local span = require "span"
local width = require "cli.width"

local show = {}
show.__index = show

local UNKNOWN <const> = "–"
local COLOURS <const> = { title = "1", good = "32", warn = "33", bad = "31", dim = "2" }

show.UNKNOWN = UNKNOWN

--- WIDTH in columns, TERMINAL: it is one's (false), COLOUR true for a terminal that wants it, ESCAPE(text) makes
-- foreign text printable, WRITE(text) takes what is printed, HOST is what the daemon is called by.
function show.new(options)
  return setmetatable({
    width = options.width or 80,
    terminal = options.terminal or false,
    colour = options.colour or false,
    escape = options.escape,
    write = options.write,
    host = options.host or "localhost",
  }, show)
end

function show:paint(name, text)
  if not self.colour or not COLOURS[name] then return text end
  return "\27[" .. COLOURS[name] .. "m" .. text .. "\27[0m"
end

--- Text from anywhere, made printable. Nothing and the empty text are unknown.
function show:text(value)
  if value == nil or value == "" then return UNKNOWN end
  return self.escape(tostring(value))
end

--- Bytes in powers of ten: "812 B", "41.3 MB".
function show.size(bytes)
  return bytes and byte_size.of(bytes) or UNKNOWN
end

--- "38.1 of 64.0 MB": the unit once where it is the same.
function show.part(done, size)
  local first, second = show.size(done), show.size(size)
  if first:match "%a+$" == second:match "%a+$" then first = first:match "^[%d.]+" or first end
  return ("%s of %s"):format(first, second)
end

--- Bytes a second, two or three digits: "31 MB/s", "4.2 kB/s".
function show.rate(bytes)
  if not bytes then return UNKNOWN end
  local number, unit = show.size(bytes):match("^([%d.]+) (.+)$")
  local digits = (tonumber(number) >= 10 or unit == "B") and "%.0f %s/s" or "%.1f %s/s"
  return digits:format(tonumber(number), unit)
end

--- Milliseconds that something lasted: "0 s", "34 s", "3 min", "5 h", "2 d".
function show.span(ms) return ms and span.of(ms) or UNKNOWN end

--- How long ago something was, in milliseconds: "now", "5 min"; ABOUT, by a clock that nobody proved: "~5 min".
function show.age(ms, about)
  local words = ms and ms < 1000 and "now" or show.span(ms)
  return ms and about and "~" .. words or words
end

--- The same in a sentence: "now", "5 min ago", "~5 min ago".
function show.ago(ms, about)
  local words = show.age(ms, about)
  return ms and ms >= 1000 and words .. " ago" or words
end

--- Microseconds of a round trip: "0.4 ms".
function show.trip(us)
  if not us then return UNKNOWN end
  if us < 10000 then return ("%.1f ms"):format(us / 1000) end
  return ("%d ms"):format(us // 1000)
end

--- The end of a peer ID: enough to tell robots of one room apart.
function show:key(id)
  return id and self.escape(id:sub(-4)) or UNKNOWN
end

--- What to do about something, naming the daemon as it was named here.
function show:cure(text) return self:text(text and cures.at(text, self.host)) end

--- A node as {id, name, label}: what tells it from all others.
function show:who(node)
  if not node then return UNKNOWN end
  local label = node.label or node.name
  return label and self:text(label) or self:key(node.id)
end

--- An ID or CID as its first and last characters.
function show:short(text)
  if not text then return UNKNOWN end
  text = self.escape(text)
  return #text > 16 and text:sub(1, 11) .. "…" .. text:sub(-4) or text
end

--- "1 file", "2 files"; nil is "– files".
function show.count(n, one, many)
  return ("%s %s"):format(n or UNKNOWN, n == 1 and one or many or one .. "s")
end

--- The sum of FIELD over ITEMS; nil, unknown, when one of them does not say.
function show.sum(items, field)
  local sum = 0
  for _, item in ipairs(items) do
    if not item[field] then return nil end
    sum = sum + item[field]
  end
  return sum
end

local STATES <const> = { up = "good", waiting = "warn", down = "bad" }

--- The state of CHANNEL, as a cell of a table.
function show:channel_state(channel) return { self:text(channel.state), colour = STATES[channel.state] } end

--- How much was refused, of COUNTS by word; what came twice is gossip as it should be.
function show.refused(counts)
  local sum = 0
  for word, count in pairs(counts) do -- any order: a sum
    if word ~= "duplicate" then sum = sum + count end
  end
  return sum
end

--- The same in words, the most first: { "12 quota", "3 form" }, and the first word of refusal.
function show:refusals(counts)
  local words, list = {}, {}
  for word in pairs(counts) do -- any order: sorted below
    if word ~= "duplicate" then words[#words + 1] = word end
  end
  table.sort(words, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  for i, word in ipairs(words) do list[i] = ("%d %s"):format(counts[word], self:text(word)) end
  return list, words[1]
end

--- "a", "a and b", "a, b and c".
function show.list(words)
  if #words < 2 then return words[1] or "" end
  return table.concat(words, ", ", 1, #words - 1) .. " and " .. words[#words]
end

--- Interfaces {name, reason} by which nothing goes, in a sentence that begins with TITLE or "Not used"; the empty text
-- for none. One without an address of IPv4 may be used by IPv6: that it is not is said with a TITLE only.
function show:unused(interfaces, title)
  local reasons, by_reason, parts, lacking = {}, {}, {}, ""
  for _, one in ipairs(interfaces or {}) do
    if not by_reason[one.reason] then
      by_reason[one.reason] = {}
      reasons[#reasons + 1] = one.reason
    end
    table.insert(by_reason[one.reason], self:text(one.name))
  end
  for _, reason in ipairs(reasons) do
    local names, lack = show.list(by_reason[reason]), not title and reason:match "^no IPv4 address: (.+)$"
    if lack then
      lacking = ("No IPv4 on %s: %s."):format(names, self:text(lack))
    else
      parts[#parts + 1] = ("%s (%s)"):format(names, self:text(reason))
    end
  end
  local rest = parts[1] and ("%s: %s."):format(title or "Not used", table.concat(parts, "; ")) or ""
  return rest .. (rest ~= "" and lacking ~= "" and " " or "") .. lacking
end

--- "Same 6 records on both (digest 4be1)."; the empty text where nobody else is here. Only records that are kept are
-- compared. FACTS: records, equal and of = others, here = others, digest.
function show:same(facts)
  local all = facts and facts.records and math.max(facts.here or facts.of or 0, facts.equal or 0)
  if not all or all == 0 then return "" end
  local records, digest = show.count(facts.records, "record"), ("(digest %s)"):format(self:text(facts.digest))
  if facts.equal == 0 or not facts.equal then
    local why = (facts.of or 0) == 0 and "not compared with anybody yet" or "nobody else has the same yet"
    return ("%s here, %s %s."):format(records, why, digest)
  end
  local on = facts.equal == all and (all == 1 and "both" or ("all %d"):format(all + 1))
    or ("%d of %d nodes"):format(facts.equal + 1, all + 1)
  return ("Same %s on %s %s."):format(records, on, digest)
end

function show:line(text)
  self.write((text or "") .. "\n")
end

--- One sentence or more, wrapped at spaces.
function show:say(text)
  for _, line in ipairs(width.wrap(text, self.width)) do self:line(line) end
end

--- The lines of a table.
function show:rows(columns, rows)
  return layout.lines(columns, rows, self.width, function(name, text) return self:paint(name, text) end)
end

--- A table; `bare` leaves the titles out, `whole` cuts nothing. See cli/table.lua for columns and rows.
function show:table(columns, rows, bare, whole)
  local function paint(name, text) return self:paint(name, text) end
  local room = whole and math.maxinteger or self.width
  for _, line in ipairs(layout.lines(columns, rows, room, paint, bare)) do self:line(line) end
end

--- A table of which nothing is cut. Where it is wider than the terminal the last column stands beneath each row, so
-- that nothing is broken in it; elsewhere a row is a line.
function show:whole_table(columns, rows)
  local wide = self:is_wide(columns, rows)
  if not wide then return self:table(columns, rows, false, true) end
  local last = #columns
  local lines = layout.lines({ table.unpack(columns, 1, last - 1) }, rows, math.maxinteger, function(name, text)
    return self:paint(name, text)
  end)
  self:line(lines[1])
  for i, row in ipairs(rows) do
    self:line(lines[i + 1])
    if row[last] ~= UNKNOWN then self:line(("  %s %s"):format(self:paint("dim", columns[last].title), row[last])) end
  end
end

-- Is the whole of the table wider than the terminal?
function show:is_wide(columns, rows)
  for _, line in ipairs(layout.lines(columns, rows, math.maxinteger, function(_, text) return text end)) do
    if self.terminal and width.of(line) > self.width then return true end
  end
  return false
end

local BESIDE <const> = 12 -- columns that a text must have beside its word; else it stands under it

--- Pairs of word and text under each other; a text wider than the room goes on in the next line.
function show:facts(facts)
  local wide = 0
  for _, fact in ipairs(facts) do wide = math.max(wide, width.of(fact[1])) end
  if self.width - wide - 4 < BESIDE then
    for _, fact in ipairs(facts) do
      self:line("  " .. fact[1])
      for _, line in ipairs(width.wrap(fact[2], self.width - 4, true)) do
        self:line("    " .. self:paint(fact.colour, line))
      end
    end
    return
  end
  for _, fact in ipairs(facts) do
    for i, line in ipairs(width.wrap(fact[2], self.width - wide - 4, true)) do
      self:line("  " .. width.pad(i == 1 and fact[1] or "", wide) .. "  " .. self:paint(fact.colour, line))
    end
  end
end

return show
