-- trust_list.lua - `trust list`: who is in this lab, let in by whom, who is not, and what is to be done about it. It
-- asks the daemon only.
local shell = require "shell"
local trust = require "cli.trust"

local trust_list = {}

function trust_list.request() return { command = "trust" } end

local COLUMNS <const> = {
  { title = "NAME", give = true, least = 8, cut = "middle", rank = 1 }, { title = "KEY", rank = 2 },
  { title = "ROLE", rank = 3 }, { title = "BY", give = true, least = 8, rank = 4 }, { title = "SEEN", rank = 5 },
  { title = "NOTE", give = true, optional = true, least = 14, rank = 6 },
}
local ROLES <const> = { root = "title", admin = "title" }
local NAMED <const> = 8 -- strangers; the others are counted

local function by(row, s)
  if row.role == "root" then return "" end
  if row.token and not row.signed then return "token " .. s:text(row.token.name or row.token.id:sub(-4)) end
  return row.by and s:who(row.by) or row.token and "token " .. s:text(row.token.name) or s.UNKNOWN
end

local function seen(row, s)
  if row.self then return "here" end
  return s.age(row.seen_ms, row.seen_about)
end

local function notes_of(row, s)
  local notes = {}
  for i, note in ipairs(row.notes) do notes[i] = s:text(note) end
  return table.concat(notes, ", ")
end

local function row_of(row, s)
  local role = row.role and { s:text(row.role), colour = ROLES[row.role] } or { "none", colour = "warn" }
  return { s:text(row.name), s:key(row.id), role, by(row, s), seen(row, s), notes_of(row, s) }
end

-- How many came in by TOKEN, and for how many of them nobody has signed.
local function count(answer, token)
  local all, unsigned = 0, 0
  for _, row in ipairs(answer.keys) do
    if row.token and row.token.id == token.id then
      all, unsigned = all + 1, unsigned + (row.signed and 0 or 1)
    end
  end
  return all, unsigned
end

-- A token that lets in many is a door: those who came by it are to be looked at, and it is to be cancelled.
local function doors(answer, s)
  for _, token in ipairs(answer.tokens) do
    local n, unsigned = count(answer, token)
    local name = s:text(token.name)
    if token.counts and (token.over or 0) > 0 then
      s:say(("Token %s lets in %d, and %d more came: they are strangers."):format(name, token.most, token.over))
    end
    if token.counts and token.most > 1 and unsigned > 0 then
      local some = unsigned < n and (", %d of them not signed for"):format(unsigned) or ""
      s:say(("%d came in by token %s%s. All yours? Sign for each, and cancel the token:"):format(n, name, some))
      local host = s.host == "localhost" and "" or s.host .. " "
      s:line(("  dt-swarm-cli %strust confirm %s --expect %d --cancel"):format(host, shell.word(name), n))
    end
  end
end

-- This node among ROWS, and the others.
local function apart(rows)
  local own, rest = nil, {}
  for _, row in ipairs(rows) do
    if row.self then own = row else rest[#rest + 1] = row end
  end
  return own, rest
end

local function others(answer, s)
  local own, strangers = apart(answer.strangers)
  local revoked = answer.revoked
  if own then s:say(s:paint("warn", "This node is no member; lab show says why, and what to do.")) end
  if strangers[1] then
    local heard = s.count(#strangers, "stranger was", "strangers were")
    s:say(("%s heard: %s."):format(heard, trust.names(strangers, s, NAMED)))
  end
  local named = {}
  for i, row in ipairs(revoked) do
    if i > NAMED then break end
    local why = row.why and row.why ~= "" and (" (%s)"):format(s:text(row.why)) or ""
    named[i] = ("%s%s%s"):format(row.token_revoked and "token " or "", trust.names({ row }, s), why)
  end
  if named[1] then
    s:say(("%d revoked: %s%s."):format(#revoked, table.concat(named, ", "),
      #revoked > NAMED and (" and %d more"):format(#revoked - NAMED) or ""))
  end
end

local function root(answer, s)
  local one, names = answer.root, {}
  for i, key in ipairs(one.keys) do names[i] = s:who(key) end
  return ("Lab %s, root %d: %s; %d of %d must sign."):format(s:text(answer.name), one.number, s.list(names), one.need,
    #one.keys)
end

-- Do all notes stand whole in LINES of the table?
local function are_whole(lines, keys, s)
  local shown = table.concat(lines, "\n")
  for _, row in ipairs(keys) do
    if not shown:find(notes_of(row, s), 1, true) then return false end
  end
  return true
end

-- Each note with those whom it is about: "Name used twice: duckie01 k2Wd, duckie01 9c1e."
local function say_notes(keys, s)
  local notes, of = {}, {}
  for _, row in ipairs(keys) do
    for _, note in ipairs(row.notes) do
      if not of[note] then of[note], notes[#notes + 1] = {}, note end
      table.insert(of[note], row)
    end
  end
  for _, note in ipairs(notes) do
    s:say(("%s: %s."):format(s:text(note):gsub("^%l", string.upper), trust.names(of[note], s, NAMED)))
  end
end

--- Prints the answer.
function trust_list.show(answer, s)
  local rows = {}
  for i, row in ipairs(answer.keys) do rows[i] = row_of(row, s) end
  local lines = s:rows(COLUMNS, rows)
  local whole = are_whole(lines, answer.keys, s)
  if not whole then lines = s:rows({ table.unpack(COLUMNS, 1, #COLUMNS - 1) }, rows) end -- NOTE is the last
  for _, line in ipairs(lines) do s:line(line) end
  if not whole then say_notes(answer.keys, s) end
  doors(answer, s)
  others(answer, s)
  trust.say_rivals(answer, s)
  local settled = answer.settled
  s:say(root(answer, s) .. (settled.yes and "" or (" Not settled: %s."):format(
    s:text((settled.text or "not compared with anybody yet"):gsub("^%l+: ", "")))))
end

return trust_list
