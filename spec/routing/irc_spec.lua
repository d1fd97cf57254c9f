-- irc_spec.lua - an IRC channel as a channel: which server, when again, how fast, what is heard. Its servers are small.
local envelope = require "routing.envelope"
local irc = require "routing.channels.irc"
local irc_pace = require "routing.channels.irc_pace"
local irc_server = require "routing.channels.irc_server"
local faults = require "routing.channels.irc_faults"
local ircd = require "spec.routing.ircd"
local net = require "core.net"
local random = require "core.random"
local sim_loop = require "sim.loop"
local stub = require "spec.net.stub"
local till = require "spec.net.till"

local function ping(text) return { head = "* - 8 ping " .. text, kind = "ping" } end

describe("an IRC channel", function()
  local L, log, servers, made

  before_each(function() L, log, servers, made = till.loop(), till.log(), {}, {} end)
  after_each(function()
    for _, one in ipairs(made) do one:close() end
    for _, server in ipairs(servers) do server:close() end
    L:close()
  end)

  local function serve(port)
    servers[#servers + 1] = ircd.new(L, port)
    return servers[#servers]
  end

  local function options(port, name)
    return { family = "ip4", host = "127.0.0.1", port = port, room = "#lab", id = name or "adaxxxxx",
      address = ("/ip4/127.0.0.1/tcp/%d/irc/#lab/dswarm-line"):format(port), budget = 1 << 20 }
  end

  local function node(name)
    local one = stub.open(irc.new { loop = L, net = net, random = random.seeded(#made + 1), log = log, room = "#lab",
      rate = 1 << 20 }, {})
    one.told = { ups = 0, downs = {}, heard = {} }
    local told = one.told
    one.owner = stub.owner { on_up = function() told.ups = told.ups + 1 end,
      on_down = function(_, why) table.insert(told.downs, why) end,
      on_frame = function(_, source, message)
        table.insert(told.heard, { envelope.head(message), source.principal, source.broadcast })
        told.flows = told.flows or {}
        table.insert(told.flows, source.id)
        return true
      end }
    made[#made + 1] = one
    return one, name
  end

  local function up(one) return function() return one.was_up end end

  it("is a channel by the first server, and by the next when that one is gone; each has its row", function()
    local first, second = serve(), serve()
    local one = node()
    local rows = { one:add(options(first.port)), one:add(options(second.port)) }
    till.holds(L, up(one))
    assert.same({ "up", "waiting", "in reserve while " .. one.address .. " is up" },
      { rows[1]:status().state, rows[2]:status().state, rows[2]:status().reason })
    assert.same({ "dadaxxxxx", 1 }, { rows[1]:status().nick, rows[1]:status().members })
    first:drop "ERROR :Server going down"
    till.holds(L, function() return one.was_up and one.server.address == rows[2]:status().address end)
    assert.same({ "waiting", "up", 1 }, { rows[1]:status().state, rows[2]:status().state, #one.told.downs })
    assert.matches("^closed: .*going down", rows[1]:status().reason)
    rows[2]:close()
    till.holds(L, function() return one.was_up and one.server.address == rows[1]:status().address end)
    rows[1]:close()
    assert.is_true(one.closed)
    till.holds(L, function() return #first.clients == 0 and #second.clients == 0 end)
    assert.equal("QUIT :closed: here", first.lines[#first.lines])
  end)

  it("comes back to a server that was started anew, and the others' nicks are told apart", function()
    local server = serve()
    local ada, bob = node(), node()
    ada:add(options(server.port, "samexxxx"))
    bob:add(options(server.port, "samexxxx"))
    till.holds(L, function() return ada.was_up and bob.was_up end)
    assert.not_equal(ada:status().nick, bob:status().nick)
    server:close()
    local port = server.port
    till.holds(L, function() return not ada.was_up and not bob.was_up end)
    servers[1] = serve(port)
    table.remove(servers)
    till.holds(L, function() return ada.was_up and bob.was_up and ada:status().members == 2 end, 10000)
    till.holds(L, function() return ada:budget() > 0 end)
    assert.is_true(ada:send(ping "again"))
    till.holds(L, function() return bob.told.heard[1] end)
    assert.same({ "* - 8 ping again", "irc " .. ada:status().nick, true }, bob.told.heard[1])
    assert.is_true(ada.told.ups >= 2)
  end)

  it("says as much as the address says by which it is there: a policy may come to allow more, or less", function()
    local server, one = serve(), node()
    local old = one:add(options(server.port))
    till.holds(L, up(one))
    local less = options(server.port)
    less.budget = 60
    one:add(less)
    old:close()
    till.holds(L, function() return one.was_up and one.server.where == less end)
    assert.equal(60, one.rate)
    assert.is_true(one.medium:available() <= 2 * 1100)
    assert.is_true(one.medium:wait(10000) > 10000, "not a megabyte a second any more")
  end)

  it("leaves to people what they say, and gives it to nobody", function()
    local server, one = serve(), node()
    one:add(options(server.port))
    till.holds(L, up(one))
    local label = "~" .. ("x"):rep(22) .. " - 8 pong to a question" -- as answers have them that come by relays
    for _, text in ipairs { "hello robots", "\1ACTION waves\1", "part of it", "* - 8 ping from afar", "/me", "",
      "~bea is away", label } do
      server:say(":bea!b@h PRIVMSG #lab :" .. text)
    end
    till.holds(L, function() return one.told.heard[3] end)
    assert.same({ "* - 8 ping from afar", "irc bea", true }, one.told.heard[1])
    assert.equal(label, one.told.heard[3][1])
    assert.same({ 4, 1 }, { one:status().talk, one:status().refused.form })
  end)

  it("is forgotten once it is closed, however many a policy names one after another", function()
    local held = setmetatable({}, { __mode = "k" })
    local kind = irc.kind { loop = L, net = net, random = random.seeded(1), log = log, id = "adaxxxxx",
      add = function(one)
        held[one] = true
        return stub.open(one, {})
      end }
    for i = 1, 20 do
      local more = options(9)
      more.room = "#r" .. i
      kind:open(more):close()
    end
    till.passed(L, 50)
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(held) do n = n + 1 end
    assert.is_true(n <= 1, n .. " are held")
  end)

  it("leaves a server that asks and asks, and reads none of the answers", function()
    local server, one = serve(), node()
    one.given = setmetatable({ net = setmetatable({ connect = function(where)
      local stream = net.connect(where)
      return setmetatable({ send = function(_, ...)
        if one.was_up then return nil, "EAGAIN: full", "EAGAIN" end
        return stream:send(...)
      end }, { __index = function(_, name) return function(_, ...) return stream[name](stream, ...) end end })
    end }, { __index = net }) }, { __index = one.given })
    local row = one:add(options(server.port))
    till.holds(L, up(one))
    local session, most = one.session, 0
    for _ = 1, 400 do server:say("PING :" .. ("x"):rep(380)) end
    till.holds(L, function()
      most = math.max(most, #session.out)
      return not one.was_up
    end)
    assert.is_true(most < 34000, most .. " bytes wait")
    assert.matches("^closed: .*reads nothing", row:status().reason)
  end)

  it("reads of one server a bounded number of bytes a second", function()
    local server, one = serve(), node()
    local row = one:add(options(server.port))
    till.holds(L, up(one))
    local began, line = L:now(), (":bea!b@h PRIVMSG #lab :%s"):format(("x"):rep(400))
    for _ = 1, 40 do server:say(((line .. "\r\n"):rep(99)) .. line) end
    local function read() return row:status().talk * #line end
    till.holds(L, function() return L:now() - began > 1000 and read() > 100000 end)
    local most = (1 << 17) + ((L:now() - began) << 17) // 1000 + 16384
    assert.is_true(read() <= most, read() .. " bytes")
  end)

  it("takes who has a nick now for somebody else than who had it", function()
    local server, one = serve(), node()
    one:add(options(server.port))
    till.holds(L, up(one))
    for _, host in ipairs { "a.example", "evil.example" } do
      server:say((":bea!b@%s PRIVMSG #lab :* - 8 ping x"):format(host))
    end
    till.holds(L, function() return one.told.heard[2] end)
    assert.same({ "irc bea!b@a.example", "irc bea!b@evil.example" }, one.told.flows)
  end)

  it("waits long where a person must mend something, and says what", function()
    for answer, want in pairs {
      [":irc.spec 473 %s %s :Cannot join channel (+i)"] = "permission: the channel is for invited people only",
      [":irc.spec 465 %s :You are banned"] = "permission: the server does not let us in",
    } do
      local server, one, began = serve(), node(), L:now()
      server.refuse = answer
      local row = one:add(options(server.port))
      till.holds(L, function() return (row:status().reason or ""):find(want, 1, true) end)
      assert.is_true(one.server == nil and one.servers[1].next_at - began >= 29000)
      assert.same({ "waiting", 1, {} }, { row:status().state, row:status().refused.permission, one.told.downs })
      assert.truthy(log:has "an IRC channel waits")
    end
  end)

  it("names who does not speak IRC, nobody who listens, and no end of a line", function()
    local web, began = serve(), L:now()
    local one = node()
    local row = one:add(options(web.port))
    till.holds(L, function() return web.clients[1] end)
    local client = web.clients[1]
    local sent = 0
    local feed = L:every(1, function()
      if client.gone then return end
      for _ = 1, 20 do sent = sent + (client.stream:send(("x"):rep(4096)) or 0) end
    end)
    till.holds(L, function() return row:status().refused.long end)
    feed:cancel()
    assert.matches("^long: ", row:status().reason)
    assert.is_true(sent < 10 << 20 and one.servers[1].next_at - began >= 29000)
    local two = node()
    row = two:add(options(9))
    till.holds(L, function() return (row:status().reason or ""):find "^ECONNREFUSED" end)
    assert.is_true(two.servers[1].next_at - L:now() <= 1000)
  end)

  it("says why the server let us go, also where writing tells first that it did", function()
    local server = serve()
    server.deaf = true
    local broken = { connect = function(where)
      local stream = net.connect(where)
      local kept
      return setmetatable({ send = function()
        server:say "ERROR :Closing link: [No more connections allowed from your host]"
        till.holds(L, function()
          kept = kept or stream:receive(4096)
          return kept
        end)
        return nil, "EPIPE: Broken pipe", "EPIPE"
      end, receive = function()
        local bytes = kept or ""
        kept = nil
        return bytes
      end }, { __index = function(_, name) return function(_, ...) return stream[name](stream, ...) end end })
    end }
    local one = node()
    one.given.net = broken
    one:add(options(server.port))
    till.holds(L, function() return one:status().reason ~= "connecting" end)
    assert.matches("^full: the server takes no more connections", one:status().reason)
  end)

  it("says nothing while it is alone, at most a frame a minute, and all at once to who comes", function()
    local server, ada, bob = serve(), node(), node()
    ada:add(options(server.port))
    till.holds(L, up(ada))
    assert.equal(0, ada:budget())
    bob:add(options(server.port, "bobxxxxx"))
    till.holds(L, function() return ada:budget() > 0 end)
    assert.is_true(ada.told.ups >= 2, "others should hear of us")
  end)

  it("hears those whom a server hides", function()
    local server, ada = serve(), node()
    ada:add(options(server.port))
    till.holds(L, up(ada))
    ada:send(ping "anybody?")
    server:say ":bea!b@h PRIVMSG #lab :* - 8 ping yes"
    till.holds(L, function() return ada.told.heard[1] end)
    till.holds(L, function() return ada:budget() > 0 end)
    assert.equal(1, ada:status().members)
  end)

  it("speaks whole lines also where the server cuts them short", function()
    local server, ada, bob = serve(), node(), node()
    server.line_len = 256
    ada:add(options(server.port))
    bob:add(options(server.port, "bobxxxxx"))
    till.holds(L, function() return ada.was_up and bob.was_up and ada:status().members == 2 end)
    till.holds(L, function() return ada:budget() > 0 end)
    assert.is_true(ada:send(ping(("x"):rep(1000))))
    till.holds(L, function() return bob.told.heard[1] end)
    assert.equal(1000 + #"* - 8 ping ", #bob.told.heard[1][1])
    for _, line in ipairs(server.lines) do assert.is_true(#line <= 254) end
  end)
end)

describe("the pace of an IRC channel", function()
  local STEP <const> = 500 -- ms of the virtual clock

  -- Seconds of penalty that a server of RFC 1459 counts, each second at most; COST(size of a line) in ms.
  local function most_ahead(hours, rate, cost)
    local loop = sim_loop.new()
    local pace, ahead, most, lines = irc_pace.new(function() return loop.time end, rate), 0, 0, 0
    for _ = 1, hours * 3600000 // STEP do
      loop.time, ahead = loop.time + STEP, math.max(0, ahead - STEP)
      while pace:lines() > 0 do
        pace:charge(1)
        ahead, lines = ahead + cost, lines + 1
      end
      most = math.max(most, ahead)
    end
    return most, lines
  end

  it("keeps to RFC 1459's two seconds a line for a day, one line over ten seconds at most, at full pressure", function()
    local most, lines = most_ahead(24, nil, 2000)
    assert.is_true(most <= 12000, most)
    assert.is_true(lines >= 24 * 1800, lines)
  end)

  -- SERVER handles a line at the price of `cost` ms, waits with the rest while somebody is `ahead` ms ahead, and puts
  -- him out whose waiting lines are more than `queue` bytes. → hours until it does, nil where it does not within HOURS
  local function put_out(hours, rate, server)
    local loop = sim_loop.new()
    local pace, ahead, waiting = irc_pace.new(function() return loop.time end, rate), 0, 0
    for _ = 1, hours * 3600000 // STEP do
      loop.time, ahead = loop.time + STEP, math.max(0, ahead - STEP)
      while pace:lines() > 0 do
        pace:charge(1)
        waiting = waiting + 512
      end
      while waiting > 0 and ahead < server.ahead do waiting, ahead = waiting - 512, ahead + server.cost end
      if waiting > server.queue then return loop.time / 3600000 end
    end
  end

  -- ngircd reads no more from who is ahead, and puts nobody out for it; the second is the strictest of RFC 1459's.
  it("is within inspircd's stock rules, and those of IRCnet, for a day; five lines a second are not", function()
    local inspircd, ircnet = { cost = 1000, ahead = 10000, queue = 8192 }, { cost = 2000, ahead = 10000, queue = 1000 }
    for _, server in ipairs { inspircd, ircnet } do
      assert.is_nil(put_out(24, nil, server))
      assert.is_true(put_out(24, 5 * 390, server) < 0.01)
    end
  end)

  it("goes by what the policy gives, and at half of it where a server complains", function()
    local loop = sim_loop.new()
    local pace = irc_pace.new(function() return loop.time end, 60)
    pace:charge(6)
    assert.same({ 0, 6500 }, { pace:lines(), pace:wait(1) })
    pace:slower()
    assert.equal(13000, pace:wait(1))
    for _ = 1, 20 do pace:slower() end
    assert.equal(30000, pace:wait(1))
  end)

  it("is that of the server that complained, which is tried again soon", function()
    local now = 0
    local one = irc_server.new({ loop = { now = function() return now end }, random = random.seeded(1) }, {})
    one:failed(faults.make("flood", "Excess Flood"), now, 0)
    assert.same({ irc_pace.RATE // 2, true }, { one.pace.rate, one.next_at <= 1000 })
    for _ = 1, 10 do one:failed(faults.make("banned", nil), now, 0) end
    assert.is_true(one.next_at >= 30 * 60000)
    one:failed(faults.make("banned", nil), now, 30000)
    assert.is_true(one.next_at <= 60000 and one.next_at >= 30000)
  end)
end)
