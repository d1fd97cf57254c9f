-- fake_node.lua - a node with the facts that control and commands read, and nothing behind them.
local fake = {}

fake.ADA = "12D3KooWQ1vBXn8rCzEe4yqS5kTq7Zy3mCw2Jd9hUu1o5Ls17f3a"
fake.DONALD = "12D3KooWHk7mGz2pVb9Yc4sXn6Tr8Wd1Jq3Le5Uf7Ao2Ri4t9c1e"
fake.SERVER = "12D3KooWSvR6uYt5Re4Wq3As2Df1Gh9Jk8Lm7Nb6Vc5Xz4Qw2b7d"
fake.CID = "bafybeih5kqzq2xw7n3v4m6t5r2p7d4s6f3g5h2j4k6l7a5s3d2f4q7ua"
fake.OTHER_CID = "bafybeih5kraaaxw7n3v4m6t5r2p7d4s6f3g5h2j4k6l7a5s3d2f4q7ub"

fake.NOW = 1795357831000 -- 2026-11-22 14:30:31 UTC

--- A record of share/files.
function fake.file(cid, signer, name, size, ago)
  return { bucket = "share/files", key = cid, signer = signer, verb = "propose", holds = true,
    at = fake.NOW - ago, data = { names = { name }, size = size, class = "lab" } }
end

--- A record of share/safe: SIGNER holds the file that FROM shared as NAME.
function fake.safe(cid, signer, from, name, size)
  return { bucket = "share/safe", key = cid, signer = signer, verb = "propose", holds = true, at = fake.NOW - 60000,
    data = { class = "lab", from = from, name = name, size = size } }
end

--- What discovery says of this node itself.
function fake.self()
  return { id = fake.ADA, name = "ada", type = "laptop", status = "ready", self = true, files = 0 }
end

local function list_of(facts, name)
  return function() return facts[name] or {} end
end

local function each_of(facts, name)
  return function()
    local i = 0
    return function()
      i = i + 1
      return (facts[name] or {})[i]
    end
  end
end

