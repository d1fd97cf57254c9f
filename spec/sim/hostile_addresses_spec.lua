-- hostile_addresses_spec.lua - lines whose TO and FROM are made to hurt, by one who proved himself: what they become.
-- Whole nodes under a virtual clock.
local address = require "core.address"
local answers = require "routing.answers"
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local policies = require "spec.policy.policies"
local random = require "core.random"
local sim = require "sim"
local sim_links = require "sim.links"

-- Which passes lines on for all who proved themselves.
local POLICY <const> = assert(policies.load 'return extend "server"')
local TOPIC <const>, OTHER <const> = "/ipfs-pubsub/t/dswarm-line", "/ipfs-pubsub/u/dswarm-line"
local LINES <const> = os.getenv "DT_SWARM_SOAK" and 200000 or 3000

local function join(w, a, b)
  local one, other = sim_links.stream(w.world, a.host, b.host)
  one.dialled, other.dialled = true, false
  a.routing:add(one, {})
  b.routing:add(other, {})
end

-- NODE is on the topic NAME, as its policy says. → the channel
local function subscribe(topic, name, node)
  local one, traits = sim_links.join(topic, node.host), {}
  for trait, value in pairs(one.traits) do traits[trait] = value end -- any order
  traits.near = false
  one.traits, one.kind, one.address, one.near, one.via = traits, "ipfs-pubsub", name, nil, name
  node.routing:add(one, { entry = { address = name } })
  return one
end

-- ada, with mallory at the other end of a connection, and bob at that of another; all are on two topics, as some more.
local function world()
  local w = sim.new { seed = 7, policy = POLICY }
  local topic, other = sim_links.medium(w.world), sim_links.medium(w.world)
  for _, name in ipairs { "ada", "bob", "mallory", "sue", "tim" } do w[name] = w:add(name) end
  for _ = 1, 5 do w.medium.channels[1]:close() end
  for _, node in ipairs(w.nodes) do
    node.topic = subscribe(topic, TOPIC, node)
    subscribe(other, OTHER, node)
  end
  join(w, w.mallory, w.ada)
  join(w, w.ada, w.bob)
  w:run(60000)
  return w
end

-- Which line TEXT speaks of: a number, of REFS by the name that answers give it | nil
local function number_of(text, refs)
  return math.tointeger(tonumber(text:match "hostile(%d+)")) or refs[text:match " unreachable %S+ (%S+)" or text]
end

-- From now on it is counted what of lines that are numbered as `hostile…` each node of W hears and says.
local function count(w)
  w.refs, w.heard, w.said, w.last = {}, {}, {}, {}
  for _, node in ipairs(w.nodes) do
    local heard, said = {}, {}
    w.heard[node], w.said[node] = heard, said
    local function note(list, text)
      local number = number_of(text, w.refs)
      if not number then return end
      list[number] = (list[number] or 0) + 1
      if list == said then w.last[node] = text end
    end
    for _, one in ipairs(node.routing.list) do
      local send = one.send
      function one.send(self, message, to)
        note(said, frame.text(message))
        return send(self, message, to)
      end
    end
    local take = node.routing.frame
    function node.routing.frame(...)
      note(heard, envelope.head(select(3, ...)))
      return take(...)
    end
  end
end

local function flow_of(node, peer, kind)
  for _, flow in ipairs(node.comms.peers.by_id[peer.id].flows) do
    if flow.source.channel.kind == kind then return flow.source end
  end
end

