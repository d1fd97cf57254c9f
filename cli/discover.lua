-- discover.lua - `discover`: who is there, and useful words when nobody is. It asks the daemon only.
local alone = require "cli.alone"

local discover = {}

function discover.request(options)
  options = options or {}
  return { command = "discover", all = options.all, near = options.near, missing = options.missing }
end

local COLUMNS <const> = {
  { title = "NAME", give = true, least = 13, cut = "middle", rank = 1 }, { title = "KEY", rank = 7 },
  { title = "TYPE", give = true, least = 10, rank = 5 }, { title = "STATUS", rank = 1 },
  { title = "VIA", rank = 4 }, { title = "SEEN", rank = 2 },
  { title = "BAT", align = "right", optional = true, rank = 3 }, { title = "FILES", align = "right", rank = 6 },
  { title = "NOTE", give = true, optional = true, rank = 8, least = 16 },
}
-- With --wide: what one needs to go there (`ssh ADDRESS`), and what else he says of himself.
local WIDE <const> = {
  { title = "NAME", give = true, least = 13, cut = "middle", rank = 1 }, { title = "ADDRESS", rank = 1 },
  { title = "STATUS", rank = 2 }, { title = "LEVEL", optional = true, rank = 4 }, { title = "SEEN", rank = 3 },
  { title = "VIA", rank = 5 }, { title = "SITE", optional = true, rank = 7 }, { title = "TYPE", rank = 8 },
  { title = "VERSION", rank = 9 }, { title = "CLOCK", rank = 10 }, { title = "BAT", align = "right", optional = true,
    rank = 8 }, { title = "FILES", align = "right", rank = 11 }, { title = "KEY", rank = 4 },
  { title = "POLICY", rank = 6 }, { title = "NOTE", give = true, optional = true, rank = 12, least = 16 },
}
local STATES <const> = { ready = "good", booting = "warn", busy = "warn", updating = "warn", ["low-battery"] = "bad",
  quiet = "warn", lost = "bad", left = "dim", ["clone?"] = "bad", stranger = "warn" }
local LEVELS <const> = { ok = "good", warn = "warn", error = "bad" }

local function via(other, s)
  if other.self then return "this node" end
  if not other.via then return s.UNKNOWN end
  if other.via.by == "record" then return s:text(other.via.kind) .. ", by record" end
  local trip = other.via.rtt_us and " " .. s.trip(other.via.rtt_us) or ""
  return s:text(other.via.kind) .. trip
end

local function battery(other) return other.battery and ("%d%%"):format(other.battery) or "" end

local function policy(other, s)
  if not other.policy then return s.UNKNOWN end
  return other.policy:sub(1, 1) == "!" and { s:text(other.policy), colour = "warn" } or s:text(other.policy)
end

-- Cells by the titles of their columns.
local function cells(other, s)
  return {
    NAME = s:text(other.label or other.name), KEY = s:key(other.id), TYPE = s:text(other.type),
    STATUS = { s:text(other.status), colour = STATES[other.status] }, VIA = via(other, s),
    SEEN = other.self and "now" or s.age(other.seen_ms, other.seen_about),
    FILES = other.files and ("%d"):format(other.files) or s.UNKNOWN, NOTE = other.note and s:text(other.note) or "",
    ADDRESS = other.self and "this node" or s:text(other.via and other.via.host), VERSION = s:text(other.version),
    CLOCK = s:text(other.clock), POLICY = policy(other, s), BAT = battery(other),
    LEVEL = other.level and { s:text(other.level), colour = LEVELS[other.level] } or "",
    SITE = other.site and s:text(other.site) or "",
  }
end

-- Do all notes of NODES stand whole in LINES of a table?
local function are_whole(lines, nodes, s)
  local shown = table.concat(lines, "\n")
  for _, other in ipairs(nodes) do
    if other.note and not shown:find(s:text(other.note), 1, true) then return false end
  end
  return true
end

local NAMES <const>, NOTES <const> = 8, 8 -- of nodes with the same note; of notes

