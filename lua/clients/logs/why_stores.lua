-- why_stores.lua - what stores of the swarm say about a file that they have not: rows for lua/why.lua. Decides nothing.
local byte_size = require "byte_size"
local shell = require "shell"
local span = require "span"

local why_stores = {}

local SHOWN_MAX <const> = 8 -- stores
local CURE <const> = "Asked there, it says more: dt-swarm-cli %s files why %s"

--- The reasons of a store's WAITS in a sentence: "the policy keeps 20 GB free (1 file, 812 MB)".
function why_stores.reasons(waits)
  local words = {}
  for i, one in ipairs(waits) do
    words[i] = ("%s (%d %s, %s)"):format(one.why, one.n, one.n == 1 and "file" or "files", byte_size.of(one.bytes))
  end
  return table.concat(words, "; ")
end

-- The percent of the file CID that the store of ROW has got | nil: it is not fetching it.
function why_stores.percent(row, cid)
  for _, one in ipairs(row.doing) do
    if one.c == cid:sub(-16) then return one.p end
  end
end

local function free_text(row)
  return row.free and byte_size.of(row.free) .. " free" or "how much is free is not known"
end

-- What the store of ROW, of whom people speak as WHO, says about a file of SIZE bytes.
local function row_of(row, file, who)
  local percent, age = why_stores.percent(row, file.cid), ("said %s ago"):format(span.of(row.age))
  if percent then return { what = who .. " is fetching it", seen = ("%d %%, %s"):format(percent, age) } end
  local waits = row.waits[1] and why_stores.reasons(row.waits) or nil
  local cure = CURE:format(shell.word(who), shell.word(file.name or file.cid))
  if row.free and file.size and row.free < file.size then
    return { code = "disk", what = who .. " has no room for it", seen = ("%s, %s"):format(free_text(row), age),
      cure = ("Make %s more room there, beside what its policy keeps free. "):format(byte_size.of(file.size - row.free))
        .. cure }
  end
  if not row.take then
    return { what = who .. " takes no files of others", seen = waits or free_text(row), cure = cure }
  end
  if waits then
    return { what = who .. " waits, for this or another file", seen = ("%s; %s, %s"):format(waits, free_text(row), age),
      cure = cure }
  end
  return { what = who .. " takes files, and does not name this one", seen = ("%s, %s"):format(free_text(row), age),
    cure = cure }
end

-- May this node say whom placing.lua chooses? A robot that takes nothing and has not the file counts itself among them.
local function can_say(node, file)
  for _, id in ipairs(file.copies) do
    if id == node.id then return true end
  end
  return not select(3, node.policy:where "clients.logs.fetch")
end

--- Who is chosen to copy the FILE, as below: a row | nil, where this node cannot know.
function why_stores.chosen(node, file)
  if not (node.placing and file.size and can_say(node, file)) then return nil end
  local placed, names = node.placing:look(file.cid, file.size, file.copies), {}
  if not placed.able then return nil end -- a carrier
  for i, id in ipairs(placed.chosen) do names[i] = node.who(id).label end
  if names[1] then
    return { what = "chosen for a copy", seen = ("%s (%d of %d that could take it)"):format(table.concat(names, ", "),
      #names, #placed.able) }
  end
  if placed.claimed >= placed.most then
    return { what = "nobody is chosen for a copy", seen = ("all %d that count are there"):format(placed.most) }
  end
  return { what = "nobody is chosen for a copy", seen = ("%d of %d copies are there or come; of the stores that say \z
    what they do, %d could take it"):format(placed.taken, placed.most, #placed.able),
    cure = #placed.able == 0 and "A store with room whose policy fetches, as policies/server.lua does." or nil }
end

--- FILE: { cid, size, name, copies = IDs of who has it }. → rows about each other store that has it not
function why_stores.rows(node, file)
  local rows, has = {}, {}
  for _, id in ipairs(file.copies) do has[id] = true end
  for _, row in ipairs(node.stores and node.stores:rows() or {}) do
    if #rows >= SHOWN_MAX then break end
    if row.id ~= node.id and not has[row.id] then rows[#rows + 1] = row_of(row, file, node.who(row.id).label) end
  end
  return rows
end

return why_stores
