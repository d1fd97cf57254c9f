-- chain_spec.lua - lines that go over several nodes and back, by whole nodes under a virtual clock.
local answers = require "routing.answers"
local frame = require "routing.channels.frame"
local messages = require "comms.messages"
local policies = require "spec.policy.policies"
local sim = require "sim"
local sim_links = require "sim.links"
local text = require "core.text"

local POLICY <const> = assert(policies.load 'return extend "duckiebot"')

-- Nodes that share no medium, called by NAMES.
local function world(names)
  local w = sim.new { seed = 5, policy = POLICY }
  for _, name in ipairs(names) do w[name] = w:add(name) end
  for _ = 1, #names do w.medium.channels[1]:close() end
  return w
end

local function join(w, a, b)
  local one, other = sim_links.stream(w.world, a.host, b.host)
  one.dialled, other.dialled = true, false
  a.routing:add(one, {})
  b.routing:add(other, {})
  return one, other
end

-- Node FROM pings ID with that many hops left; `got` has what comes back.
local function ping(w, from, id, hops, nonce)
  if not from.got then
    from.got = {}
    from.routing:component("try", function(message)
      table.insert(from.got, message)
      return true
    end)
  end
  nonce = nonce or text.base64url(w.random:bytes(16))
  local way, why, code = from.routing:send { to = ("/dswarm/%s/ping"):format(id),
    from = ("/dswarm/%s/try"):format(from.id), kind = "ping", rest = nonce .. " " .. from.id, hops = hops }
  return nonce, way, why, code
end

describe("a chain of nodes", function()
  it("carries a ping to who is two hops away, and his pong back; each hop names itself", function()
    local w = world { "ada", "sue", "tim", "bob" }
    join(w, w.ada, w.sue)
    join(w, w.sue, w.tim)
    join(w, w.tim, w.bob)
    w:run(30000)
    local nonce, way, why = ping(w, w.ada, w.bob.id)
    assert.equal(w.sue.id, assert(way, why).by)
    w:run(1000)
    assert.equal("pong", w.ada.got[1].kind)
    local facts = assert(messages.parse_pong(w.ada.got[1].rest))
    assert.same({ nonce, w.bob.id, w.ada.id }, { facts.nonce, facts.id, facts.asker })
    assert.is_true(w.ada.comms.checks.signed(facts, "pong", w.ada.swarm))
    for hops, who in pairs { [0] = w.sue, [1] = w.tim } do
      w.ada.got = {}
      ping(w, w.ada, w.bob.id, hops)
      w:run(1000)
      local word = assert(answers.parse(w.ada.got[1].rest))
      assert.same({ "hops", who.id }, { word.code, word.id })
      assert.is_true(w.ada.comms.checks.signed(word, "unreachable", w.ada.swarm))
    end
  end)
end)

describe("a channel that the policy names for others to connect to", function()
  it("leads to none of those who did, though a line names it", function()
    local w = world { "ada", "sue", "bob" }
    local LISTENED <const> = "/ip4/0.0.0.0/tcp/3825/dswarm-line"
    for _, name in ipairs { "bob", "ada" } do
      local own, hers = sim_links.stream(w.world, w[name].host, w.sue.host)
      own.dialled, hers.dialled = true, false
      w[name].routing:add(own, {})
      w.sue.routing:add(hers, { entry = { key = LISTENED, address = LISTENED } })
    end
    w:run(30000)
    ping(w, w.ada, w.bob.id)
    w:run(1000)
    assert.equal("pong", w.ada.got[1].kind, "sue passes on what is for bob (control)")
    w.ada.got = {}
    w.ada.routing:send { to = ("/dswarm/%s%s/dswarm/%s/ping"):format(w.sue.id, LISTENED, w.bob.id),
      from = ("/dswarm/%s/try"):format(w.ada.id), kind = "ping", rest = ("A"):rep(22) .. " " .. w.ada.id }
    w:run(1000)
    local word = assert(answers.parse(w.ada.got[1].rest), w.ada.got[1].rest)
    assert.same({ "address", w.sue.id }, { word.code, word.id })
  end)
end)