-- What is noted of nodes, a line each kind: "asked 4 times, no answer: bea."
local function say_notes(nodes, s)
  local notes, of = {}, {}
  for _, other in ipairs(nodes) do
    local note = other.note and s:text(other.note)
    if note and not of[note] then of[note], notes[#notes + 1] = {}, note end
    if note then table.insert(of[note], s:who(other)) end
  end
  for i, note in ipairs(notes) do
    local names = of[note]
    if i > NOTES then return s:say(("%d other notes: see discover --json."):format(#notes - NOTES)) end
    s:say(("%s: %s%s."):format(note:gsub("^%l", string.upper), table.concat(names, ", ", 1, math.min(#names, NAMES)),
      #names > NAMES and " …" or ""))
  end
end

-- Whose keys two machines use, and what to do.
local function say_twins(nodes, s)
  local names = {}
  for _, other in ipairs(nodes) do
    if other.status == "clone?" then names[#names + 1] = s:who(other) end
  end
  if not names[1] then return end
  s:say(("%s used twice: %s%s. On the copy: dt-swarm-cli identity renew."):format(names[2] and "Keys are" or "A key is",
    table.concat(names, ", ", 1, math.min(#names, NAMES)), #names > NAMES and " …" or ""))
end

local function row(columns, other, s)
  local found, list = cells(other, s), {}
  for i, column in ipairs(columns) do list[i] = found[column.title] end
  return list
end

local FILLED <const> = { BAT = true, LEVEL = true, SITE = true } -- where one has it, that of the others is unknown

local function rows_of(columns, nodes, s)
  local rows, any = {}, {}
  for i, other in ipairs(nodes) do
    rows[i] = row(columns, other, s)
    for k in ipairs(columns) do any[k] = any[k] or rows[i][k] ~= "" end
  end
  for k, column in ipairs(columns) do
    for _, one in ipairs(any[k] and FILLED[column.title] and rows or {}) do
      if one[k] == "" then one[k] = s.UNKNOWN end
    end
  end
  return rows
end

local AWAY <const> = { left = true, lost = true, stranger = true } -- a stranger to the lab is none of us

-- How many nodes are here, this one included.
local function here(answer)
  local n = 0
  for _, other in ipairs(answer.nodes) do n = n + (AWAY[other.status] and 0 or 1) end
  return n
end

local DAY <const> = 24 * 60 * 60 * 1000

local STRANGERS <const> = 8 -- that are listed; whoever makes up keys shall not push the members off the screen

-- The nodes to list, and how many are left out: who is lost for over a day, and strangers beyond the first few, are
-- counted only, unless ALL are asked for.
local function listed(answer, all)
  local list, days, strangers = {}, 0, 0
  for _, other in ipairs(answer.nodes) do
    local long_lost = other.status == "lost" and (other.seen_ms or 0) > DAY
    local is_stranger = other.status == "stranger"
    if is_stranger then strangers = strangers + 1 end
    if all or not long_lost and (not is_stranger or strangers <= STRANGERS) then
      list[#list + 1] = other
    elseif long_lost then
      days = days + 1
    end
  end
  return list, days, all and 0 or math.max(0, strangers - STRANGERS)
end

-- The one other node, where he is away: what became of him.
local function farewell(one, s)
  local ago = s.ago(one.seen_ms, one.seen_about)
  if one.status == "stranger" then return ("%s is a stranger to this lab; nobody else is here."):format(s:who(one)) end
  local words = one.status == "left" and ("%s left %s"):format(s:who(one), ago)
    or ("%s is lost, heard last %s"):format(s:who(one), ago)
  return words .. "; nobody else is here."
end

local function count_of(answer, s)
  local n, words = { left = 0, lost = 0, stranger = 0 }, {}
  if #answer.nodes == 2 and here(answer) == 1 then return farewell(answer.nodes[2], s) end
  for _, other in ipairs(answer.nodes) do n[other.status or ""] = (n[other.status or ""] or 0) + 1 end
  for _, status in ipairs { "left", "lost" } do
    if n[status] > 0 then words[#words + 1] = ("%d %s"):format(n[status], status) end
  end
  if n.stranger > 0 then words[#words + 1] = s.count(n.stranger, "stranger") end
  local all = s.count(here(answer), "node")
  return words[1] and ("%s here, %s."):format(all, table.concat(words, ", ")) or all .. "."
end

local function sentences(list)
  local said = {}
  for _, words in ipairs(list) do
    if words ~= "" then said[#said + 1] = words end
  end
  return table.concat(said, " ")
end

local NAMED <const> = 3 -- nodes that refused a policy; the others are counted

-- "3 of 4 run the same policy as this node", and who refused a newer one.
local function policies(answer, s)
  local own, same, of, refused = nil, 0, 0, {}
  for _, other in ipairs(answer.nodes) do
    if other.self then own = other.policy and other.policy:gsub("^!", "") end
  end
  for _, other in ipairs(answer.nodes) do
    if not AWAY[other.status] then
      of = of + 1
      if other.policy and other.policy:gsub("^!", "") == own then same = same + 1 end
      if other.policy and other.policy:sub(1, 1) == "!" then refused[#refused + 1] = s:who(other) end
    end
  end
  local words = same == of and "All run the same policy." or ("%d of %d run the policy of this node."):format(same, of)
  if not refused[1] then return words end
  if #refused > NAMED then refused = { table.unpack(refused, 1, NAMED), ("%d more"):format(#refused - NAMED) } end
  return ("%s A newer one was refused by %s (!)."):format(words, s.list(refused))
end

-- NODES, a row each; their notes stand below where they are wider than the column.
local function table_of(columns, nodes, rows, s)
  local lines = s:rows(columns, rows)
  local whole = are_whole(lines, nodes, s)
  if not whole then lines = s:rows({ table.unpack(columns, 1, #columns - 1) }, rows) end -- NOTE is the last
  for _, line in ipairs(lines) do s:line(line) end
  if not whole then say_notes(nodes, s) end
end

-- Who of the roster is not here.
local function show_missing(answer, s, options)
  local columns = options.wide and WIDE or COLUMNS
  local rows = rows_of(columns, answer.nodes, s)
  local roster = answer.roster or { count = 0 }
  local all = s.count(roster.count, roster.of == "members" and "member" or "node")
  if roster.of ~= "members" then all = all .. " heard before" end
  if roster.count == 0 then return s:say("Nobody is missed: no other node was heard before.") end
  if not rows[1] then return s:say(("Nobody is missing of %s."):format(all)) end
  table_of(columns, answer.nodes, rows, s)
  s:say(("%d missing of %s."):format(#rows, all))
end

--- Prints the answer.
function discover.show(answer, s, options)
  if options and options.missing then return show_missing(answer, s, options) end
  local wide = options and options.wide
  local columns = wide and WIDE or COLUMNS
  local nodes, days, strangers = listed(answer, options and options.all)
  local rows = rows_of(columns, nodes, s)
  if #rows > 1 then
    table_of(columns, nodes, rows, s)
    say_twins(nodes, s)
    if wide then s:say(policies(answer, s)) end
    if days > 0 then s:say(("%d lost for over a day; discover --all lists them."):format(days)) end
    if strangers > 0 then s:say(("%s: discover --all."):format(s.count(strangers, "more stranger"))) end
    local alone_now, down = here(answer) == 1 and answer.tried or {}, alone.no_network(answer.tried or {}, s)
    if down ~= "" then
      return s:say(sentences { count_of(answer, s), alone.all_local(answer) and s:same(answer.same) or "", down,
        alone.unfit(alone_now, s) })
    end
    return s:say(sentences { count_of(answer, s), s:same(answer.same), s:unused(alone_now.unused),
      alone.unfit(alone_now, s) })
  end
  s:table({ table.unpack(COLUMNS, 1, 5) }, { row(COLUMNS, nodes[1], s) }, true)
  say_notes(nodes, s)
  say_twins(nodes, s)
  if days > 0 then return s:say(("Nobody else is here; %d lost for over a day: discover --all."):format(days)) end
  for _, words in ipairs(alone.words(answer, s)) do
    if words ~= "" then s:say(words) end
  end
end

--- What changed of one node, for --watch.
function discover.change(event, s)
  local node = event.row
  if node.status == "left" then return s:who(node) .. " left." end
  local words = ("%s is %s"):format(s:who(node), s:text(node.status))
  if node.status ~= node.state and node.seen_ms then words = words .. ", heard last " .. s.ago(node.seen_ms) end
  return words .. (node.note and "; " .. s:text(node.note) or "") .. "."
end

return discover
