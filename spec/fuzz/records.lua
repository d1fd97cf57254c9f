-- records.lua - any DATA, signed by a stranger, in a node that acts on it and shows it. The fuzzer's property: nothing
-- throws, every answer of the control socket can be written. Input: lines `BUCKET KEY DATA`; CID is a file's.
local replicate = require "clients.logs.replicate"
local frame = require "routing.channels.frame"
local json = require "core.json"
local key = require "core.key"
local messages = require "comms.messages"
local policy = require "policy"
local asked = require "spec.clients.asked"
local sim = require "sim"
local statement = require "core.statement"
local stub = require "spec.net.stub"

local CID = require "spec.file_key" "fuzz"
local WORDS = 16 -- lines of an input
local stranger = key.generate(("s"):rep(32))
local rules = assert(policy.load("policies/duckiebot.lua", { shipped = "policies" }))
local DAY <const> = 86400

local function none() return {} end
local function none_left() end

-- What the daemon has and the simulator has not: files. Whatever is asked of them must be of the right kind.
local function add_files(node)
  node.content = { stored = none, each_stored = function() return none_left end, fetching = none,
    sources = none, partial_files = none,
    holds = function() return false end,
    make_room = function() return true end, drop = none }
  function node.content.fetch(_, cid, size, name)
    assert(type(cid) == "string" and math.type(size) == "integer" and size >= 0 and type(name) == "string")
  end
  node.logs = { files = none, each_file = function() return none_left end }
  node.reload = { counts = { loaded = 0, refused = 0 }, in_force = { at = 0, source = "start" } }
  node.log.forget = node.log.once
  local given = { names = function() return "s" end, label = function() return "s" end }
  for _, name in ipairs { "loop", "log", "time", "dcache", "comms", "policy", "here", "id", "content" } do
    given[name] = node[name]
  end
  node.replicate = replicate.new(given)
  node.identity.bound = {}
  node.replicate:start()
end

local function beacon(swarm, now)
  local rest = messages.beacon(stranger, swarm, { id = stranger:id(), boot = 1, count = 1, t = now // 16 * 16, tcp = 1,
    http = 1, name = "stranger", classes = {} })
  return "* - 8 beacon " .. rest
end

local function begin()
  local world = sim.new { seed = 5, policy = rules }
  local node = world:add "ada"
  local channel = stub.channel("tcp", { budget = function() return 0 end })
  node.routing:add(channel, {})
  local function hear(text) node.routing:frame(stub.source(channel, "10.9.9.9"), frame.read(text)) end
  add_files(node)
  return world, node, hear
end

-- The words of the input, those that can be said at all.
local function said(input, swarm, now)
  local lines = {}
  for bucket, name, data in input:gmatch "([^\n ]+) ([^\n ]+) ([^\n]+)" do
    if #lines == WORDS then break end
    bucket = bucket:gsub("ME", stranger:id())
    local verb = data == "-" and "dismiss" or "propose"
    local from = now // 16 * 16
    local ok, st = pcall(statement.sign, stranger, swarm, { verb = verb, bucket = bucket,
      key = name == "-" and stranger:id() or name == "CID" and CID or name,
      valid_from = from, valid_until = from + (bucket == "peer" and 960 or DAY),
      at = now * 1000 + #lines, data = verb == "dismiss" and "null" or data })
    if ok and st then lines[#lines + 1] = st.line end
  end
  return lines
end

local function ask(world, node)
  local answer = asked.of(node, function() world:run(1100) end)
  for _, command in ipairs { "status", "discover", "summary", "report", "files", "identity" } do
    assert(#assert(json.encode(assert(answer { command = command }))) < 1 << 20)
  end
  for _, what in ipairs { "a.bag", "k", "bafybeih5kq", "bag", "bag/", "s:a.bag", "bafk…", "~GugNt:b.bag" } do
    for _, command in ipairs { "sources", "folder" } do
      local found, text, word, candidates = answer { command = command, what = what }
      if not found then found = { word = assert(is_word(word)) and word, text = text, candidates = candidates } end
      assert(json.encode(found), command)
    end
  end
end

return function(input)
  local world, node, hear = begin()
  world:run(10)
  local now = node.time:now() // 1000
  hear(beacon(node.swarm, now))
  for _, line in ipairs(said(input, node.swarm, now)) do hear("* - 8 statements\n" .. line) end
  world:run(400)
  assert(not node.refused.signature and not node.refused.policy, "our own fault")
  ask(world, node)
end
