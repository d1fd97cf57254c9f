-- requests.lua - the answer to `discover`: who is here. Changes nothing.
local to_json = require "clients.control.to_json"

local FIELDS <const> = { "id", "name", "label", "type", "version", "status", "state", "near", "self", "via", "seen_ms",
  "seen_about", "boot", "clock", "files", "note" }

local function who_is_here(discovery, request)
  return {
    nodes = to_json.list(discovery:nodes(request.all == true), function(other)
      return to_json.fields(other, FIELDS)
    end),
    tried = to_json.value(discovery:tried()),
    same = to_json.value(discovery:same()),
  }
end

-- Near nodes that were silent are asked first, so the answer may come a second later; with request.all those of earlier
-- runs are told, too.
local function discover(discovery, request, reply)
  local give_up = discovery:probe(function() reply(who_is_here(discovery, request)) end)
  if give_up then reply:on_cancel(give_up) end
end

-- What other commands say of who is here.
local function add_peers(discovery, answer)
  answer.same = to_json.value(discovery:same())
  if answer.command == "status" then answer.peers = discovery:count() end
end

--- Registers them with the client's HANDLE.
return function(handle, discovery)
  handle:command("discover", function(request, reply) discover(discovery, request, reply) end)
  for _, command in ipairs { "status", "summary" } do
    handle:extend(command, function(answer) add_peers(discovery, answer) end)
  end
end
