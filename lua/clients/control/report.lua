-- report.lua - the answer to `report`: all shared files, who has copies, what is at risk. It changes nothing.
local copies = require "clients.control.copies"
local facts = require "clients.control.facts"
local risk = require "clients.control.risk"
local slices = require "slices"
local stores = require "clients.logs.report_stores"
local to_json = require "clients.control.to_json"

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

-- The texts of all such files in VIEW.
local function away_texts(node, view)
  local list, known = {}, {}
  local function add(cid)
    if not known[cid] then list[#list + 1] = view:of(cid) end
    known[cid] = true
    slices.step(0.1)
  end
  for _, cid in ipairs(node.logs.away_cids and node.logs:away_cids() or {}) do add(cid) end
  if node.content.copies_are_away and node.content:copies_are_away() then
    for file in node.content:each_stored() do add(file.cid) end
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

-- Own files that are not among the shared ones of VIEW, one after the other.
local function unshared(node, view)
  local next_file = node.logs:each_file()
  return function()
    for file in next_file do
      if not (file.cid and view:of(file.cid)) then return file end
      slices.step(0.05)
    end
  end
end

local function sum_of(files)
  local sums = { waiting = 0, refused = 0 }
  for file in files do
    local state = file.state == "refused" and "refused" or "waiting"
    sums[state] = sums[state] + 1
    slices.step(0.05)
  end
  return sums
end

local function first_of(files, most)
  local n = 0
  return function()
    n = n + 1
    return (not most or n <= most) and files() or nil
  end
end

-- The newest MOST of all (nil: all), by name.
local function listed(view, most)
  return view:sorted(most and view.total > most and view:newest(most) or view:each_text())
end

local function as_it_is(row) return row end

--- All shared files, by name, as rows; with request.newest (a number) only so many of them, those that were said last.
-- The sums are of all. With request.by = "robot": a row a robot.
return function(node, index, request)
  local most = request.newest
  if most ~= nil and (math.type(most) ~= "integer" or most < 1) then
    return nil, 'form: "newest" is how many rows are wanted, at least 1', "form"
  end
  if request.by ~= nil and request.by ~= "robot" then
    return nil, 'form: "by" is what the lines are about: "robot"', "form"
  end
  local nodes, view = node.discovery:nodes(), index:now()
  local types, people = types_of(node, nodes), facts.people(node)
  local who = once(function(id)
    local one = people(id)
    one.type = to_json.value(types[id])
    return one
  end)
  local holder = copies.holders(node, who, nodes)
  if request.by == "robot" then return { robots = to_json.list(stores.robots(node, view, who), as_it_is) } end
  local groups, coming = view:groups(away_texts(node, view)), stores.coming(node, who)
  local answer = risk.sums(groups, holder)
  local n_servers, untyped = servers(nodes)
  answer.files = to_json.rows(listed(view, most), function(text)
    return report_row(without_away(node, view:file(text)), who, holder, node.time, coming)
  end)
  answer.stores, answer.unsafe = to_json.list(stores.rows(node, who), as_it_is), stores.unsafe(node, groups)
  answer.card = stores.card(node)
  answer.paused = to_json.value(node.paused and node.paused())
  answer.here_sums = sum_of(unshared(node, view))
  answer.here = to_json.rows(first_of(unshared(node, view), most), facts.own_file)
  answer.self, answer.servers, answer.untyped = who(node.id), n_servers, untyped
  answer.total, answer.bytes, answer.share = view.total, view.bytes, to_json.value(node.share)
  answer.not_shared, answer.disk, answer.problem = not_shared(node), facts.disk(node), facts.share_problem(node)
  answer.damaged, answer.unnamed = facts.damaged(node), node.streams and node.streams:unnamed()
  return answer
end