describe("lines with a TO and a FROM that are made to hurt", function()
  local w, source, counted

  setup(function()
    w = world()
    count(w)
    counted = {}
    local refused = w.ada.routing.refused
    function w.ada.routing.refused(code)
      counted[#counted + 1] = code
      return refused(code)
    end
    source = assert(flow_of(w.ada, w.mallory, "tcp"))
    assert.equal(w.mallory.id, w.ada.comms.peers:prover(source).id)
  end)

  local serial = 0

  -- A line TO FROM comes from mallory to ada, over SOURCE or another flow → its number
  local function shoot(to, from, hops, over)
    serial = serial + 1
    local rest = ("hostile%014dA %s"):format(serial, w.mallory.id)
    w.refs[answers.ref { kind = "ping", rest = rest }] = serial
    w.ada.routing:frame(over or source, frame.read(("%s %s %d ping %s"):format(to, from, hops or 8, rest)))
    return serial
  end

  -- What ada said of the line NUMBER, and of what she heard of it.
  local function of(number) return w.said[w.ada][number] or 0, w.heard[w.ada][number] or 0 end

  -- The same; for one line → how often ada said something of it in the next second, the word of refusal | nil
  local function say(to, from)
    local words = #counted
    local number = shoot(to, from)
    local word = counted[words + 1]
    w:run(1000)
    return of(number), word
  end

  -- The same, over and over, until it is SIZE bytes long at most, then LAST.
  local function chain(part, last, size) return part:rep((size - #last) // #part) .. last end

  it("are taken, if they are meant well (control)", function()
    local out, word = say(("/dswarm/%s/ping"):format(w.bob.id), ("/dswarm/%s/ping"):format(w.mallory.id))
    assert.same({ 2 }, { out, word }, "it goes on, and its answer back")
    assert.matches("^/dswarm/" .. w.mallory.id .. "/ping %- %d pong ", w.last[w.ada])
  end)

  it("are refused by a word each, and cost a line at most", function()
    local me, bob = "/dswarm/" .. w.ada.id, "/dswarm/" .. w.bob.id
    local good, far = bob .. "/ping", ("/dswarm/%s/ping"):format(w.mallory.id)
    local cases = { { ("/a"):rep(10000), "long" }, { chain("/dswarm/*", "/ping", 512), "address" },
      { ("/"):rep(400), "address" }, { "/dswarm/\0/ping", "form" }, { good .. "\0", "form" },
      { chain(TOPIC, "/dswarm/*/ping", 20000), "long" }, { chain(me, "/ping", 8000), "long" },
      { "/dswarm/*/dswarm/*/ping", "address" }, { TOPIC, "address" }, { me, "address" },
      { me .. "/shell", "address" }, { me .. "/brain/x", "address" }, { "~" .. ("A"):rep(22), "address" },
      { "~" .. ("A"):rep(21), "address" }, { "~", "address" }, { "~~", "address" }, { "**", "address" },
      { "/ip4/255.255.255.255/udp/3825/dswarm-line/dswarm/*/ping", "address" },
      { "/ip4/224.0.0.1/tcp/3825/dswarm-line/dswarm/*/ping", "address" },
      { "/ip4/127.0.0.1/tcp/22/dswarm-line/dswarm/*/ping", "address" },
      { "/ip4/10.0.0.99/tcp/22/dswarm-line/dswarm/*/ping", "unproved" },
      { "/ip4/0.0.0.0/udp/3825/dswarm-line/dswarm/*/ping", "address" },
      { "/exec/sh/dswarm-line/dswarm/*/ping", "address" },
      { "/dns4/victim.example/tcp/1/dswarm-line/dswarm/*/ping", "unproved" } }
    for _, case in ipairs(cases) do
      local to, right = table.unpack(case)
      local out, word = say(to, far)
      local shown = to:sub(1, 60)
      assert.is_true(out <= 1, shown)
      assert.is_truthy(word, shown .. " was taken")
      assert.equal(right, word, shown)
    end
    for _, from in ipairs { ("/a"):rep(10000), ("/"):rep(400), chain(TOPIC, "/dswarm/*/ping", 20000), "*", "~", "~~",
      "/dswarm/*/ping", ("x"):rep(8000) } do
      local out, word = say(good, from)
      assert.is_true(out <= 1, from:sub(1, 60))
      assert.is_truthy(word == "address" or word == "long", ("%s: %s"):format(from:sub(1, 60), word))
    end
  end)

  it("lead to no place of their own by a route that names this node", function()
    local far, dialled = ("/dswarm/%s/ping"):format(w.mallory.id), 0
    local routing, comms = w.ada.routing, w.ada.comms
    local dial, dial_link, named = comms.dial, comms.dial_link, routing.named
    function comms.dial() dialled = dialled + 1 end
    comms.dial_link, routing.named = comms.dial, { dial_link = comms.dial }
    for pattern, target in pairs { ["/*"] = w.ada.id, ["/ip4/*"] = "ada" } do -- any order
      assert(routing.routes:set(pattern, ("/dswarm/%s/$0"):format(target)))
      local _, word = say("/ip4/192.0.2.66/tcp/22/dswarm-line/dswarm/*/ping", far)
      assert.same({ "unproved", 0 }, { word, dialled }, pattern)
      routing.routes:unset(pattern)
    end
    assert(routing.routes:set("/dswarm/*", "/ip4/192.0.2.66/tcp/22/dswarm-line/$0"))
    say(("/dswarm/%s/ping"):format(w.bob.id), far)
    assert.equal(1, dialled, "what the policy names is dialled (control)")
    routing.routes:unset "/dswarm/*"
    comms.dial, comms.dial_link, routing.named = dial, dial_link, named
  end)

  it("along a label are answers alone", function()
    local label, take = nil, w.mallory.routing.frame
    function w.mallory.routing.frame(self, from, message)
      label = message.from and message.from:match "^~.*" or label
      return take(self, from, message)
    end
    w.ada.routing:send { to = ("/dswarm/%s/control"):format(w.mallory.id), kind = "call", rest = "x",
      from = ("/dswarm/%s/control"):format(w.ada.id) }
    w:run(1000)
    w.mallory.routing.frame = take
    for kind, right in pairs { call = "kind", statements = "kind", reply = "address" } do -- any order
      local _, _, code = w.ada.routing:frame(source, frame.read(("%s - 8 %s %s open %s"):format(label, kind,
        ("A"):rep(43), w.mallory.id)))
      assert.equal(right, code, kind)
    end
  end)

  it("cost a line at most each, whatever they are made of", function()
    local by_chance = random.seeded(11)
    local parts = { "/dswarm/" .. w.ada.id, "/dswarm/" .. w.bob.id, "/dswarm/" .. w.mallory.id, "/dswarm/" .. w.sue.id,
      "/dswarm/*", TOPIC, "/ip4/10.0.0.2/tcp/3825/dswarm-line", "/ip4/0.0.0.0/udp/3825/dswarm-line",
      "/ip4/10.0.0.4/udp/3825/dswarm-line", "/dns4/x.example/tcp/1/dswarm-line", "/exec/x/dswarm-line", "/", "~", "-" }
    local ends = { "/ping", "/brain", "/control", "/content", "/shell", "", "*", "/\1", "~" .. ("B"):rep(22) }
    local function any()
      local list = {}
      for i = 1, by_chance:integer(14) do list[i] = parts[1 + by_chance:integer(#parts)] end
      return table.concat(list) .. ends[1 + by_chance:integer(#ends)]
    end
    local topic, all, first = assert(flow_of(w.ada, w.mallory, "ipfs-pubsub")), 0, serial + 1
    for i = 1, LINES do
      shoot(any(), any(), by_chance:integer(9), i % 4 == 0 and topic)
      if i % 100 == 0 then w:run(100) end
    end
    w:run(5000)
    for number = first, serial do
      local out, heard = of(number)
      assert.is_true(out <= heard, ("%d lines for %d"):format(out, heard))
      all = all + out
    end
    print(("# %d lines, %d said of them"):format(LINES, all))
    for _, row in ipairs(w.ada.routing.forward.labels:bounds()) do assert.is_true(row.count <= row.limit) end
  end)

  it("are answered a hundred times at once, where they lead nowhere, and then in silence", function()
    w:run(10000)
    local first, all = serial + 1, 0
    for _ = 1, 1000 do shoot("/dswarm/" .. w.ada.id .. "/shell", "/dswarm/" .. w.mallory.id .. "/ping") end
    w:run(1000)
    for number = first, serial do all = all + of(number) end
    assert.equal(100, all)
    assert.equal(1, (say("/dswarm/" .. w.ada.id .. "/shell", "/dswarm/" .. w.mallory.id .. "/ping")))
  end)

  it("make no node say more than it hears, where a chain as long as can be goes to all at each step", function()
    w:run(30000)
    for _, from in ipairs { ("/dswarm/%s/ping"):format(w.mallory.id), "-" } do
      serial = serial + 1
      local rest = ("hostile%014dA %s"):format(serial, w.mallory.id)
      w.refs[answers.ref { kind = "ping", rest = rest }] = serial
      local to = (OTHER .. TOPIC):rep(7) .. "/dswarm/*/ping"
      assert.is_truthy(address.parts(to))
      w.mallory.topic:send(envelope.headed { to = to, from = from, hops = 8, kind = "ping", rest = rest })
      w:run(30000)
      local words = {}
      for i, node in ipairs(w.nodes) do
        local out, heard = w.said[node][serial] or 0, w.heard[node][serial] or 0
        words[i] = ("%d for %d"):format(out, heard)
        assert.is_true(out <= heard + (node == w.mallory and 1 or 0), words[i])
      end
      assert.is_true((w.said[w.ada][serial] or 0) > 0)
      print(("# with FROM %s each said: %s"):format(from:sub(1, 7), table.concat(words, ", ")))
    end
  end)
end)
