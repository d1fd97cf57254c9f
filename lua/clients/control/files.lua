-- files.lua - the answers that are about files: report, files, sources, folder. It changes nothing.
local copies = require "clients.control.copies"
local facts = require "clients.control.facts"
local find = require "clients.control.find"
local hint = require "clients.control.hint"
local why = require "why"
local to_json = require "clients.control.to_json"
local file_index = require "clients.control.file_index"
local selectors = require "clients.control.selectors"
local slices = require "slices"

local files = {}
files.__index = files

local CANDIDATES <const> = 10
local PAGE <const> = 100 -- files of a folder in an answer
local KEPT <const> = 60 * 1000 -- ms that a folder once found is used again for its next page

--- Answers about the files of NODE, each a method (request) → table, or nil, text, code, candidates.
function files.new(node) return setmetatable({ node = node }, files) end

-- The same table for the same node, each time: a report speaks of few nodes, and of each many times.
local function once(who)
  local known = {}
  return function(id)
    known[id] = known[id] or who(id)
    return known[id]
  end
end

local function name_row(one, who)
  return { name = to_json.text(one.name), from = who(one.from), gone = one.gone or nil }
end

-- What each node says that it is, by peer ID, of those that were heard.
local function types_of(node, nodes)
  local types = { [node.id] = node.type }
  for _, other in ipairs(nodes) do types[other.id] = types[other.id] or other.type end
  return types
end

local function report_row(file, who, holder, time)
  local ms, about = time:age(file.at)
  return {
    cid = to_json.text(file.cid), names = to_json.list(file.names, to_json.text), size = file.size,
    class = to_json.value(file.class), from = to_json.list(file.from, who), age_ms = ms, age_about = about,
    named = to_json.list(file.named, function(one) return name_row(one, who) end),
    copies = to_json.list(file.copies, holder), safe = file.safe, gone = file.gone, at_risk = #file.copies < 2,
    others_off = copies.others_off(file, holder),
  }
end

local FETCHING <const> = { "cid", "name", "size", "done", "state", "source", "via", "rate", "reason", "word",
  "since_ms", "again_ms" }

