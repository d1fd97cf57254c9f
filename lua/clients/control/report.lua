-- report.lua - the answer to `report`: all shared files, who has copies, what is at risk. It changes nothing.
local facts = require "clients.control.facts"
local report_rows = require "clients.control.report_rows"
local risk = require "clients.control.risk"
local slices = require "slices"
local stores = require "clients.logs.report_stores"
local to_json = require "clients.control.to_json"

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
  if request.after ~= nil and type(request.after) ~= "string" then return nil, 'form: "after" is an ID', "form" end
  local nodes, view = node.discovery:nodes(), index:now()
  local rows = report_rows.of(node, view, nodes)
  local who, holder = rows.who, rows.holder
  if request.by == "robot" then
    local robots, more = stores.robots(node, view, who, request.after)
    return { robots = to_json.list(robots, as_it_is), more = more }
  end
  local groups = view:groups(away_texts(node, view))
  local answer = risk.sums(groups, holder)
  local n_servers, untyped = servers(nodes)
  answer.files = to_json.rows(listed(view, most), rows.row)
  answer.stores, answer.unsafe = to_json.list(stores.rows(node, who, holder), as_it_is), stores.unsafe(node, groups)
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
