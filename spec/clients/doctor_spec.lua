-- doctor_spec.lua - what the doctor makes of answers that come and of those that do not, in the simulator; which fault
-- is the cause of which, by the shipped checks. Whole daemons: spec/e2e/doctor_spec.lua.
local findings = require "clients.doctor.findings"
local folder = require "spec.folder"
local neighbours = require "clients.doctor.neighbours"
local network = require "clients.doctor.network"
local one_host = require "clients.doctor.one_host"
local outside = require "clients.doctor.outside"
local policies = require "spec.policy.policies"
local sim = require "sim"
local simloop = require "sim.loop"
local slices = require "slices"

local MINUTE <const> = 60 * 1000

describe("the doctor's questions to neighbours", function()
  local policy, w, ada, bob
  before_each(function()
    policy = assert(policies.with "")
    w = sim.new { seed = 3, policy = policy, delay = { 2, 5 } }
    ada, bob = w:add "ada", w:add "bob"
  end)
  after_each(function() policy:close() end)

  local function of(node)
    return neighbours.new { loop = w.loop, comms = node.comms, said = node.discovery.said,
      ask = function(to, id, told) return node.ping.questions:ask(to, nil, id, told) end,
      label = function(id) return node.who(id).label end, gateway = function() end, port = function() return 3825 end }
  end

  -- What ONE, neighbours of a node, finds → found, why
  local function look(one)
    local found, why
    one:look(function(...) found, why = ... end)
    w:run(10 * 1000)
    return assert(found, "it does not end"), why
  end

  -- Nothing that FROM says to all goes out while IS_CUT() holds.
  local function cut_broadcast(from, is_cut)
    local channel = from.routing.list[1]
    local send = channel.send
    function channel.send(self, message, to)
      if not to and is_cut() then return true end
      return send(self, message, to)
    end
  end

  -- From here on bob answers one question in MS. → fn() → when he answered last (ms) | nil
  local function bob_answers_one_in(ms)
    local answer, answered = bob.comms.proof.answer, nil
    function bob.comms.proof.answer(self, ...)
      if w.loop:now() - (answered or -MINUTE) < ms then return nil, "budget: few", "budget" end
      answered = w.loop:now()
      return answer(self, ...)
    end
    return function() return answered end
  end

  it("find nothing where all is well, and say that they do not know where nobody is", function()
    local one = of(ada)
    w:run(10 * MINUTE)
    assert.same({ net_broadcast_out = false, net_broadcast_in = false, net_one_way = false, net_isolated = false },
      (look(one)))
    w.cut[bob.host] = true
    w:run(30 * MINUTE)
    local found, why = look(one)
    assert.same({}, found)
    for _, name in ipairs { "broadcast_out", "broadcast_in", "one_way", "isolated" } do
      assert.is_truthy(why["net_" .. name], name)
    end
  end)

  it("find that broadcast comes in no more once none came for six minutes, and not before", function()
    local one, cut = of(ada), false
    cut_broadcast(bob, function() return cut end)
    w:run(5 * MINUTE)
    cut = true
    w:run(4 * MINUTE)
    assert.is_false(look(one).net_broadcast_in)
    w:run(2 * MINUTE)
    local found = look(one)
    assert.matches("^bob .*answers 3 of 3 pings, nothing that it says to all came here for 6 min$",
      found.net_broadcast_in)
    assert.is_false(found.net_broadcast_out)
    assert.is_false(found.net_one_way)
  end)

  it("find that broadcast does not go out, by pings that go to all and name him", function()
    local one, cut = of(ada), false
    cut_broadcast(ada, function() return cut end)
    w:run(MINUTE)
    cut = true
    local found = look(one)
    assert.matches("answers 3 of 3 pings, 0 of 3 that go to all$", found.net_broadcast_out)
    assert.is_false(found.net_broadcast_in)
  end)

  it("find no broadcast dead because of a neighbour who answers one question a round", function()
    local one = of(ada)
    w:run(MINUTE)
    local answered = bob_answers_one_in(900)
    local found = look(one)
    assert.is_truthy(answered())
    assert.is_false(found.net_broadcast_out or false)
  end)

  it("find no link dead whose other end answers a question in five seconds, however often they ask", function()
    local one = of(ada)
    w:run(MINUTE)
    bob_answers_one_in(5000)
    for i = 1, 8 do
      local found
      one:look(function(what) found = what end)
      while not found do w:run(100) end
      assert.is_falsy(found.net_one_way, i)
    end
    function bob.comms.proof.answer() return nil, "budget: none", "budget" end
    w:run(20 * 1000)
    assert.matches("answers 0 of 3 pings$", look(one).net_one_way) -- he answers nothing any more (control)
  end)

  it("find one host dead where it answers nothing, not where it answers few questions", function()
    local answers, asked = true, nil
    local one = one_host.new {
      loop = w.loop,
      port = function() return 3825 end,
      ask = function(to, _, told)
        asked = to
        if answers then w.loop:post(function() told { id = bob.id } end) end
        return function() end
      end,
    }
    local function look_at(host)
      local said
      one:look(host, function(...) said = table.pack(...) end)
      while not said do w:run(100) end
      return table.unpack(said, 1, said.n)
    end
    assert.equal(bob.id, (look_at "10.0.0.2"))
    assert.equal("/ip4/10.0.0.2/udp/3825/dswarm-line/dswarm/*/ping", asked)
    answers = false
    assert.matches("^10.0.0.3 answers 0 of 3 pings: it is off, or", select(2, look_at "10.0.0.3")) -- never answered
    local id, found, why = look_at "10.0.0.2" -- it may be sparing of answers
    assert.is_nil(id or found)
    assert.equal("10.0.0.2 answered some seconds ago and answers nothing now: ask again in ten seconds", why)
    w:run(10 * 1000)
    id, found, why = look_at "10.0.0.2"
    assert.is_nil(id or why)
    assert.matches("^10.0.0.2 answers 0 of 3 pings", found)
    answers = true
    assert.equal(bob.id, (look_at "10.0.0.2"))
  end)

  it("find a link that is dead one way only by who was heard within a minute", function()
    local one = of(ada)
    w:run(MINUTE)
    w.deaf[ada.host .. " " .. bob.host] = true
    w:run(MINUTE)
    assert.matches("was heard .* and answers 0 of 3 pings$", look(one).net_one_way)
    w.cut[bob.host] = true
    w:run(2 * MINUTE)
    assert.is_false(look(one).net_one_way or false)
  end)

  it("tell who is kept apart from who is dead one way by a newer word that came by others", function()
    local one, word = of(ada), nil
    w:run(MINUTE)
    one.said = { of = function() return word end, each = function() return ipairs {} end,
      place = function() return ("/ip4/%s/tcp/3825/dswarm-line"):format(bob.host) end }
    w.cut[bob.host] = true
    assert.matches("answers 0 of 3 pings$", look(one).net_one_way)
    word = { id = bob.id, heard = w.loop:now() - 2000, kind = "tcp", facts = {} }
    local found = look(one)
    assert.matches("^bob .*said that it is there %(%d+ s ago, by tcp%), and answers 0 of 3 pings$", found.net_isolated)
    assert.is_false(found.net_one_way)
  end)

  it("ask who proved nothing no more often than a host may be asked", function()
    local asked, channel = 0, ada.routing.list[1]
    local send = channel.send
    function channel.send(self, message, to)
      if to and to.host == "10.0.0.77" and message.head:find " ping " then asked = asked + 1 end
      return send(self, message, to)
    end
    w:run(MINUTE)
    local source = { channel = channel, principal = "10.0.0.77", id = "sim 10.0.0.77", host = "10.0.0.77", port = 3825,
      address = "/ip4/10.0.0.77/udp/3825/dswarm-line", received = 100, broadcast = false, own = false }
    for i = 1, 16 do
      local id = require "core.key".generate(require "core.hash".blake2b(tostring(i))):id()
      ada.comms.askers:put(id, source)
    end
    local one = of(ada)
    for _ = 1, 6 do look(one) end
    assert.is_true(asked > 30 and asked <= 32 + 60, tostring(asked)) -- 32 at once, then one a second
  end)

  it("prove nothing where there is no room to ask", function()
    local one = of(ada)
    w:run(MINUTE)
    ada.comms.outbox.may_control = function() return false end
    local found, why = look(one)
    assert.same({}, found)
    assert.is_truthy(why.net_broadcast_out and why.net_one_way)
  end)
end)

