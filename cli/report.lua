-- report.lua - `report`: all shared files, with their copies and what is at risk. It asks the daemon only.
local kinds = require "cli.kinds"
local progress = require "cli.progress"
local stores = require "cli.report_stores"

local report = {}

local NEWEST <const> = 200 -- files that are listed, unless all are asked for

--- OPTIONS.all, OPTIONS.json: every file, not only the newest.
function report.request(options)
  local all = options and (options.all or options.json)
  if options and options.by then return { command = "report", by = options.by } end
  return { command = "report", newest = not all and NEWEST or nil }
end

-- What matters most is whose a file is and who has it: the file's name gives way for that, and before it the rest.
local COLUMNS <const> = {
  { title = "FILE", cut = "middle", give = "first", least = 8, good = 20, rank = 1 },
  { title = "SIZE", align = "right", rank = 4, spare = true },
  { title = "FROM", least = 8, good = 24, cut = "middle", rank = 3 }, { title = "AGE", rank = 5, spare = true },
  { title = "COPIES", give = true, least = 10, good = 20, rank = 2 }, { title = "CID", rank = 6, spare = true },
}

local COMING <const> = 3 -- who fetches a file and is named

-- How many have it and who they are: servers first, called so, since a cell may be cut at its end; then who fetches it.
local function copies(file, s)
  local names, servers = {}, 0
  for _, person in ipairs(file.copies) do
    local server = person.type == "server"
    servers = servers + (server and 1 or 0)
    table.insert(names, server and servers or #names + 1, s:who(person) .. (server and " (server)" or ""))
  end
  for i, one in ipairs(file.coming or {}) do
    local rate = one.rate and ", " .. s.rate(one.rate) or ""
    if i <= COMING then names[#names + 1] = ("%s %d %%%s"):format(s:who(one.node), one.percent, rate) end
  end
  if #names == 0 then return s.UNKNOWN end
  if #names == 1 then return { names[1] .. " only", colour = "warn" } end
  return ("%d: %s"):format(#file.copies, table.concat(names, ", "))
end

-- Whose file it is; the robot that made room for others no longer shares it.
function report.from(one, s)
  if not one or not one.from then return s.UNKNOWN end
  return one.gone and s:who(one.from) .. ", gone" or s:who(one.from)
end

local NAMES <const> = 8 -- rows of one file

-- A row for each name and robot that the same bytes have: what stands there can be typed into `files get`.
local function shared(rows, file, s, whole)
  local named, cid = file.named, whole and s:text(file.cid) or s:short(file.cid)
  rows[#rows + 1] = { s:text(named[1] and named[1].name), s.size(file.size), report.from(named[1], s),
    s.age(file.age_ms, file.age_about), copies(file, s), cid }
  for i = 2, math.min(#named, NAMES) do
    rows[#rows + 1] = { s:text(named[i].name), "", report.from(named[i], s), "", "same bytes", cid }
  end
  if #named > NAMES then
    rows[#rows + 1] = { ("and %d names more"):format(#named - NAMES), "", "", "", "same bytes", cid }
  end
end

--- What is said of an own file that the swarm has not: its state, and why, in few words.
function report.state(file, s)
  local words, why = { s:text(file.state) }, kinds.why(file)
  if file.progress then -- bytes
    words[#words + 1] = ("%d %%"):format((file.size or 0) > 0 and file.progress * 100 // file.size or 100)
  end
  if file.rate then words[#words + 1] = s.rate(file.rate) end
  if why then words[#words + 1] = s:text(why) end
  return table.concat(words, ", ")
end

local function here(file, node, s)
  return { s:text(file.name), s.size(file.size), s:who(node), s.UNKNOWN, report.state(file, s), s.UNKNOWN }
end

--- A copy that was held here and is damaged, where nobody has a whole one: its row | nil
function report.damaged(file, s)
  if file.again or (file.others or 0) > 0 then return nil end
  local name = file.name and s:text(file.name) or s:short(file.cid)
  return { name, s.size(file.size), file.from and s:who(file.from) or "",
    { "damaged, nobody else has it", colour = "bad" }, s:short(file.cid) }
end

--- Where the bytes of such ones are, a sentence for each.
function report.say_damaged(answer, s)
  for _, file in ipairs(answer.damaged or {}) do
    local row = report.damaged(file, s)
    if row then
      s:say(("%s: damaged, set aside in %s; nobody else has it."):format(row[1], s:text(file.path)))
    end
  end
end

local function at_risk(answer, s)
  local n, one = answer.alone.files, answer.alone.node
  if n == 0 then return nil end
  local servers = answer.servers == 0 and ((answer.untyped or 0) == 0 and "no server is here to take one"
    or s.count(answer.untyped, "node is here", "nodes are here") .. " whose type is not known yet")
    or s.count(answer.servers, "server is here", "servers are here")
  return ("%d at risk: no copy off %s; %s."):format(n, one and s:who(one) or "the node that made it", servers)
end

local function gone(answer, s)
  local n, one = answer.gone, answer.gone_at
  if n == 0 then return nil end
  return ("%d gone there: %s %s."):format(n, one and s:who(one) .. " alone has" or "other nodes have",
    n == 1 and "it" or "them")
end

-- "lab (left 2 min ago)"
local function absence(person, s)
  local how = not person.seen_ms and "not heard since this daemon started"
    or ("%s %s ago"):format(person.status == "left" and "left" or "last heard", s.span(person.seen_ms))
  return ("%s (%s)"):format(s:who(person), how)
end

local OFF_NAMED <const> = 3 -- nodes

-- Copies that nobody can have now.
local function others_off(answer, s)
  local n, names = answer.others_off, {}
  if n == 0 then return nil end
  for i, person in ipairs(answer.off) do names[i] = absence(person, s) end
  local more = #names > OFF_NAMED and (" and %d more"):format(#names - OFF_NAMED) or ""
  return ("%s only on nodes that are off: %s%s."):format(s.count(n, "file has its other copies",
    "files have their other copies"), table.concat(names, ", ", 1, math.min(#names, OFF_NAMED)), more)
end

-- What lies in this node's own folder and is not shared: not yet, or for a reason that `files list` gives. → a sentence
-- | nil
local function unshared(answer, s)
  local waiting, refused, words = answer.here_sums.waiting, answer.here_sums.refused, {}
  refused = math.max(refused, answer.not_shared or 0)
  if waiting > 0 then words[1] = ("%s here not shared yet"):format(s.count(waiting, "file")) end
  if refused > 0 then
    words[#words + 1] = ("%s here not shared: files list says why"):format(s.count(refused, "name"))
  end
  return words[1] and table.concat(words, "; ") .. "." or nil
end

-- What is not safe, each kind in a sentence; that all is well only where it is.
local function risk(answer, s, folder)
  local words = { at_risk(answer, s) }
  words[#words + 1] = gone(answer, s)
  words[#words + 1] = others_off(answer, s)
  if not words[1] then words[1] = ("Each%s has a copy on another node."):format(folder and " shared one" or "") end
  return table.concat(words, " ")
end

local function sums(answer, s)
  local folder = unshared(answer, s)
  if answer.total == 0 then
    s:say(folder and answer.here_sums.waiting == 0 and "Nothing is shared."
      or "Nothing is shared yet: a file is published once finished.")
  else
    local sum = ("%s, %s."):format(s.count(answer.total, "file"), s.size(answer.bytes))
    if #answer.files < answer.total then
      s:say(("These are the newest %d; report --all lists all."):format(#answer.files))
    end
    s:say(sum .. " " .. risk(answer, s, folder))
  end
  if folder then s:say(folder) end
  if answer.problem then s:say(("Here: %s."):format(s:text(answer.problem))) end
end

-- Servers elsewhere to which class `lab` does not go, since the policy does not say which keys they have.
local function unnamed(answer, s)
  for _, one in ipairs(answer.unnamed or {}) do
    s:say(("%s, a server elsewhere, gets no file of class lab: no line of this policy names its key. If it is yours, "
      .. "have p.routing.channels name it so:"):format(s:who(one)))
    s:say('  "' .. s:text(one.line) .. '"')
  end
end

--- Prints the answer; with OPTIONS.wide whole texts, however wide the terminal.
function report.show(answer, s, options)
  if answer.robots then return stores.robots(answer, s) end
  local rows, wide = {}, options and options.wide
  if answer.disk then s:say(progress.disk(answer.disk, s) .. ".") end
  for _, file in ipairs(answer.files) do shared(rows, file, s, wide) end
  for _, file in ipairs(answer.here) do rows[#rows + 1] = here(file, answer.self, s) end
  for _, file in ipairs(answer.damaged or {}) do
    local row = report.damaged(file, s)
    if row then rows[#rows + 1] = { row[1], row[2], row[3], s.UNKNOWN, row[4], row[5] } end
  end
  if #rows > 0 and wide then s:whole_table(COLUMNS, rows) elseif #rows > 0 then s:table(COLUMNS, rows) end
  report.say_damaged(answer, s)
  if #rows == 0 then
    if answer.problem then return s:say(("No files are shared. Here: %s."):format(s:text(answer.problem))) end
    return s:say(("No files are shared. Put one into %s."):format(s:text(answer.share)))
  end
  sums(answer, s)
  stores.unsafe(answer, s)
  stores.stores(answer, s)
  stores.here(answer, s)
  unnamed(answer, s)
end

return report
