-- facts.lua - facts that several answers of the control socket share: ages, people, own files. It changes nothing.
local to_json = require "clients.control.to_json"

local facts = {}

function facts.age(now, at)
  return now and at and math.max(now - at, 0) or nil
end

--- → a function from a peer ID to { id =, name =, label = } of who has it: label is the name, name~key where several
-- have it, ~key where nobody knows one.
function facts.people(node)
  return function(id) return to_json.value(node.who(id)) end
end

function facts.own_file(file)
  return to_json.fields(file, { "name", "size", "cid", "state", "reason", "word", "cure", "rate", "progress",
    "since" })
end

function facts.share_problem(node)
  return node.logs.problem and to_json.value(node.logs:problem())
end

--- What is wrong with the disk that fetched files go to: { word, text, path, free, needed, files, since_ms }, or nil.
function facts.disk(node)
  local trouble = node.content.trouble and node.content:trouble()
  if not trouble then return nil end
  local told = to_json.fields(trouble, { "word", "text", "path", "free", "needed", "files" })
  told.since_ms = to_json.value(node.loop:now() - trouble.since)
  return told
end

--- Is the file CID held here, on a disk that is not there?
function facts.copy_is_away(node, cid)
  return node.content.copies_are_away ~= nil and node.content:copies_are_away() and node.content:holds(cid)
end

-- How many other nodes say that they have the file CID.
local function others(node, cid)
  local seen, n = { [node.id] = true }, 0
  for _, bucket in ipairs { "share/files", "share/safe" } do
    local record = node.dcache:record(bucket, cid)
    for _, one in ipairs(record and record.statements or {}) do
      if one.holds and not seen[one.signer] then seen[one.signer], n = true, n + 1 end
    end
  end
  return n
end

--- Copies held here that turned out damaged: an array of { cid, name, size, path, from = who | nil, state = "damaged",
-- again = a whole one is held, others = how many other nodes have it }.
function facts.damaged(node)
  local list = node.content.damaged and node.content:damaged() or {}
  local who = facts.people(node)
  return to_json.list(list, function(one)
    local row = to_json.fields(one, { "cid", "name", "size", "path" })
    row.state, row.again, row.others = "damaged", node.content:holds(one.cid), others(node, one.cid)
    row.from = one.from and who(one.from)
    return row
  end)
end

--- What the policy does not want, and how many bytes are free where fetched files go: unwanted, store_free.
function facts.unwanted(node)
  local here = node.here and node.here() or {}
  local away = node.content.copies_are_away and node.content:copies_are_away()
  if away then return to_json.list({}, to_json.value), nil end -- what was found of room is of another disk
  return to_json.list(node.replicate and node.replicate:unwanted(), to_json.value), to_json.value(here.store_free)
end

--- What is wrong with the state folder: { word =, text =, cure =, since_ms = }, or nil.
function facts.state_health(node)
  local trouble = node.state_health and node.state_health.trouble
  if not trouble then return nil end
  local told = to_json.fields(trouble, { "word", "text", "cure" })
  told.since_ms = to_json.value(node.loop:now() - trouble.since)
  return told
end

--- What concerns the share folder as a whole: an array of { word =, text =, cure = }.
function facts.share_notes(node)
  return to_json.list(node.logs.notes and node.logs:notes(), to_json.value)
end

return facts
