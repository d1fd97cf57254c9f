-- requests.lua - the answers to `discover`: who is here, and what changes of it. Changes nothing itself.
local changes = require "clients.discovery.changes"
local follow = require "clients.control.follow"
local node_pages = require "clients.discovery.node_pages"
local to_json = require "clients.control.to_json"

local FIELDS <const> = { "id", "name", "label", "type", "site", "version", "status", "state", "why", "near", "self",
  "via", "seen_ms", "seen_about", "said_ms", "boot", "clock", "policy", "files", "battery", "level", "note", "notes" }

local function row(node) return to_json.fields(node, FIELDS) end

local function chosen(nodes, request)
  if request.near ~= true then return nodes end
  local list = {}
  for _, node in ipairs(nodes) do
    if node.near or node.self then list[#list + 1] = node end
  end
  return list
end

-- The nodes that REQUEST asks for, in their order.
local function listed(discovery, request)
  local what = (request.all == true and "all" or "") .. (request.near == true and "near" or "")
  return node_pages.list(discovery, what, request.after, function()
    return chosen(discovery:nodes(request.all == true), request)
  end)
end

-- MOST: rows, nil for all. → the answer | nil, text, code
local function who_is_here(discovery, request, most)
  local missing, roster
  if request.missing == true then missing, roster = discovery:missing() end
  local nodes, more, code = node_pages.cut(missing or listed(discovery, request), request.after, most)
  if not nodes then return nil, more, code end
  local answer = { nodes = to_json.list(nodes, row), more = more, roster = to_json.value(roster) }
  if request.after then return answer end -- the first page has the rest
  answer.tried, answer.same = to_json.value(discovery:tried()), to_json.value(discovery:same())
  return answer
end

local function is_fit(request)
  for name, kind in pairs { near = "boolean", after = "string", all = "boolean", missing = "boolean",
    watch = "boolean", watching = "boolean" } do -- any order
    if request[name] ~= nil and type(request[name]) ~= kind then
      return nil, ('form: "%s" is %s'):format(name, kind == "string" and "the ID of a node" or "true or false"), "form"
    end
  end
  return true
end

-- Near nodes that were silent are asked first, so the answer may come a second later; with request.all those of earlier
-- runs are told, too. Pages behind the first ask nobody anew.
local function discover(discovery, request, reply)
  local function answer()
    reply:run(function() reply(who_is_here(discovery, request, node_pages.PAGE)) end)
  end
  if request.after then return answer() end
  local give_up = discovery:probe(answer, request.watching == true)
  if give_up then reply:on_cancel(give_up) end
end

-- Is EVENT for who asked for ASKED, and was told rows of the IDs in TOLD? Who is not near any more is told once.
local function is_for(event, asked, told)
  local one = event.row
  if not one then return true end
  local had = told[one.id]
  told[one.id] = chosen({ one }, asked)[1] and true or nil
  return had or told[one.id]
end

-- All rows at once, then each that changes.
local function watch(handle, discovery, request, reply)
  local asked, told = { near = request.near, all = request.all, missing = request.missing }, {}
  follow.start { loop = handle.loop, ring = handle.node.events, names = { changes.topic }, reply = reply,
    each = function(event) return is_for(event, asked, told) and event or nil end,
    rows = function()
      local answer = who_is_here(discovery, asked)
      told = {}
      for _, one in ipairs(answer.nodes) do told[one.id] = true end
      return { answer }
    end }
end

-- What other commands say of who is here.
local function add_peers(discovery, answer)
  local same = discovery:same() -- it counts who is here by all rows: once is enough
  answer.same = to_json.value(same)
  if answer.command ~= "status" then return end
  answer.peers = same.here
  for _, bound in ipairs(answer.bounds and discovery:bounds() or {}) do
    table.insert(answer.bounds, to_json.value(bound))
  end
end

--- Registers them with the client's HANDLE.
return function(handle, discovery)
  local ring = handle.node.events
  discovery.changes = changes.new { loop = handle.loop, ring = ring, row = row,
    rows = function() return discovery:nodes() end, probe = function() discovery:probe(function() end, true) end }
  handle:topic(changes.topic, "nodes that come, go, or are another way", function() discovery.changes:begin() end,
    function() return discovery.changes:all() end)
  handle:command("discover", function(request, reply)
    local fit, text, code = is_fit(request)
    if not fit then return reply(nil, text, code) end
    if request.watch ~= true then return discover(discovery, request, reply) end
    watch(handle, discovery, request, reply)
  end, { reads = true })
  handle:extend("channels", function(answer) answer.peers = discovery:count() end)
  for _, command in ipairs { "status", "summary" } do
    handle:extend(command, function(answer) add_peers(discovery, answer) end)
  end
end
