-- report_rows.lua - a shared file as a row of `report` and `find`. It chooses none.
local copies = require "clients.control.copies"
local facts = require "clients.control.facts"
local stores = require "clients.logs.report_stores"
local to_json = require "clients.control.to_json"

local report_rows = {}

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

local function report_row(file, who, holder, time, coming)
  local ms, about = time:age(file.at)
  return {
    cid = to_json.text(file.cid), names = to_json.list(file.names, to_json.text), size = file.size,
    class = to_json.value(file.class), from = to_json.list(file.from, who), age_ms = ms, age_about = about,
    named = to_json.list(file.named, function(one) return name_row(one, who) end),
    copies = to_json.list(file.copies, holder), safe = file.safe, gone = file.gone, at_risk = #file.copies < 2,
    others_off = copies.others_off(file, holder), coming = coming(file.cid, file.size),
  }
end

-- Our own record speaks of FILE, but the file system that it is on is not there: this node has no copy now.
local function is_away(node, cid)
  return node.logs.is_away and node.logs:is_away(cid) or facts.copy_is_away(node, cid)
end

local function without_away(node, file)
  if not is_away(node, file.cid) then return file end
  for i = #file.copies, 1, -1 do
    if file.copies[i] == node.id then table.remove(file.copies, i) end
  end
  return file
end

--- Of NODE and the files of VIEW (file_view.lua), beside NODES as discovery has them: { row = fn(text) → row, who =
--- fn(id) → a node, holder = copies.lua's }
function report_rows.of(node, view, nodes)
  local types, people = types_of(node, nodes), facts.people(node)
  local who = once(function(id)
    local one = people(id)
    one.type = to_json.value(types[id])
    return one
  end)
  local holder = copies.holders(node, who, nodes)
  local coming = stores.coming(node, who, holder)
  return { who = who, holder = holder, row = function(text)
    return report_row(without_away(node, view:file(text)), who, holder, node.time, coming)
  end }
end

return report_rows
