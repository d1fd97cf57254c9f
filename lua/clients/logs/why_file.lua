-- why_file.lua - why a file is shared, held, fetched, or not: rows for lua/why.lua. Decides nothing.
local byte_size = require "byte_size"
local file_index = require "clients.control.file_index"
local find = require "clients.control.find"
local safety = require "clients.logs.safety"
local why_record = require "clients.control.why_record"

local why_stores = require "clients.logs.why_stores"

local why_file = {}

local SHOWN_MAX <const> = 8 -- own files of one name; statements of one file

local function is_called(name, word) return name == word or name:match "[^/]*$" == word end

-- Who decided that an own file is shared or not, asked now.
local function judgement(node, logs, file)
  local class, word, why, path, by_default = logs:judged(file.name)
  if not class and not word then return nil end
  local by = path and ("%s %s"):format(node.policy:origin(path, by_default), path:match "[^.]*$") or "this node"
  local reason = class and word or why
  local row = { seen = ("%s: %s (asked now)"):format(by, reason or "no reason given"), cure = path and
    ("Another p.%s in %s."):format(path, node.policy.file or node.policy.name) or nil }
  if class == "wait" then
    row.what = "not shared yet"
  elseif class then
    row.what = ("class %q"):format(class)
  else
    row.code, row.what = word, "not shared"
    row.cure = row.cure or file.cure
  end
  return row
end

-- What is known of a file of this node's own folder.
local function own(node, logs, file, rows)
  local size = file.size and byte_size.of(file.size) or "size not known"
  local judged = judgement(node, logs, file)
  local why = not judged and file.reason and ": " .. file.reason or ""
  rows[#rows + 1] = { code = not judged and file.word or nil, what = file.name, cure = not judged and file.cure or nil,
    seen = ("in this node's own folder, %s, %s%s"):format(size, file.state, why) }
  rows[#rows + 1] = judged
end

-- How many copies its owner wants | nil: he says nothing now.
local function wanted(node, file)
  for _, from in ipairs(file.from) do
    local record = node.dcache:statement_of("share/files", file.cid, from)
    local data = record and record.holds and record.data
    if data then return data.copies or { 1, 3 } end
  end
end

-- Who has it, and how many of those copies count for what is wanted.
local function copies(node, file, rows)
  local names, asked = {}, wanted(node, file)
  for i, id in ipairs(file.copies) do names[i] = node.who(id).label end
  rows[#rows + 1] = { what = #names == 1 and "one copy" or ("%d copies"):format(#names),
    seen = (names[1] and table.concat(names, ", ") or "nobody says that he has it") .. (asked
      and ("; %d of %d to %d that count elsewhere"):format(safety.copies(node, file.cid, file.from), asked[1],
        asked[2]) or ""),
    cure = #names < 2 and "A server in the same network, which takes copies." or nil }
end

-- The statements that it rests on.
local function statements(node, cid, rows)
  for _, bucket in ipairs { "share/files", "share/safe" } do
    local record = node.dcache:record(bucket, cid)
    for i, st in ipairs(record and record.statements or {}) do
      if i > SHOWN_MAX then break end
      local row = why_record.statement(node, st)
      row.what, row.cure = ("%s: %s"):format(bucket, row.what), nil
      rows[#rows + 1] = row
    end
  end
end

local function is_own(node, cid)
  for file in node.logs:each_file() do
    if file.cid == cid then return true end
  end
  return false
end

local function held(node, cid)
  for file in node.content:each_stored() do
    if file.cid == cid then
      return { code = file.away and "away" or nil, what = file.away and "a copy, not there" or "a copy is held here",
        seen = file.path }
    end
  end
end

-- A file that some record speaks of.
local function of_swarm(node, one, rows)
  local file = one.file
  local cid = file.cid
  if not rows[1] then
    local origin = one.from and "from " .. node.who(one.from).label .. ", " or ""
    rows[1] = { what = one.name or cid, seen = ("%s%s, class %q, %s"):format(origin,
      file.size and byte_size.of(file.size) or "size not known", tostring(file.class), cid) }
  end
  statements(node, cid, rows)
  copies(node, file, rows)
  local asked, copy = { cid = cid, size = file.size, name = one.name, copies = file.copies }, held(node, cid)
  rows[#rows + 1] = not copy and why_stores.chosen(node, asked) or nil
  for _, row in ipairs(why_stores.rows(node, asked)) do rows[#rows + 1] = row end
  if is_own(node, cid) then return end
  rows[#rows + 1] = copy
  for _, row in ipairs(node.replicate and node.replicate:why(cid, copy ~= nil) or {}) do rows[#rows + 1] = row end
end

local function several(node, word, found, n, rows)
  local names = {}
  for i, one in ipairs(found) do
    if i > SHOWN_MAX then break end
    names[i] = one.from and ("%s:%s"):format(node.who(one.from).label, one.name or one.root) or one.file.cid
  end
  if not rows[1] then
    rows[1] = { code = "ambiguous", what = ("%s fits %d things that are shared"):format(word, n),
      seen = table.concat(names, ", ") }
  end
end

--- NODE, its LOGS client; WORD: a path, its last part, ROBOT:PATH, a CID, or the beginning of one. → rows
function why_file.rows(node, logs, word)
  local rows, who = {}, function(id) return node.who(id) end
  local here = find.is_robot(who(node.id), word:match "^([%w._~-]+):." or "") and word:match ":(.+)$" or word
  for file in logs:each_file() do
    if is_called(file.name, here) and #rows < SHOWN_MAX then own(node, logs, file, rows) end
  end
  local one, _, _, all, n = find.one(file_index.of(node):now(), word, nil, who)
  if one and one.root then
    rows[#rows + 1] = { what = one.root .. "/", seen = ("a folder from %s with %d files, %s"):format(
      who(one.from).label, #one.paths, byte_size.of(one.size)), cure = "Name one of its files." }
  elseif one then
    of_swarm(node, one, rows)
  elseif all then
    several(node, word, all, n, rows)
  end
  return rows
end

return why_file
