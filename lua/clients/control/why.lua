-- why.lua - the command `why`: which thing the words of a person mean, and the rows of all who know about it. Knows no
-- reason itself but what is counted here of each refusal.
--
-- A request: {"command":"why","words":["peer","donald"]}, or {"command":"why","thing":{"peer":"donald"}}. The answer
-- has thing = { kind, name } and rows = [{ code, what, seen, cure } …] (lua/why.lua).
local lazily = require "lazily"
local nearest = require "nearest"
local cures = require "cures"
local things = lazily "clients.control.things"
local to_json = require "clients.control.to_json"
local why_channel = lazily "clients.control.why_channel"
local why_policy = lazily "clients.control.why_policy"
local why_record = lazily "clients.control.why_record"
local reasons = require "why"

local why = {}

local USAGE <const> = "form: why THING: a file, a node, a channel, a record (BUCKET KEY), a setting, a hook, \z
  an update (NAME/SEQ/RUN), a word of refusal"
local WORDS_MAX <const> = 3

-- == what is counted of a refusal

local function add(list, n, words)
  if n and n > 0 then list[#list + 1] = ("%d %s"):format(n, words) end
end

-- Where the refusal CODE was counted in this run.
local function counts(node, control, code)
  local list = {}
  add(list, node.refused[code], "by the node")
  for _, channel in ipairs(node.routing:channels()) do
    add(list, (channel.refused or {})[code], "on " .. channel.address)
  end
  add(list, control.refused[code], "of this socket's clients")
  local fetched = node.content and node.content.counts and node.content:counts().refused or {}
  add(list, fetched[code], "of files that were fetched")
  local own = node.logs and node.logs.refused and node.logs:refused() or {}
  add(list, own[code], "of files in the share folder")
  return list
end

local function code_rows(node, control, thing)
  if type(thing.code) ~= "string" or not cures.of(thing.code) then return nil end
  local list = counts(node, control, thing.code)
  return { { what = "counted since this daemon started", seen = list[1] and table.concat(list, "; ") or "never" } }
end

-- == which thing

local function found(kind, words, rows)
  return { kind = kind.name, name = table.concat(words, " "), words = words, rows = rows }
end

-- All that WORDS may mean: { kind, name, words, rows } each.
local function all(node, words)
  local kind, rest = things.kind(words[1]), { table.unpack(words, 2) }
  if kind and #rest == kind.words then
    local rows = node.why:of(things.of(kind, rest))
    return rows[1] and { found(kind, rest, rows) } or {}, kind
  end
  local list = {}
  for _, each in ipairs(things.kinds) do
    local rows = each.words == #words and node.why:of(things.of(each, words)) or {}
    if rows[1] then list[#list + 1] = found(each, words, rows) end
  end
  return list
end

-- == what is said where nothing, or too much, is known

local function known_words(node, kind)
  local names, words, errors = why_policy.paths(), cures.all()
  if kind and kind.name == "record" then
    names = {}
    for i, bucket in ipairs(node.dcache:buckets()) do names[i] = bucket.name end
    return names
  end
  for _, list in ipairs { words, errors } do
    for _, entry in ipairs(list) do names[#names + 1] = entry.word end
  end
  for _, one in ipairs(node.discovery and node.discovery:nodes() or {}) do names[#names + 1] = one.label end
  for file in node.logs and node.logs:each_file() or function() end do names[#names + 1] = file.name end
  return names
end

local function missing(node, words, kind)
  local name = words[kind and 2 or #words]
  local meant = nearest.of(known_words(node, kind), name)
  local what = kind and ("no %s %s is known here"):format(kind.name == "word" and "word of refusal" or kind.name,
    to_json.text(table.concat(words, " ", 2))) or ("nothing here is called %s"):format(
    to_json.text(table.concat(words, " ")))
  if meant and meant ~= name then what = ("%s; did you mean %s?"):format(what, to_json.text(meant)) end
  return nil, "missing: " .. what, "missing"
end

local function ambiguous(list, words)
  local several = {}
  for i, one in ipairs(list) do
    several[i] = { say = ("why %s %s"):format(one.kind, to_json.text(one.name)),
      text = to_json.text(one.rows[1].what or one.kind) }
  end
  return nil, ("ambiguous: %s is the name of %d things; say which, as below"):format(
    to_json.text(table.concat(words, " ")), #list), "ambiguous", to_json.list(several, to_json.value)
end

local function rows_of(rows)
  return to_json.list(rows, function(row) return to_json.fields(row, reasons.fields) end)
end

-- The words of a request, or what its `thing` says | nil: it says neither.
local function words_of(request)
  local words = request.words
  local thing = type(request.thing) == "table" and request.thing or {}
  for _, kind in ipairs(things.kinds) do
    local value = thing[kind.field]
    if value and not words then words = { kind.name, table.unpack(type(value) == "table" and value or { value }) } end
  end
  if type(words) ~= "table" or #words < 1 or #words > WORDS_MAX then return nil end
  for _, word in ipairs(words) do
    if type(word) ~= "string" or word == "" then return nil end
  end
  return words
end

local function answer(node, request)
  local words = words_of(request)
  if not words then return nil, USAGE, "form" end
  local list, kind = all(node, words)
  if not list[1] then return missing(node, words, kind) end
  if list[2] then return ambiguous(list, words) end
  local one = list[1]
  local first = one.rows[1]
  if first.code == "ambiguous" and one.kind ~= "word" then
    return nil, ("ambiguous: %s: %s"):format(to_json.text(first.what), to_json.text(first.seen)), "ambiguous"
  end
  return { thing = { kind = one.kind, name = to_json.text(one.name) }, rows = rows_of(one.rows) }
end

--- Registers the command, and what this client knows of settings, hooks, records and refusals, with its HANDLE.
--- CONTROL: the client.
function why.register(handle, control)
  local node = handle.node
  handle:why(function(thing) return code_rows(node, control, thing) end)
  handle:why(function(thing) return why_policy.rows(node, thing) end)
  handle:why(function(thing) return why_channel.rows(node, thing) end)
  handle:why(function(thing) return why_record.rows(node, thing) end)
  handle:command("why", function(request, reply) reply(answer(node, request)) end, { reads = true })
end

return why