describe("what the shipped checks make of findings", function()
  local policy
  before_each(function() policy = assert(policies.with "") end)
  after_each(function() policy:close() end)

  -- "CODE CODE(CAUSE) …" of METRICS
  local function of(metrics)
    local list = {}
    for i, row in ipairs((findings.of(policy, metrics, {}, {}))) do
      assert(row.what and row.cure and row.seen and row.level)
      list[i] = row.under and ("%s(%s)"):format(row.code, row.under) or row.code
    end
    return table.concat(list, " ")
  end

  it("has the cause first, and what follows from it under it, however far", function()
    assert.equal("gateway_dead dns_dead(gateway_dead) isolated(gateway_dead)",
      of { net_gateway_dead = "x", net_dns_dead = "y", net_isolated = "z" })
    assert.equal("no_lan gateway_dead(no_lan) dns_dead(no_lan) dns_no_name(no_lan)",
      of { net_no_lan = "x", net_no_route = false, net_gateway_dead = "x", net_dns_dead = "x", net_dns_no_name = "x" })
    assert.equal("isolated name_twice", of { net_isolated = "x", name_twice = "y" })
  end)

  it("is judged a check a turn, as each may take as long as a turn may", function()
    local L, turns, asked = simloop.new(), 0, {}
    local slow = { get = function() return { { id = "a" }, { id = "b" }, { id = "c" } } end,
      ask = function(_, _, row) asked[#asked + 1] = row.id .. turns end }
    slices.new(L):start(function() findings.of(slow, {}, {}, {}) end, function(ok) asked[#asked + 1] = tostring(ok) end)
    L:every(1, function() turns = turns + 1 end)
    for _ = 1, 3 do L:post(function() turns = turns + 1 end) end
    L:run_until(10)
    assert.equal("true", asked[4])
    assert.is_true(asked[1] ~= asked[2] and asked[1]:sub(2) ~= asked[2]:sub(2), table.concat(asked, " "))
  end)

  it("is nothing where nothing is known, and where all is well", function()
    assert.equal("", of {})
    local well = {}
    for _, name in ipairs { "net_no_lan", "net_mtu", "net_isolated", "disk_full", "clone", "law" } do
      well[name] = false
    end
    assert.equal("", of(well))
  end)
end)

-- A line of /proc/net/route: by the router 192.168.1.1; by a modem without an address; of the own network.
local ROUTER <const> = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
local MODEM <const> = "wwan0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
local OWN <const> = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"

-- A machine whose /proc/net has FILES: text by name. → what stands before /proc, remove()
local function machine_of(files)
  local made = folder.new()
  os.execute(("mkdir -p %s/proc/net"):format(made.path))
  for name, text in pairs(files) do folder.write(("%s/proc/net/%s"):format(made.path, name), text) end -- any order
  return made.path, made.remove
end

describe("what the doctor reads of the machine's network", function()
  -- What is found of default routes where there are these lines.
  local function no_route(v4, v6)
    local root, remove = machine_of { route = v4, ipv6_route = v6 }
    local found = network.look({ interfaces = function()
      return { { name = "eth0", up = true, host = "192.168.1.20", prefix = 24, family = 4 } }
    end, links = function() return {} end }, root)
    remove()
    return found.net_no_route
  end

  it("has no way out only where neither IPv4 nor IPv6 has one, be it to a modem", function()
    local zero = ("0"):rep(32)
    local function ip6(flags, name)
      return ("%s 00 %s 00 %s 00000400 00000003 00000000 %s %s\n"):format(zero, zero, zero, flags, name)
    end
    assert.is_false(no_route(OWN .. ROUTER, ""))
    assert.is_false(no_route(OWN .. MODEM, ""))
    assert.is_false(no_route(OWN, ip6("00000003", "eth0")))
    assert.matches("no default route", no_route(OWN, ""))
    assert.matches("no default route", no_route(OWN, ip6("00200200", "lo")))
  end)
end)

describe("the doctor's questions to the router", function()
  -- A connection whose end answers CODE after so many looks; nil: never.
  local function net(code, looks)
    return { connect = function()
      local left = looks or 0
      return { close = function() end, finished = function()
        left = left - 1
        return nil, "text", left < 0 and code or "EINPROGRESS"
      end }
    end }
  end

  -- What is found where the router's line in /proc/net/arp has these FLAGS.
  local function of(connections, flags, beyond)
    local root, remove = machine_of { route = ROUTER, arp = ("192.168.1.1 0x1 0x%d 00:00:00:00:00:00 * eth0\n")
      :format(flags) }
    local loop, found = require "sim.loop".new(), "nothing"
    outside.gateway({ loop = loop, net = connections, root = root, beyond = function() return beyond end },
      function(what) found = what end)
    loop:run_until(loop.time + 10 * 1000)
    remove()
    return found
  end

  it("find it dead where nobody has its address, and where it answers nowhere; alive where it refuses", function()
    assert.matches("^192.168.1.1: nobody has that address", of(net(), 0))
    assert.matches("^192.168.1.1: no answer at TCP ports 9", of(net(), 2))
    assert.is_false(of(net("ECONNREFUSED", 3), 2))
    assert.is_false(of(net(), 2, true)) -- somebody beyond it is heard
  end)
end)

describe("the doctor's questions to the resolver", function()
  -- What is found of as many names: of each what is wrong with it, "" for nothing, false where no answer comes.
  local function of(...)
    local loop, channels, answers, found = require "sim.loop".new(), {}, {}, nil
    for i, answer in ipairs { ... } do
      channels[i], answers[i .. ".example"] = { address = ("/dns4/%d.example/tcp/1/dswarm-line"):format(i) }, answer
    end
    outside.dns({ loop = loop, channels = channels, resolve = function(name, _, told)
      local answer = answers[name]
      if answer then loop:post(function() told(answer ~= "" and answer or nil) end) end
    end }, function(...) found = { dead = (...), unknown = (select(2, ...)) } end)
    loop:run_until(loop.time + 10 * 1000)
    return found
  end

  it("find both well, a name that does not exist, and nothing of names where nobody answers", function()
    assert.same({}, of())
    assert.same({ dead = false, unknown = false }, of("", ""))
    assert.same({ dead = false, unknown = "EAI_NONAME: 1.example" }, of("EAI_NONAME: 1.example", ""))
    assert.same({ dead = "EAI_AGAIN: 1.example" }, of "EAI_AGAIN: 1.example")
    assert.same({ dead = "1.example: no answer in 7 s" }, of(false))
    assert.same({ dead = false, unknown = "EAI_AGAIN: 1.example" }, of("EAI_AGAIN: 1.example", ""),
      "the resolver answers, so it is not dead")
  end)
end)
