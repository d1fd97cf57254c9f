-- events.lua - what becomes of files, told to the event ring while anybody reads it. Moves no file.
local sorted = require "sorted"

local events = {}

local TOPIC <const> = "files"

local function add(node, event)
  if node.events:is_read(TOPIC) then node.events:add(TOPIC, event) end
end

-- Steps of a moment on the way to be shared are no news.
local function is_step(file)
  return file.state == "hashing" or file.state == "waiting" and (file.reason or ""):find "^for " ~= nil
end

-- FILE is shared now: it counts as used where it was not before, in this run or in an earlier one.
local function count(node, file)
  local share = node.logs.shares.by_cid[file.shared]
  if not share or not share.is_new then return end
  share.is_new = nil
  node.statistics:shared(share.size)
end

--- → a function that tells of the own file FILE (own_files.lua), which has another state.
function events.own(node)
  return function(file)
    if is_step(file) then return end
    if file.state == "published" and node.statistics then count(node, file) end
    add(node, { event = file.state, name = file.name, size = file.info and file.info.size, cid = file.shared,
      reason = file.reason })
  end
end

--- → a function that tells what came of the fetch of FILE (replicate.lua's), and why where it did not come.
function events.fetched(node)
  return function(event, file, why)
    add(node, { event = event, name = file.name, size = file.size, cid = file.cid, node = node.who(file.by),
      reason = why })
  end
end

--- Has others' copies of the own files of LOGS told, too.
function events.listen(handle, logs)
  local node = handle.node
  handle:topic(TOPIC, "own files, copies of them, and what is fetched")
  handle:on_statement("share/safe", function(st, source)
    local share = source and st.verb == "propose" and node.events:is_read(TOPIC) and logs.shares.by_cid[st.key]
    if not share then return end
    add(node, { event = "copied", name = sorted.keys(share.names)[1], cid = st.key, size = share.size,
      node = node.who(st.signer) })
  end)
end

return events
