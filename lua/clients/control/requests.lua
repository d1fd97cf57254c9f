-- requests.lua - the answers about the node as a whole: status, summary, identity.
local facts_of = require "clients.control.facts"
local policy = require "clients.control.policy"
local to_json = require "clients.control.to_json"

local requests = {}

-- The private key leaves this machine by nobody's question, and is renewed by nobody's.
local MARKS <const> = { reads = function(request) return request.renew == nil end, here = function(request)
  if request.renew ~= nil then return "a key is renewed where it lies: ssh there" end
  return request.secret ~= nil and "a private key is printed where it lies: ssh there" or nil
end }

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

-- Whose words have not the form of their bucket: they count as not held.
local function malformed_of(node, malformed)
  local who = facts_of.people(node)
  return to_json.list(malformed and malformed:list(), function(row)
    local signer = who(row.id)
    signer.bucket, signer.count, signer.why = to_json.text(row.bucket), row.count, to_json.text(row.why)
    return signer
  end)
end

-- Clients that do not run, and why; nil where all do.
local function failed_clients(node)
  local list = node.clients and node.clients:failed() or {}
  return list[1] and to_json.list(list, function(one)
    return { name = to_json.text(one.name), text = to_json.text(one.text), since_ms = node.loop:now() - one.since }
  end) or nil
end

-- What the brain keeps of others: how much, the limit, and how many had to go for others (bounded.lua's rows).
local function bounds_of(comms, routing)
  if not comms or not comms.waste then return nil end
  local rows = comms.peers:bounds()
  rows[#rows + 1] = comms.waste.sources:row "sources"
  rows[#rows + 1] = comms.addresses:bounds()[1]
  rows[#rows + 1] = comms.view:bounds()[1]
  for _, part in ipairs { "ways", "forward" } do
    local more = routing and routing[part] and routing[part]:bounds() or {}
    table.move(more, 1, #more, #rows + 1, rows)
  end
  return rows
end

-- What the node itself says; its clients add what they know.
function requests.status(node, _, malformed)
  local gateway = node.gateway
  gateway = gateway and { port = to_json.value(gateway:port()), counts = to_json.value(gateway:counts()) }
    or { reason = node.listener and to_json.value(node.listener.reason) }
  return {
    node = node_facts(node), time = time_facts(node), identity = identity_facts(node), gateway = gateway,
    channels = to_json.list(node.routing:channels(), function(channel) return to_json.value(channel) end),
    classes = to_json.list(node.dcache:classes(), class_facts),
    refused = to_json.value(node.refused), outbox = to_json.value(node.comms and node.comms.outbox:counts()),
    malformed = malformed_of(node, malformed), footing = facts_of.state_health(node), clients = failed_clients(node),
    bounds = to_json.list(bounds_of(node.comms, node.routing), to_json.value),
    view = node.comms and node.comms.view and to_json.value(node.comms.view:facts()),
    checkpoint = node.checkpoint and to_json.value(node.checkpoint:facts()),
    strangers = to_json.value(node.lab and node.comms and node.comms.strangers:counts() or nil),
  }
end

function requests.summary(node)
  return {
    classes = to_json.list(node.dcache:classes(), class_facts),
    buckets = to_json.list(node.dcache:buckets(), function(bucket)
      return to_json.fields(bucket, { "name", "count" })
    end),
    time = time_facts(node), checkpoint = node.checkpoint and to_json.value(node.checkpoint:facts()),
  }
end

--- The channels alone, as `status` has them.
function requests.channels(node)
  return { channels = to_json.list(node.routing:channels(), to_json.value),
    blocked = to_json.list(node.routing.block:rows(), to_json.value),
    relay = node.routing.relay and to_json.value(node.routing.relay:facts()) }
end

--- The key's ID and board; with request.secret the key as well, in the form of IPFS configs (base64).
function requests.identity(node, request)
  local answer = identity_facts(node)
  answer.id, answer.name, answer.state = node.id, to_json.value(node.name), to_json.value(node.state)
  if request.secret == true then answer.key = node.identity:export() end
  return answer
end

-- Another key from the next start on, which follows at once.
local function renew(node, reply)
  if not node.restart then return reply(nil, "closed: this node cannot start anew by itself", "closed") end
  if node.renewed then
    return reply(nil, "closed: the daemon starts anew already; ask again in some seconds", "closed")
  end
  local id, aside, code = node.identity:renew()
  if not id then return reply(nil, ("%s; the key is the same as before"):format(aside), code) end
  node.renewed = true
  reply { command = "identity", id = id, before = node.id, aside = to_json.text(aside) }
  node.restart "identity renew"
end

--- Registers them with the client's HANDLE. MALFORMED: malformed.lua's.
return function(handle, malformed)
  local node = handle.node
  for _, name in ipairs { "status", "summary", "channels", "identity" } do
    handle:command(name, function(request, reply)
      if name == "identity" and request.renew == true then return renew(node, reply) end
      local answer = requests[name](node, request, malformed)
      answer.command = name
      reply(node.commands:fill(name, answer))
    end, MARKS)
  end
  policy(handle)
end
