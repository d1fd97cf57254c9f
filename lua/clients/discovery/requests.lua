-- requests.lua - the answers to `discover`: who is here, and what changes of it. Changes nothing itself.
local changes = require "clients.discovery.changes"
local to_json = require "clients.control.to_json"

local FIELDS <const> = { "id", "name", "label", "type", "version", "status", "state", "near", "self", "via", "seen_ms",
  "seen_about", "boot", "clock", "policy", "files", "note" }

local function row(node) return to_json.fields(node, FIELDS) end

local function who_is_here(discovery, request)
  return {
    nodes = to_json.list(discovery:nodes(request.all == true), row),
    tried = to_json.value(discovery:tried()),
    same = to_json.value(discovery:same()),
  }
end

-- Near nodes that were silent are asked first, so the answer may come a second later; with request.all those of earlier
-- runs are told, too.
local function discover(discovery, request, reply)
  local give_up = discovery:probe(function()
    reply:run(function() reply(who_is_here(discovery, request)) end)
  end)
  if give_up then reply:on_cancel(give_up) end
end

-- All rows first, then each that changes; after a gap all rows anew. What is not taken waits, and is said when there is
-- room; meanwhile the ring keeps what comes.
local function follow(discovery, ring, request, reply)
  local due, reader, begun = nil, nil, false
  local function say()
    while due do
      if not reply(due, true) then return end
      if due.event == "gap" then due = who_is_here(discovery, request) else due = reader:next() end
    end
  end
  reader = ring:reader({ changes.topic }, function()
    if not begun then return end -- all rows come first
    due = due or reader:next()
    say()
  end)
  reply:on_cancel(function() reader:close() end)
  reply:on_room(say)
  discovery.changes:begin()
  due, begun = who_is_here(discovery, request), true
  say()
end

-- What other commands say of who is here.
local function add_peers(discovery, answer)
  answer.same = to_json.value(discovery:same())
  if answer.command == "status" then answer.peers = discovery:count() end
end

--- Registers them with the client's HANDLE.
return function(handle, discovery)
  local ring = handle.node.events
  discovery.changes = changes.new { loop = handle.loop, ring = ring, row = row,
    rows = function() return discovery:nodes() end, probe = function() discovery:probe(function() end) end }
  handle:topic(changes.topic, "nodes that come, go, or are another way", function() discovery.changes:begin() end)
  handle:command("discover", function(request, reply)
    if request.watch ~= true then return discover(discovery, request, reply) end
    follow(discovery, ring, request, reply)
  end, { reads = true })
  handle:extend("channels", function(answer) answer.peers = discovery:count() end)
  for _, command in ipairs { "status", "summary" } do
    handle:extend(command, function(answer) add_peers(discovery, answer) end)
  end
end
