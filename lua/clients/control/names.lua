-- names.lua - the answer to `names`: peers, files, buckets, releases or runs whose names begin as somebody typed, for
-- completion. No facts about them.
local lazily = require "lazily"
local file_index = lazily "clients.control.file_index"
local slices = require "slices"
local text = require "core.text"
local to_json = require "clients.control.to_json"

local MOST <const> = 200 -- names in an answer

local each = {}

function each.peer(node, _, add)
  for _, other in ipairs(node.discovery:nodes()) do add(node.who(other.id).label) end
end

-- `files get` takes a file by its name, and by the robot it comes from and its name.
function each.file(node, begins, add)
  local behind = begins:match "^[^:]+:(.*)$"
  local view, robots = file_index.of(node):now(), {}
  for file_text in view:each_text { begins, behind } do
    for _, one in ipairs(view:file(file_text).named) do
      add(one.name)
      robots[one.from] = robots[one.from] or node.who(one.from).label
      if behind then add(("%s:%s"):format(robots[one.from], one.name)) end
    end
    slices.step(0.5)
  end
end

function each.bucket(node, _, add)
  for _, bucket in ipairs(node.dcache:buckets()) do add(bucket.name) end
end

-- Releases and runs, as their keys.
local function of_updates(node, list, add)
  for _, one in ipairs(node.updates and node.updates.known[list](node.updates.known) or {}) do add(one.key) end
end

function each.release(node, _, add) of_updates(node, "releases", add) end

function each.run(node, _, add) of_updates(node, "runs", add) end

-- Those that come first; where they are too many the least and the greatest are among them, so that what all of the
-- answer begin with all names there are begin with.
local function collect(node, kind, begins)
  local names, known, least, greatest = {}, {}, nil, nil
  each[kind](node, begins, function(name)
    if not name or known[name] or name:sub(1, #begins) ~= begins or not text.utf8(name) then return end
    least, greatest = least and least < name and least or name, greatest and greatest > name and greatest or name
    if #names == MOST then return end
    known[name], names[#names + 1] = true, name
  end)
  if #names == MOST then names[MOST - 1], names[MOST] = least, greatest end
  return names
end

--- Registers it with the client's HANDLE: { command = "names", of = "peer", "file", "bucket", "release" or "run",
-- begins = text or nil } → { names }, at most 200, in no order.
return function(handle)
  local node = handle.node
  handle:command("names", function(request, reply)
    if not each[request.of] then
      return reply(nil, 'form: "of" is "peer", "file", "bucket", "release" or "run"', "form")
    end
    local begins = type(request.begins) == "string" and request.begins or ""
    reply { command = "names", names = to_json.list(collect(node, request.of, begins), to_json.value) }
  end, { reads = true })
end
