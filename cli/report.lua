-- report.lua - `report`: all shared files, with their copies and what is at risk. It asks the daemon only.
local progress = require "cli.progress"

local report = {}

function report.request() return { command = "report" } end

local COLUMNS <const> = {
  { title = "FILE", cut = "middle", give = true, least = 20 }, { title = "SIZE", align = "right", least = 8 },
  { title = "FROM", give = true, least = 8, cut = "middle" }, { title = "AGE", least = 6 },
  { title = "COPIES", give = true, least = 9 }, { title = "CID", give = true, least = 16 },
}

local function copies(file, s)
  local names = {}
  for i, person in ipairs(file.copies) do names[i] = s:who(person) end
  if #names == 0 then return s.UNKNOWN end
  if #names == 1 then return { names[1] .. " only", colour = "warn" } end
  return ("%d: %s"):format(#names, table.concat(names, ", "))
end

-- Whose file it is; the robot that made room for others no longer shares it.
function report.from(one, s)
  if not one or not one.from then return s.UNKNOWN end
  return one.gone and s:who(one.from) .. ", gone" or s:who(one.from)
end

local NAMES <const> = 8 -- rows of one file

-- A row for each name and robot that the same bytes have: what stands there can be typed into `files get`.
local function shared(rows, file, s)
  local named, cid = file.named, s:short(file.cid)
  rows[#rows + 1] = { s:text(named[1] and named[1].name), s.size(file.size), report.from(named[1], s),
    s.age(file.age_ms, file.age_about), copies(file, s), cid }
  for i = 2, math.min(#named, NAMES) do
    rows[#rows + 1] = { s:text(named[i].name), "", report.from(named[i], s), "", "same bytes", cid }
  end
  if #named > NAMES then
    rows[#rows + 1] = { ("and %d names more"):format(#named - NAMES), "", "", "", "same bytes", cid }
  end
end

--- What stands for the CID of a file that has none in the swarm yet.
function report.state(file, s)
  local words = { s:text(file.state) }
  if file.progress then words[#words + 1] = ("%d %%"):format(file.progress) end
  if file.rate then words[#words + 1] = s.rate(file.rate) end
  if file.reason then words[#words + 1] = s:text(file.reason) end
  return table.concat(words, ", ")
end

local function here(file, node, s)
  return { s:text(file.name), s.size(file.size), s:who(node), s.UNKNOWN, s.UNKNOWN, report.state(file, s) }
end

-- The one node that alone has each of the files for which IS(file) holds, or several; and how many these are.
local function alone(answer, is)
  local n, one, several = 0, nil, false
  for _, file in ipairs(answer.files) do
    if is(file) then
      n = n + 1
      several = several or #file.copies ~= 1 or one and one.id ~= file.copies[1].id
      one = file.copies[1]
    end
  end
  return n, not several and one or nil
end

local function at_risk(answer, s)
  local n, one = alone(answer, function(file) return file.at_risk and not file.gone end)
  if n == 0 then return nil end
  local servers = answer.servers == 0 and "no server is here to take one"
    or s.count(answer.servers, "server is here", "servers are here")
  return ("%d at risk: no copy off %s; %s."):format(n, one and s:who(one) or "the node that made it", servers)
end

local function gone(answer, s)
  local n, one = alone(answer, function(file) return file.gone end)
  if n == 0 then return nil end
  return ("%d gone there: %s %s."):format(n, one and s:who(one) .. " alone has" or "other nodes have",
    n == 1 and "it" or "them")
end

-- What lies in this node's own folder and is not shared: not yet, or for a reason that `files list` gives. → a sentence
-- | nil
local function unshared(answer, s)
  local waiting, refused, words = 0, 0, {}
  for _, file in ipairs(answer.here) do
    if file.state == "refused" then refused = refused + 1 else waiting = waiting + 1 end
  end
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
  if not words[1] then words[1] = ("Each%s has a copy on another node."):format(folder and " shared one" or "") end
  return table.concat(words, " ")
end

local function sums(answer, s)
  local folder = unshared(answer, s)
  if #answer.files == 0 then
    s:say "Nothing is shared yet: a file is published once finished."
  else
    local sum = ("%s, %s."):format(s.count(answer.total, "file"), s.size(s.sum(answer.files, "size")))
    s:say(sum .. " " .. risk(answer, s, folder))
  end
  if folder then s:say(folder) end
  if answer.problem then s:say(("Here: %s."):format(s:text(answer.problem))) end
end

--- Prints the answer.
function report.show(answer, s)
  local rows = {}
  if answer.disk then s:say(progress.disk(answer.disk, s) .. ".") end
  for _, file in ipairs(answer.files) do shared(rows, file, s) end
  for _, file in ipairs(answer.here) do rows[#rows + 1] = here(file, answer.self, s) end
  if #rows > 0 then s:table(COLUMNS, rows) end
  if #rows == 0 then
    if answer.problem then return s:say(("No files are shared. Here: %s."):format(s:text(answer.problem))) end
    return s:say(("No files are shared. Put one into %s."):format(s:text(answer.share)))
  end
  sums(answer, s)
end

return report
