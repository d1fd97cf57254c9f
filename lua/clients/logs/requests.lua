-- requests.lua - the commands that are about files. Their answers are made in control/files.lua.
local dismissal = require "clients.control.dismissal"
local facts = require "clients.control.facts"
local lazily = require "lazily"
local files = lazily "clients.control.files"
local safety = lazily "clients.logs.safety"
local verifying = lazily "clients.logs.verifying"
local to_json = require "clients.control.to_json"

local REST <const> = 60 * 1000 -- ms between two looks whether what answers rest on is still wanted

-- What `status` says of files: own ones, fetched ones, and the disks that they are on.
local function add_files(node, answer)
  answer.files = to_json.rows(node.logs:each_file(), facts.own_file)
  answer.problem, answer.notes = facts.share_problem(node), facts.share_notes(node)
  answer.fetched = node.content.counts and { refused = to_json.value(node.content:counts().refused) } or nil
  answer.unwanted, answer.store_free = facts.unwanted(node)
  answer.disk, answer.damaged = facts.disk(node), facts.damaged(node)
  for _, client in ipairs { node.replicate or false, node.stores or false } do
    for _, row in ipairs(client and client.bounds and client:bounds() or {}) do
      table.insert(answer.bounds, to_json.value(row))
    end
  end
end

--- Registers them with the client's HANDLE.
return function(handle)
  local node = handle.node
  local about
  handle.loop:every(REST, function() if about then about:rest() end end)
  local function add(name, fn, marks)
    handle:command(name, function(request, reply)
      if not node.discovery then -- it failed: nobody knows who is here, and who has a file
        return reply(nil, "closed: discovery does not run here; status says why", "closed")
      end
      fn(request, reply)
    end, marks)
  end
  handle:extend("status", function(answer) add_files(node, answer) end)
  for _, each in ipairs { { "report", "report" }, { "find", "find" }, { "files", "list" }, { "sources", "sources" },
    { "folder", "folder" } } do
    local command, method = each[1], each[2]
    add(command, function(request, reply)
      about = about or files.new(node)
      reply(about[method](about, request))
    end, { reads = true })
  end
  add("safe", function(request, reply) reply(safety.answer(node, request)) end, { reads = true })
  add("verify", function(request, reply) reply(verifying.answer(node, request)) end)
  add("dismiss", function(request, reply) reply(dismissal(node, request)) end)
end
