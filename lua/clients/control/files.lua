-- files.lua - the answers that are about files: report, files, sources, folder. It changes nothing.
local copies = require "clients.control.copies"
local facts = require "clients.control.facts"
local find = require "clients.control.find"
local find_files = require "clients.control.find_files"
local hint = require "clients.control.hint"
local report = require "clients.control.report"
local why = require "why"
local to_json = require "clients.control.to_json"
local file_index = require "clients.control.file_index"
local selectors = require "clients.control.selectors"
local shared_file = require "clients.control.shared_file"
local supply = require "dcache.content.sources"

local files = {}
files.__index = files

local PAGE <const> = 100 -- files of a folder in an answer
local ROWS <const> = 1000 -- files of a list in an answer: own ones and copies
local KEPT <const> = 60 * 1000 -- ms that a folder once found is used again for its next page

--- Answers about the files of NODE, each a method (request) → table, or nil, text, code, candidates.
function files.new(node) return setmetatable({ node = node, index = file_index.of(node) }, files) end

--- Called now and then.
function files:rest() self.index:rest() end

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

--- control/report.lua's answer; and find_files.lua's.
function files:report(request) return report(self.node, self.index, request) end
function files:find(request) return find_files(self.node, self.index, request) end

-- A copy held here: whose it is, and whether he still shares it.
local function held_row(node, file, who)
  local row = to_json.fields(file, { "cid", "name", "size", "path", "class", "away" })
  row.state = file.away and "not there" or "held"
  row.checked_ms = file.checked and facts.age(node.time:now(), file.checked)
  if not file.from then return row end
  row.also = to_json.list(file.also, function(one) return { name = to_json.text(one.name), from = who(one.from) } end)
  local record = node.dcache:statement_of("share/files", file.cid, file.from)
  row.from, row.gone = who(file.from), not (record and record.holds) and shared_file.is_gone(node, record, file.from)
  return row
end

-- The page behind AFTER, "own NAME" or "held CID" ("": the first) → own files, copies, what the next is behind | nil
local function page_of(node, after)
  local kind, from = after:match "^(%l+) (.+)$"
  local own, held, last = {}, {}, after
  for file in kind ~= "held" and node.logs:each_file() or function() end do
    if not from or file.name > from then
      if #own == ROWS then return own, held, last end
      own[#own + 1], last = file, "own " .. file.name
    end
  end
  for file in node.content:each_stored(kind == "held" and from or nil) do
    if #own + #held == ROWS then return own, held, last end
    held[#held + 1], last = file, "held " .. file.cid
  end
  return own, held
end

--- Own files by name, then copies by CID; request.after: what an answer called `more`, and then these alone.
function files:list(request)
  local node, after = self.node, request and request.after
  if after ~= nil and not (type(after) == "string" and (after:find "^own ." or after:find "^held .")) then
    return nil, 'form: "after" is what the page before called "more"', "form"
  end
  local own, held, more = page_of(node, after or "")
  local who = facts.people(node)
  local rows = {
    share = to_json.value(node.share), more = more and to_json.text(more), after = after and to_json.text(after),
    files = to_json.rows(own, facts.own_file),
    held = to_json.rows(held, function(file) return held_row(node, file, who) end),
  }
  if after then return rows end
  return self:add_rest(rows, who)
end

-- What is told with the first page.
function files:add_rest(rows, who)
  local node = self.node
  local unwanted, store_free = facts.unwanted(node)
  local rest = {
    problem = facts.share_problem(node), notes = facts.share_notes(node),
    fetching = fetching(node, who), damaged = facts.damaged(node), disk = facts.disk(node),
    queued = to_json.value(node.replicate and node.replicate:queued()),
    unwanted = unwanted, store_free = store_free,
  }
  for name, value in pairs(rest) do rows[name] = value end -- any order
  return rows
end

local function file_facts(one, who)
  local file = one.file
  return { cid = to_json.text(file.cid), name = to_json.value(one.name), size = one.size or file.size,
    from = one.from and who(one.from), gone = file.gone }
end

-- What to type for this one of several that fit, and what tells it from the others.
local function candidates(view, several, who, time)
  local say, i = selectors.of(view, several, who), 0
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
  for file in node.logs:each_file() do
    if file.word ~= "away" then own[file.cid or false] = true end
  end
  for file in node.content:each_stored() do own[file.cid] = own[file.cid] or not file.away end
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
    local row = to_json.fields(source, { "id", "name", "own" })
    if supply.is_stream(source.url) or source.tried then row.stream = true end
    if not supply.is_stream(source.url) then row.url = source.url end
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

local function found(self, view, request)
  local who, robot = facts.people(self.node), request.from
  if type(request.what) ~= "string" or request.what == "" then
    return nil, 'form: "what" names a file, a folder or a CID', "form"
  end
  if robot ~= nil and type(robot) ~= "string" then return nil, 'form: "from" names a robot', "form" end
  local one, message, code, several = find.one(view, request.what, robot, who)
  if one then return one end
  return nil, message, code, several and candidates(view, several, who, self.node.time)
end

--- Who has the file that request.what names, request.from: the robot that it comes from; of a folder, how much it is.
-- request.look: near nodes that were silent are asked whether they are there; a later answer tells what came of it.
function files:sources(request)
  local node, view = self.node, self.index:now()
  local one, message, code, several = found(self, view, request)
  if code == "missing" then
    local better, rows = hint.of(node, view, request.what, request.from, message)
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
  local one, message, code, several = found(self, self.index:now(), request)
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
      local row = file_facts(one.one(path), who)
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
