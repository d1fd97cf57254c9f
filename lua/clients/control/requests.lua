-- requests.lua - one function a command, from the node to the answer's table. It changes nothing.
local plain = require "clients.control.plain"
local shared = require "clients.control.shared"

local requests = {}

local SCHEMA <const> = 1
local CANDIDATES <const> = 10

local function age(now, at)
  return now and at and math.max(now - at, 0) or nil
end

local function people(node)
  local names = {}
  for _, other in ipairs(node.discovery:nodes()) do names[other.id] = other.name end
  return function(id) return { id = id, name = plain.value(names[id]) } end
end

local function node_facts(node)
  local facts = plain.fields(node, { "id", "name", "type", "swarm", "version", "state", "share", "socket" })
  facts.policy = plain.value(node.policy and node.policy.name)
  facts.memory = plain.value(node.memory and node.memory())
  facts.running_ms = age(node.loop:now(), node.started)
  facts.started = plain.value(node.started_wall)
  return facts
end

local function time_facts(node)
  return { now = plain.value((node.time:now())), quality = plain.value(node.time.quality),
    source = plain.value(node.time.source) }
end

local function identity_facts(node)
  local facts = plain.fields(node.identity, { "id", "fresh", "note", "text" })
  facts.bound = #node.identity.bound > 0
  return facts
end

local function class_facts(class)
  return plain.fields(class, { "name", "count", "bytes", "digest", "law", "kept", "unsure" })
end

local function peers(node)
  local n = 0
  for _, other in ipairs(node.discovery:nodes()) do
    if not other.self then n = n + 1 end
  end
  return n
end

local function own_file(file)
  return plain.fields(file, { "name", "size", "cid", "state", "reason", "rate", "progress", "since" })
end

local function fetched(node)
  return node.content.counts and { refused = plain.value(node.content:counts().refused) } or nil
end

local function share_problem(node)
  return node.logs.problem and plain.value(node.logs:problem())
end

function requests.status(node)
  local gateway = node.gateway
  gateway = gateway and { port = plain.value(gateway:port()), counts = plain.value(gateway:counts()) }
    or { reason = node.door and plain.value(node.door.reason) }
  return {
    node = node_facts(node), time = time_facts(node), identity = identity_facts(node), gateway = gateway,
    channels = plain.list(node.routing:channels(), function(channel) return plain.value(channel) end),
    classes = plain.list(node.dcache:classes(), class_facts),
    refused = plain.value(node.refused), fetched = fetched(node),
    peers = peers(node), same = plain.value(node.discovery:same()),
    files = plain.list(node.logs:files(), own_file), problem = share_problem(node),
  }
end

function requests.discover(node)
  return {
    nodes = plain.list(node.discovery:nodes(), function(other)
      return plain.fields(other, {
        "id", "name", "type", "status", "self", "via", "seen_ms", "files", "note",
      })
    end),
    tried = plain.value(node.discovery:tried()),
    same = plain.value(node.discovery:same()),
  }
end

function requests.summary(node)
  return {
    classes = plain.list(node.dcache:classes(), class_facts),
    buckets = plain.list(node.dcache:buckets(), function(bucket)
      return plain.fields(bucket, { "name", "count" })
    end),
    same = plain.value(node.discovery:same()), time = time_facts(node),
  }
end

local function report_row(file, who, time)
  local ms, about = time:age(file.at)
  return {
    cid = plain.text(file.cid), names = plain.list(file.names, plain.text), size = file.size,
    class = plain.value(file.class), from = plain.list(file.from, who), age_ms = ms, age_about = about,
    copies = plain.list(file.copies, who), safe = file.safe,
  }
end

function requests.report(node)
  local who, here, servers, known = people(node), {}, 0, {}
  local files = shared.files(node.dcache)
  for _, file in ipairs(files) do known[file.cid] = true end
  for _, file in ipairs(node.logs:files()) do
    if not (file.cid and known[file.cid]) then here[#here + 1] = file end
  end
  for _, other in ipairs(node.discovery:nodes()) do
    if other.type == "server" then servers = servers + 1 end
  end
  return {
    files = plain.list(files, function(file) return report_row(file, who, node.time) end),
    here = plain.list(here, own_file), self = who(node.id), servers = servers, total = #files,
    share = plain.value(node.share),
  }
end

function requests.files(node)
  return {
    share = plain.value(node.share), problem = share_problem(node),
    files = plain.list(node.logs:files(), own_file),
    held = plain.list(node.content:held(), function(file)
      return plain.fields(file, { "cid", "name", "size", "path" })
    end),
    fetching = plain.list(node.content:fetching(), function(file)
      return plain.fields(file, { "cid", "name", "size", "done", "rate", "source" })
    end),
  }
end

local function candidate(file, who)
  return { cid = plain.text(file.cid), name = plain.value(file.names[1]), size = file.size,
    from = who(file.from[1]) }
end

-- This node first, where it has the file: the others' addresses are what content:sources knows.
local function sources_of(node, cid)
  local list, has = {}, false
  for _, file in ipairs(node.logs:files()) do has = has or file.cid == cid end
  for _, file in ipairs(node.content:held()) do has = has or file.cid == cid end
  if has and node.gateway then
    local url = ("http://127.0.0.1:%d"):format(node.gateway:port())
    list[1] = { id = node.id, name = node.name, url = url, own = true }
  end
  for _, source in ipairs(node.content:sources(cid)) do list[#list + 1] = source end
  return list
end

--- Who has the file that request.what names.
function requests.sources(node, request)
  if type(request.what) ~= "string" or request.what == "" then
    return nil, 'form: "what" names a file or its CID', "form"
  end
  local who = people(node)
  local file, message, word, several = shared.find(shared.files(node.dcache), request.what)
  if not file then
    return nil, message, word, several and plain.list({ table.unpack(several, 1, CANDIDATES) }, function(each)
      return candidate(each, who)
    end)
  end
  local answer = candidate(file, who)
  answer.sources = plain.list(sources_of(node, file.cid), function(source)
    return plain.fields(source, { "id", "name", "url", "own" })
  end)
  return answer
end

--- The key's ID and board; with request.secret the key as well, in the form of IPFS configs (base64).
function requests.identity(node, request)
  local answer = identity_facts(node)
  answer.id, answer.name, answer.state = node.id, plain.value(node.name), plain.value(node.state)
  if request.secret == true then answer.key = node.identity:export() end
  return answer
end

local COMMANDS <const> = {
  status = requests.status, discover = requests.discover, summary = requests.summary,
  report = requests.report, files = requests.files, sources = requests.sources,
  identity = requests.identity,
}

--- What control.new takes as `answer`: request table → answer table, or nil, text, word, candidates.
function requests.new(node)
  return function(request)
    local command = COMMANDS[request.command]
    if not command then return nil, "kind: no such command: " .. plain.text(request.command), "kind" end
    local answer, message, word, candidates = command(node, request)
    if not answer then return nil, message, word, candidates end
    answer.schema, answer.command = SCHEMA, request.command
    return answer
  end
end

return requests
