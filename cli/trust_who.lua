-- trust_who.lua - the one key that a person means by WHO: a name, name~key, a peer ID, a line of an OpenSSH key.
-- Asks the daemon nothing: it looks through what `trust` answered.
local key = require "core.key"
local openssh = require "cli.openssh"
local text = require "core.text"
local trust = require "cli.trust"
local width = require "cli.width"

local who = {}

local ENDING <const> = 4 -- characters of an ID below which its end stands for nothing

-- Lists of FACTS, and what one is who stands in it without a role.
local LISTS <const> = { { "keys" }, { "strangers", "stranger" }, { "revoked", "revoked" } }

-- All rows of FACTS; the field kind of each says what it is, where it has no role.
local function each(facts)
  local rows = {}
  for _, list in ipairs(LISTS) do
    for _, row in ipairs(facts and facts[list[1]] or {}) do
      row.kind, rows[#rows + 1] = list[2], row
    end
  end
  return rows
end

-- What ROW is, behind its name: ", member"; "" where that is not known.
local function said_of(row)
  local is = row.role or row.kind or row.unheard and "not heard here yet"
  return is and ", " .. is or ""
end

local function is(row, word)
  if row.id == word or row.label == word or row.name == word then return true end
  local ending = word:match "^~?(%w+)$"
  if not ending or #ending < ENDING then return false end
  return word:sub(1, 1) == "~" and row.id:sub(-#ending) == ending
end

local function matching(facts, word)
  local found = {}
  for _, row in ipairs(each(facts)) do
    if is(row, word) then found[#found + 1] = row end
  end
  return found
end

local function candidates(rows)
  local list = {}
  for i, row in ipairs(rows) do
    if i > 10 then break end
    list[i] = { say = row.label, text = row.id .. said_of(row), id = row.id }
  end
  return list
end

local function row_of(facts, id)
  for _, row in ipairs(each(facts)) do
    if row.id == id then return row end
  end
end

-- Nobody here is called so.
local function missing(context, facts, word)
  for _, token in ipairs(facts and facts.tokens or {}) do
    if token.name == word then
      return trust.refuse(context, ("%s is a token, no robot and no person; to cancel it: trust confirm %s --only '' \z
        --expect 0 --cancel"):format(text.escape(word), text.escape(word)), "missing")
    end
  end
  local why = facts and "nobody here is called %s; trust list has the names. A whole peer ID or a line \z
    ssh-ed25519 … of a key is taken, too" or "without a daemon names are not known: give a whole peer ID, or a line \z
    ssh-ed25519 … (%s)"
  return trust.refuse(context, why:format(text.escape(word)), "missing")
end

--- The row of the one key that WORD means, of FACTS (the answer to `trust`, or false). A key that nobody here has heard
-- is { id, name, unheard = true }. → row | nil, exit code, words said
function who.resolve(context, facts, word)
  local of_line, fault, code = openssh.read(word)
  if fault then return trust.refuse(context, fault, code) end
  local id = of_line and of_line.id or key.public(word) and word or nil
  if id then
    local row, name = row_of(facts, id), of_line and of_line.name or nil
    return row or { id = id, name = name, label = name or id,
      unheard = facts and true or nil }
  end
  local found = matching(facts, word)
  if not found[1] then return missing(context, facts, word) end
  if found[2] then
    return trust.refuse(context, ("%s fits %d keys; give more of it"):format(text.escape(word), #found), "ambiguous",
      candidates(found))
  end
  return found[1]
end

--- Shows whom WHO stands for: name and whole ID.
function who.show(row, s)
  local name, id, said = s:text(row.name), s:text(row.id), s.escape(said_of(row))
  local line = ("%s  %s%s"):format(name, id, said)
  if width.of(line) <= s.width then return s:line(line) end
  s:say(name .. said)
  s:line("  " .. id) -- in one piece, so that it can be copied
end

return who