describe("word that a line went no further", function()
  it("counts for a way only from its next hop, and only if it is signed", function()
    local w = world { "sue", "mallory", "eve", "bob" }
    for _, name in ipairs { "mallory", "eve", "bob" } do join(w, w[name], w.sue) end
    w:run(30000)
    local function said_by(node, line)
      local flow = w.sue.comms.peers:best(w.sue.comms.peers.by_id[node.id])
      return w.sue.routing:frame(flow.source, frame.read(line))
    end
    local label
    local function listen(node)
      local take = node.routing.frame
      function node.routing.frame(self, source, message)
        label = message.from and message.from:match "^~.*" or label
        return take(self, source, message)
      end
    end
    listen(w.eve)
    listen(w.bob)
    local from, words = ("/dswarm/%s/try"):format(w.mallory.id), ("%s address %s"):format(("B"):rep(11), w.eve.id)
    local signed = w.eve.identity.key:sign("unreachable", w.sue.swarm, words) .. " " .. words
    said_by(w.mallory, ("/dswarm/%s/ping %s 8 ping %022d %s"):format(w.eve.id, from, 1, w.mallory.id))
    w:run(100)
    said_by(w.mallory, ("/dswarm/%s/ping %s 8 ping %022d %s"):format(w.bob.id, from, 2, w.mallory.id))
    w:run(100)
    local way = w.sue.routing.ways:of(w.bob.id)[1]
    local function failures() return w.sue.routing.ways.health:is_failing(way.key) end
    said_by(w.eve, ("%s - 8 unreachable %s"):format(label, signed))
    assert.is_false((failures()), "eve is not on the way to bob")
    said_by(w.bob, ("%s - 8 unreachable %s %s"):format(label, ("A"):rep(86), words))
    assert.is_false((failures()), "nobody signed that")
    said_by(w.bob, ("%s - 8 unreachable %s"):format(label, signed))
    assert.is_true((failures()), "from the next hop, and signed (control)")
  end)
end)

local SEEDS <const> = os.getenv "DT_SWARM_SOAK" and 1000 or 10

-- How long it takes until NODE, which pings ID again after each time-out, has a pong: ms | nil: none in LIMIT
local function answered_within(w, node, id, limit)
  local began, nonce = w.loop:now(), nil
  for _, wait in ipairs { 1000, 2000, 4000, 8000, 16000 } do
    nonce = ping(w, node, id, nil, nonce)
    for _ = 1, wait // 10 do
      w:run(10)
      if w.loop:now() - began > limit then return nil end
      for _, message in ipairs(node.got) do
        if message.kind == "pong" and message.rest:find(nonce, 1, true) then return w.loop:now() - began end
      end
    end
  end
end

local function lan(seed, names)
  local w = sim.new { seed = seed, policy = POLICY }
  for _, name in ipairs(names) do w[name] = w:add(name) end
  w:run(20000)
  return w
end