-- What is on its way, then what waits and is tried again.
local function fetching(node, who)
  local list = {}
  for _, row in ipairs(node.content:fetching()) do list[#list + 1] = row end
  for _, row in ipairs(node.replicate and node.replicate:waiting() or {}) do list[#list + 1] = row end
  return to_json.list(list, function(row)
    local one = to_json.fields(row, FETCHING)
    local whose = row.from or row.by
    one.from = whose and who(whose)
    return one
  end)
end

-- Our own record speaks of these, but the file system that they are on is not there: this node has no copy now.
local function without_away(node, list)
  for _, file in ipairs(list) do
    if node.logs.is_away and node.logs:is_away(file.cid) or facts.copy_is_away(node, file.cid) then
      for i = #file.copies, 1, -1 do
        if file.copies[i] == node.id then table.remove(file.copies, i) end
      end
    end
    slices.step(0.1)
  end
  return list
end

-- How many servers are here, and how many nodes whose type is not known.
local function servers(nodes)
  local n, untyped = 0, 0
  for _, other in ipairs(nodes) do
    if other.status ~= "left" and other.status ~= "lost" then
      n, untyped = n + (other.type == "server" and 1 or 0), untyped + (other.type and 0 or 1)
    end
  end
  return n, untyped
end

-- Names in the share folder that are not shared, and why not stands in `files list`.
local function not_shared(node)
  local n = 0
  for _, number in pairs(node.logs.refused and node.logs:refused() or {}) do n = n + number end -- any order
  return n
end

function files:report()
  local node, here = self.node, {}
  local nodes = node.discovery:nodes()
  local types, people = types_of(node, nodes), facts.people(node)
  local list, known = file_index.files(node)
  without_away(node, list)
  local who = once(function(id)
    local one = people(id)
    one.type = to_json.value(types[id])
    return one
  end)
  for _, file in ipairs(node.logs:files()) do
    if not (file.cid and known[file.cid]) then here[#here + 1] = file end
    slices.step(0.05)
  end
  local holder = copies.holders(node, who, nodes)
  local sums = { at_risk = 0, gone = 0, others_off = 0 }
  local rows = to_json.rows(list, function(file)
    local row = report_row(file, who, holder, node.time)
    for name, n in pairs(sums) do sums[name] = n + (row[name] and 1 or 0) end -- any order
    return row
  end)
  local n_servers, untyped = servers(nodes)
  return {
    files = rows, here = to_json.rows(here, facts.own_file), self = who(node.id),
    servers = n_servers, untyped = untyped,
    total = #list, share = to_json.value(node.share), at_risk = sums.at_risk, gone = sums.gone,
    others_off = sums.others_off,
    not_shared = not_shared(node), disk = facts.disk(node), problem = facts.share_problem(node),
    damaged = facts.damaged(node),
  }
end

-- A copy held here: whose it is, and whether he still shares it.
local function held_row(node, file, who)
  local row = to_json.fields(file, { "cid", "name", "size", "path", "class", "away" })
  row.state = file.away and "not there" or "held"
  if not file.from then return row end
  row.also = to_json.list(file.also, function(one) return { name = to_json.text(one.name), from = who(one.from) } end)
  local record = node.dcache:statement_of("share/files", file.cid, file.from)
  row.from, row.gone = who(file.from), not (record and record.holds) and file_index.is_gone(node, record, file.from)
  return row
end

function files:list()
  local node = self.node
  local who = facts.people(node)
  local unwanted, store_free = facts.unwanted(node)
  return {
    share = to_json.value(node.share), problem = facts.share_problem(node), notes = facts.share_notes(node),
    files = to_json.rows(node.logs:files(), facts.own_file),
    held = to_json.rows(node.content:stored(), function(file) return held_row(node, file, who) end),
    fetching = fetching(node, who), damaged = facts.damaged(node), disk = facts.disk(node),
    queued = to_json.value(node.replicate and node.replicate:queued()),
    unwanted = unwanted, store_free = store_free,
  }
end

local function file_facts(one, who)
  local file = one.file
  return { cid = to_json.text(file.cid), name = to_json.value(one.name), size = one.size or file.size,
    from = one.from and who(one.from), gone = file.gone }
end

-- What to type for this one of several that fit, and what tells it from the others.
local function candidates(list, all, who, time)
  local several, i = { table.unpack(all, 1, CANDIDATES) }, 0
  local say = selectors.of(list, several, who)
  return to_json.list(several, function(one)
    i = i + 1
    local word = to_json.text(say[i])
    if one.root then
      return { say = word, from = who(one.from), name = to_json.text(one.root), files = #one.paths, size = one.size }
    end
    local row = file_facts(one, who)
    row.say, row.age_ms, row.age_about = word, time:age(one.at)
    return row
  end)
end

-- This node's own CIDs: those of its share folder and those held for others.
local function own_cids(node)
  local own = {}
  for _, file in ipairs(node.logs:files()) do
    slices.step(0.05)
    if file.word ~= "away" then own[file.cid or false] = true end
  end
  for _, file in ipairs(node.content:stored()) do own[file.cid] = own[file.cid] or not file.away end
  return own
end

-- This node first, where it has the file: the others' addresses are what content:sources knows.
local function sources_of(node, cid, own)
  local list = {}
  if own[cid] and node.gateway then
    local url = ("http://127.0.0.1:%d"):format(node.gateway:port())
    list[1] = { id = node.id, name = node.name, url = url, own = true }
  end
  for _, source in ipairs(node.content:sources(cid)) do list[#list + 1] = source end
  return to_json.list(list, function(source)
    local row = to_json.fields(source, { "id", "name", "url", "own" })
    row.label = to_json.value(node.who(source.id).label)
    return row
  end)
end

-- Who has the file, whether he can be reached now, and when he was heard last.
local function holders(node, file, sources, who)
  local reachable, holder = {}, copies.holders(node, who, node.discovery:nodes())
  for _, source in ipairs(sources) do reachable[source.id] = true end
  return to_json.list(file.copies, function(id)
    local row = holder(id)
    row.reachable = reachable[id] or false
    row.away = id == node.id and facts.copy_is_away(node, file.cid) or nil
    return row
  end)
end

local function found(self, list, request)
  local who, robot = facts.people(self.node), request.from
  if type(request.what) ~= "string" or request.what == "" then
    return nil, 'form: "what" names a file, a folder or a CID', "form"
  end
  if robot ~= nil and type(robot) ~= "string" then return nil, 'form: "from" names a robot', "form" end
  local one, message, code, several = find.one(list, request.what, robot, who)
  if one then return one end
  return nil, message, code, several and candidates(list, several, who, self.node.time)
end

--- Who has the file that request.what names, request.from: the robot that it comes from; of a folder, how much it is.
-- request.look: near nodes that were silent are asked whether they are there; a later answer tells what came of it.
function files:sources(request)
  local node, list = self.node, file_index.files(self.node)
  local one, message, code, several = found(self, list, request)
  if code == "missing" then
    local better, rows = hint.of(node, list, request.what, request.from, message)
    return nil, better or message, code, nil, rows and to_json.list(rows, function(row)
      return to_json.fields(row, why.fields)
    end)
  end
  if not one then return nil, message, code, several end
  local who = facts.people(node)
  if one.root then
    return { folder = to_json.text(one.root), from = who(one.from), files = #one.paths, size = one.size }
  end
  local answer = file_facts(one, who)
  answer.sources = sources_of(node, one.file.cid, own_cids(node))
  answer.holders = holders(node, one.file, answer.sources, who)
  if request.look == true then node.discovery:probe(function() end) end
  return answer
end

-- The folder is looked for anew for its first page, and where a client was slow.
local function folder_of(self, request)
  local now, kept = self.node.loop:now(), self.kept
  if request.after and kept and kept.what == request.what and kept.from == request.from and now - kept.at < KEPT then
    kept.at = now
    return kept.one
  end
  local one, message, code, several = found(self, file_index.files(self.node), request)
  if not one then return nil, message, code, several end
  if not one.root then return nil, "missing: that is a file, no folder", "missing" end
  self.kept = { what = request.what, from = request.from, at = now, one = one }
  return one
end

--- Files of the folder request.what (of robot request.from), by path: those behind the path request.after, a page of
-- them; `more` says that there are others behind.
function files:folder(request)
  local after = type(request.after) == "string" and request.after or ""
  local one, message, code, several = folder_of(self, request)
  if not one then return nil, message, code, several end
  local node, rows, own, more = self.node, {}, own_cids(self.node), false
  local who = facts.people(node)
  for _, path in ipairs(one.paths) do
    if path > after then
      more = #rows == PAGE
      if more then break end
      local row = file_facts(one.by_path[path], who)
      row.path, row.sources = to_json.text(path), sources_of(node, row.cid, own)
      rows[#rows + 1] = row
    end
  end
  if not more then self.kept = nil end
  return { folder = to_json.text(one.root), from = who(one.from),
    files = to_json.list(rows, function(row) return row end),
    more = more }
end

return files
