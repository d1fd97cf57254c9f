-- report.lua - `report`: all shared files, with their copies and what is at risk. It asks the daemon only.
local report = {}

function report.request() return { command = "report" } end

local COLUMNS <const> = {
  { title = "FILE", cut = "middle", give = true, least = 20 }, { title = "SIZE", align = "right", least = 8 },
  { title = "FROM", give = true, least = 6 }, { title = "AGE", least = 6 },
  { title = "COPIES", give = true, least = 9 }, { title = "CID", give = true, least = 16 },
}

local function copies(file, s)
  local names = {}
  for i, person in ipairs(file.copies) do names[i] = s:who(person) end
  if #names == 0 then return s.UNKNOWN end
  if #names == 1 then return { names[1] .. " only", colour = "warn" } end
  return ("%d: %s"):format(#names, table.concat(names, ", "))
end

local function shared(file, s)
  local name = s:text(file.names[1])
  if #file.names > 1 then name = ("%s (+%d)"):format(name, #file.names - 1) end
  return {
    name, s.size(file.size), s:who(file.from[1]), s.age(file.age_ms, file.age_about), copies(file, s),
    s:short(file.cid),
  }
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

local function risk(answer, s)
  local at_risk, holder, several = 0, nil, false
  for _, file in ipairs(answer.files) do
    if #file.copies == 1 and not file.safe then
      at_risk = at_risk + 1
      several = several or holder and holder.id ~= file.copies[1].id
      holder = file.copies[1]
    end
  end
  if at_risk == 0 then return #answer.files > 0 and " Each has a copy on another node." or "" end
  local off = several and "the node that made it" or s:who(holder)
  local servers = answer.servers == 0 and "no server is here to take one"
    or s.count(answer.servers, "server is here", "servers are here")
  return (" %d at risk: no copy off %s; %s."):format(at_risk, off, servers)
end

--- Prints the answer.
function report.show(answer, s)
  local rows = {}
  for _, file in ipairs(answer.files) do
    rows[#rows + 1] = shared(file, s)
  end
  for _, file in ipairs(answer.here) do rows[#rows + 1] = here(file, answer.self, s) end
  if #rows > 0 then s:table(COLUMNS, rows) end
  if #rows == 0 then return s:say(("No files are shared. Put one into %s."):format(s:text(answer.share))) end
  if #answer.files == 0 then return s:say "Nothing is shared yet: a file is published once finished." end
  s:say(("%s, %s."):format(s.count(answer.total, "file"), s.size(s.sum(answer.files, "size"))) .. risk(answer, s))
end

return report
