-- requests.lua - one function a command, from the node to the answer's table. Two change anything: dismiss, reload.
local dismissal = require "clients.control.dismissal"
local facts_of = require "clients.control.facts"
local files = require "clients.control.files"
local to_json = require "clients.control.to_json"

local requests = {}

local SCHEMA <const> = 1

local function node_facts(node)
  local facts = to_json.fields(node, { "id", "name", "type", "swarm", "version", "state", "share", "socket" })
  facts.policy = to_json.value(node.policy and node.policy.name)
  facts.memory = to_json.value(node.memory and node.memory())
  facts.running_ms = facts_of.age(node.loop:now(), node.started)
  facts.started = to_json.value(node.started_wall)
  return facts
end

-- CLAIMS: whose clocks the time is by, where it is adopted. BELIEVED: the policy says that the system's clock is right.
local function time_facts(node)
  local time, who = node.time, facts_of.people(node)
  return { now = to_json.value((time:now())), quality = to_json.value(time.quality),
    source = to_json.value(time.source),
    believed = time.believe == true or nil, fault = time.fault and to_json.value(time:fault()),
    claims = to_json.list(time:followed(), function(claim) return who(claim.id) end) }
end

local function identity_facts(node)
  local facts = to_json.fields(node.identity, { "id", "fresh", "note", "text" })
  facts.bound = #node.identity.bound > 0
  return facts
end

local function class_facts(class)
  return to_json.fields(class, { "name", "count", "bytes", "digest", "law", "kept", "unsure" })
end

local function fetched(node)
  return node.content.counts and { refused = to_json.value(node.content:counts().refused) } or nil
end

-- Whose words have not the form of their bucket: they count as not held.
local function malformed(node)
  local who = facts_of.people(node)
  return to_json.list(node.malformed and node.malformed:list(), function(row)
    local signer = who(row.id)
    signer.bucket, signer.count, signer.why = to_json.text(row.bucket), row.count, to_json.text(row.why)
    return signer
  end)
end

function requests.status(node)
  local gateway = node.gateway
  local unwanted, store_free = facts_of.unwanted(node)
  gateway = gateway and { port = to_json.value(gateway:port()), counts = to_json.value(gateway:counts()) }
    or { reason = node.listener and to_json.value(node.listener.reason) }
  return {
    node = node_facts(node), time = time_facts(node), identity = identity_facts(node), gateway = gateway,
    channels = to_json.list(node.routing:channels(), function(channel) return to_json.value(channel) end),
    classes = to_json.list(node.dcache:classes(), class_facts),
    refused = to_json.value(node.refused), outbox = to_json.value(node.comms and node.comms.outbox:counts()),
    malformed = malformed(node), fetched = fetched(node),
    peers = node.discovery:count(), same = to_json.value(node.discovery:same()),
    files = to_json.list(node.logs:files(), facts_of.own_file), problem = facts_of.share_problem(node),
    notes = facts_of.share_notes(node), unwanted = unwanted, store_free = store_free,
    footing = facts_of.state_health(node),
    disk = facts_of.disk(node), damaged = facts_of.damaged(node),
  }
end

local function who_is_here(node, request)
  return {
    nodes = to_json.list(node.discovery:nodes(request.all == true), function(other)
      return to_json.fields(other, {
        "id", "name", "label", "type", "version", "status", "state", "near", "self", "via", "seen_ms", "seen_about",
        "boot", "clock", "files", "note",
      })
    end),
    tried = to_json.value(node.discovery:tried()),
    same = to_json.value(node.discovery:same()),
  }
end

--- Who is here. Near ones that were silent are asked first, so the answer may come a second later; with request.all
-- those of earlier runs are told, too.
function requests.discover(node, request)
  return function(tell)
    return node.discovery:probe(function() tell(who_is_here(node, request)) end)
  end
end

function requests.summary(node)
  return {
    classes = to_json.list(node.dcache:classes(), class_facts),
    buckets = to_json.list(node.dcache:buckets(), function(bucket)
      return to_json.fields(bucket, { "name", "count" })
    end),
    same = to_json.value(node.discovery:same()), time = time_facts(node),
  }
end

--- The key's ID and board; with request.secret the key as well, in the form of IPFS configs (base64).
function requests.identity(node, request)
  local answer = identity_facts(node)
  answer.id, answer.name, answer.state = node.id, to_json.value(node.name), to_json.value(node.state)
  if request.secret == true then answer.key = node.identity:export() end
  return answer
end

local function commands_of(node)
  local about = files.new(node)
  local commands = {}
  for _, name in ipairs { "status", "discover", "summary", "identity" } do
    commands[name] = function(request) return requests[name](node, request) end
  end
  for command, method in pairs { report = "report", files = "list", sources = "sources", folder = "folder" } do
    commands[command] = function(request) return about[method](about, request) end -- in any order
  end
  commands.reload = function() return node.reload:run() end
  commands.dismiss = function(request) return dismissal(node, request) end
  return commands
end

local function complete(request, answer, ...)
  if answer then answer.schema, answer.command = SCHEMA, request.command end
  return answer, ...
end

--- What control.new takes as `answer`: request table → answer table, or nil, text, code, candidates, or a function for
-- an answer that comes later.
function requests.new(node)
  local commands = commands_of(node)
  return function(request)
    local command = commands[request.command]
    if not command then return nil, "kind: no such command: " .. to_json.text(request.command), "kind" end
    local found = table.pack(command(request))
    if type(found[1]) ~= "function" then return complete(request, table.unpack(found, 1, found.n)) end
    return function(tell)
      return found[1](function(...) tell(complete(request, ...)) end)
    end
  end
end

return requests