describe("a link that carries one way only", function()
  for _, from in ipairs { "ada", "bob" } do
    it(("is gone round within two time-outs, where nothing of %s is heard by the other"):format(from), function()
      local worst, tries = 0, {}
      for seed = 1, SEEDS do
        local w = lan(seed, { "ada", "sue", "bob" })
        local other = from == "ada" and w.bob or w.ada
        w.deaf[w[from].host .. " " .. other.host] = true
        w:run(w.random:integer(60000))
        local took = answered_within(w, w.ada, w.bob.id, 3000)
        if not took then tries[#tries + 1] = seed end
        worst = math.max(worst, took or 0)
      end
      assert.same({}, tries)
      print(("# %d seeds, the slowest in %d ms"):format(SEEDS, worst))
    end)
  end
end)

describe("the hook routing.prefer of a node's policy", function()
  it("says which of several living ways is taken, and why", function()
    local policy = assert(policies.load [[
      local p = extend "lab"
      function p.routing.prefer(target, ways)
        for _, way in ipairs(ways) do
          if way.kind == "udp" then return way, "by air to " .. target end
        end
      end
      return p]])
    local w = sim.new { seed = 2, policy = policy }
    w.ada, w.bob = w:add "ada", w:add "bob"
    join(w, w.ada, w.bob)
    w:run(20000)
    local way, why = w.ada.routing.ways:choose("/dswarm/x/brain", w.bob.id)
    assert.same({ "udp", "by air to /dswarm/x/brain" }, { way.kind, why })
    assert.equal("tcp", w.ada.routing.ways:of(w.bob.id)[1].kind) -- which would be the first
    policy:close()
  end)
end)

describe("a way on which nothing comes back", function()
  it("costs one time-out, where the asker takes no other: the answer goes by his ID, over a way of its own", function()
    local w = lan(3, { "ada", "sue", "bob" })
    w.deaf[w.bob.host .. " " .. w.ada.host] = true
    local ways = w.ada.routing.ways
    local way = ways:of(w.bob.id)[1]
    assert.is_nil(way.by)
    function ways.choose() return way end
    local last
    w.ada.commands:run({ command = "ping", to = w.bob.id, count = 1 }, setmetatable({ on_cancel = function() end },
      { __call = function(_, answer)
        last = answer
        return true
      end }))
    w:run(12000)
    assert.same({ w.bob.id, 2, 1 }, { last.id, last.tries[1].tries, last.answered })
    assert.is_true(last.tries[1].rtt_us < 2100000, last.tries[1].rtt_us)
  end)
end)

describe("relays that are killed one after the other", function()
  it("are gone round in at most five seconds each while one is left; then it is said which hop failed", function()
    local worst = 0
    for seed = 1, SEEDS // 5 do
      local w = world { "ada", "r1", "r2", "r3", "bob" }
      for i = 1, 3 do
        join(w, w.ada, w["r" .. i])
        join(w, w["r" .. i], w.bob)
      end
      w:run(30000 + 1000 * seed + (seed % 2) * 180000) -- also when what was heard before is old
      local left = { r1 = true, r2 = true, r3 = true }
      for _ = 1, 3 do
        local took = assert(answered_within(w, w.ada, w.bob.id, 5000), "no other way was taken")
        worst = math.max(worst, took)
        local by = w.ada.routing.ways:choose("/x", w.bob.id).by
        for name in pairs(left) do -- any order: one of them
          if w[name].id == by then
            w.cut[w[name].host], left[name] = true, nil
          end
        end
      end
      assert.same({}, left)
      assert.is_nil(answered_within(w, w.ada, w.bob.id, 30000))
      local why = assert(w.ada.routing.ways:fault(w.bob.id))
      assert.matches(("address: no way to ~%s lives %%(/ip4/"):format(w.bob.id:sub(-4)), why)
      for i = 1, 3 do assert.truthy(why:find(w["r" .. i].id, 1, true), why) end
    end
    print(("# the slowest in %d ms"):format(worst))
  end)
end)

describe("a line that many hear, for whoever can reach a place", function()
  it("is passed on once, however many can, and by another one where the first is gone", function()
    for _, gone in ipairs { false, true } do
      local w = lan(7, { "ada", "r1", "r2", "r3" })
      w.bob = w:add "bob"
      w:run(20000)
      local head, passed = ("/ip4/%s/udp/3825/dswarm-line"):format(w.bob.host), 0
      for i = 1, 3 do
        local one = w["r" .. i]
        local channel = one.routing.list[1]
        function channel.toward() return { id = "udp " .. w.bob.host, channel = channel, host = w.bob.host } end
        local send = channel.send
        function channel.send(self, message, to)
          if message.kind == "ping" and message.to == ("/dswarm/%s/ping"):format(w.bob.id) and to then
            passed = passed + 1
            if gone and passed == 1 then return true end -- and it is lost
          end
          return send(self, message, to)
        end
      end
      w.ada.routing.list[1].address = "/ip4/0.0.0.0/udp/3825/dswarm-line"
      local got = {}
      w.ada.routing:component("try", function(message)
        table.insert(got, message)
        return true
      end)
      local function say(hops)
        w.ada.routing:send { to = ("/ip4/0.0.0.0/udp/3825/dswarm-line%s/dswarm/%s/ping"):format(head, w.bob.id),
          from = ("/dswarm/%s/try"):format(w.ada.id), kind = "ping", hops = hops,
          rest = text.base64url(w.random:bytes(16)) .. " " .. w.ada.id }
        w:run(3000)
      end
      say()
      assert.same({ gone and 2 or 1, 1 }, { passed, #got })
      say(0) -- as a trace does
      assert.equal("hops", assert(answers.parse(got[2].rest)).code)
      assert.equal(gone and 2 or 1, passed)
    end
  end)
end)