-- Each key has a number as its handle, and all are new to whoever asks first.
local function dcache_of(facts)
  local handles, given, dcache = {}, false, {}
  for _, record in ipairs(facts.records or {}) do
    if not handles[record.key] then
      handles[#handles + 1] = record.key
      handles[record.key] = #handles
    end
  end
  function dcache.handle(_, key) return handles[key] or 0 end
  function dcache.touched()
    local list, anew = {}, not given
    for i = 1, given and 0 or #handles do list[i] = i end
    given = true
    return list, anew
  end
  function dcache.unfollow() given = false end
  function dcache.judged_by() return true end
  function dcache.of_handle(_, bucket, handle)
    local found = {}
    for _, record in ipairs(facts.records or {}) do
      if record.bucket == bucket and record.key == handles[handle] then found[#found + 1] = record end
    end
    return found
  end
  function dcache.statements(_, bucket)
    local found = {}
    for _, record in ipairs(facts.records or {}) do
      if record.bucket == bucket then found[#found + 1] = record end
    end
    return found
  end
  function dcache.statement_of(_, bucket, key, signer)
    for _, record in ipairs(facts.records or {}) do
      if record.bucket == bucket and record.key == key and record.signer == signer then return record end
    end
  end
  dcache.classes, dcache.buckets = list_of(facts, "classes"), list_of(facts, "buckets")
  return dcache
end

local function layers(facts)
  local function count() return math.max(0, #(facts.nodes or {}) - 1) end
  return {
    discovery = {
      loop = { now = function() return 0 end },
      nodes = function()
        return facts.nodes or { fake.self() }
      end,
      tried = function()
        return facts.tried or { since_ms = 34000, beacons = 6, heard = 0, interfaces = { "wlan0", "eth0" } }
      end,
      same = function() return facts.same or { here = count() } end,
      agrees = function(_, id) return facts.agrees == id end,
      probe = function(_, done) done() end,
      bounds = function() return {} end,
      count = count,
      who = function(_, id)
        for _, other in ipairs(facts.nodes or { fake.self() }) do
          if other.id == id then return { id = id, name = other.name, label = other.label or other.name } end
        end
        return { id = id, label = "~" .. id:sub(-4) }
      end,
    },
    dcache = dcache_of(facts),
    routing = { channels = list_of(facts, "channels"), block = { rows = list_of(facts, "blocked") } },
    logs = { files = list_of(facts, "files"),
      each_file = each_of(facts, "files"), refused = list_of(facts, "not_shared") },
    content = {
      stored = list_of(facts, "held"), each_stored = each_of(facts, "held"), fetching = list_of(facts, "fetching"),
      sources = list_of(facts, "sources"), serves = function() return false end,
      rehash = { state = function() end },
    },
  }
end

--- A node; FACTS may replace what it says: nodes, tried, same, agrees (the ID of whose words all are known), classes,
-- buckets, records, channels, files, held, fetching, sources, refused, not_shared (counts by word), name, note, port,
-- quality (of the time), claims, believed, fault (of the clock).
function fake.node(facts)
  facts = facts or {}
  local node = layers(facts)
  node.id, node.name, node.type = fake.ADA, facts.name or "ada", "laptop"
  node.swarm, node.version = "duckietown", "0.1.0"
  node.started, node.started_wall = 1000, fake.NOW - 200000
  node.loop = { now = function() return 201000 end, wall = function() return fake.NOW end, every = function() end }
  node.time = { quality = facts.quality or "proved", source = not facts.quality and "own" or nil,
    believe = facts.believed, fault = function() return facts.fault end,
    now = function() return fake.NOW end, low = function() return fake.NOW - 1000 end,
    followed = function() return facts.claims or {} end,
    age = function(_, at)
      return facts.quality ~= "none" and fake.NOW - at or nil, facts.quality == "adopted" or nil
    end }
  node.events, node.why = require "event_ring".new(), require "why".new()
  node.who = function(id) return node.discovery:who(id) end
  node.reload = { run = function(_, _, done)
    done { policy = "policies/duckiebot.lua", changes = {}, restart = {} }
  end, in_force = { at = fake.NOW - 200000, source = "start" }, counts = { loaded = 0, refused = 0 } }
  node.trial = { facts = function() end,
    confirm = function(_, _, done) done { policy = "policies/duckiebot.lua", hash = "1a2b3c4d" } end,
    rollback = function(_, _, done) done { policy = "policies/duckiebot.lua", changes = {}, restart = {} } end }
  node.policy = { name = "policies/duckiebot.lua", failed_hooks = function() return {} end }
  node.state, node.share = "/home/ada/.local/state/dt-swarm", "/home/ada/shared-logs"
  node.socket = "/run/user/1000/dt-swarm/control.sock"
  node.refused = facts.refused or {}
  node.memory = function() return 1234567 end
  node.identity = { id = fake.ADA, fresh = true, bound = { "mac", "serial" }, note = facts.note,
    export = function() return "CAESQ" .. ("A"):rep(88) .. "=" end }
  node.gateway = {
    port = function() return facts.port or 3826 end,
    counts = function() return { requests = 3, bytes = 4096 } end,
  }
  return node
end

--- The swarm of two with one file, as the first session shows it.
function fake.two()
  return {
    nodes = {
      fake.self(),
      { id = fake.DONALD, name = "donald", type = "laptop", status = "ready", seen_ms = 2300, files = 0,
        via = { kind = "udp", address = "/ip4/192.168.1.21/udp/3825/dswarm-line", rtt_us = 412 } },
    },
    same = { records = 6, digest = "4be1", equal = 1, of = 1 },
    records = { fake.file(fake.CID, fake.ADA, "run-12.bag", 64000000, 6400) },
    classes = {
      { name = "share", count = 6, bytes = 2411, digest = "4be1c0ffee", law = "77aa00112233", kept = true },
      { name = "presence", count = 2, bytes = 822, law = "0102030405", kept = false },
    },
    buckets = { { name = "peer", count = 2 }, { name = "share/files", count = 6 } },
    channels = {
      { kind = "udp", address = "/ip4/0.0.0.0/udp/3825/dswarm-line", state = "up",
        interfaces = { "wlan0", "eth0" }, sent = { frames = 12, bytes = 4811, beacons = 6 },
        heard = { frames = 9, bytes = 3012, beacons = 5 } },
      { kind = "tcp", address = "/ip4/0.0.0.0/tcp/3825/dswarm-line", state = "waiting",
        reason = "EADDRINUSE: port 3825", interfaces = {} },
    },
    refused = { signature = 2, form = 1, duplicate = 2 },
  }
end

return fake
