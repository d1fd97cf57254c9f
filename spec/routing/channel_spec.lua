-- channel_spec.lua - what every channel must do, whatever its kind: the same questions to all of them.
local channel = require "routing.channels.channel"
local envelope = require "routing.envelope"
local exec = require "routing.channels.exec"
local folder = require "spec.folder"
local irc = require "routing.channels.irc"
local ircd = require "spec.routing.ircd"
local links = require "routing.channels.links"
local net = require "core.net"
local kubo_stub = require "spec.net.kubo_stub"
local pipe = require "spec.routing.pipe"
local pubsub = require "routing.channels.pubsub"
local random = require "core.random"
local sim_links = require "sim.links"
local sim_loop = require "sim.loop"
local stub = require "spec.net.stub"
local tcp = require "routing.channels.tcp"
local till = require "spec.net.till"
local toy = require "spec.routing.toy"
local udp = require "routing.channels.udp"

-- Each KIND(w) makes two channels that hear each other; w.holds(fn) runs until fn() is true, w.close ends the rest.
-- w.to_all: it has no way to one alone.
local KINDS = {}

local function on_sockets(w)
  w.loop, w.log = till.loop(), till.log()
  function w.holds(fn) till.holds(w.loop, fn, 5000) end
  function w.close() w.loop:close() end
  return { loop = w.loop, net = net, random = random.seeded(1), log = w.log, host = "127.0.0.1", port = 0 }
end

local function in_virtual_time(w)
  w.loop = sim_loop.new()
  function w.holds(fn)
    for _ = 1, 2000 do
      if fn() then return end
      w.loop:run_until(w.loop.time + 5)
    end
    error "it never came to hold"
  end
  function w.close() end
  return { loop = w.loop, delay = function() return 1 + w.loop.time % 7 end, trace = function() end }
end

function KINDS.udp(w)
  local given = on_sockets(w)
  local a = udp.new(given)
  given.port = a:status().listens
  return a, udp.new(given)
end

KINDS["a TCP link"] = function(w)
  local given, a, b = on_sockets(w), nil, nil
  given.links = links.new(given)
  function given.on_link(link) b = link end
  local listener = tcp.listen(given)
  given.links:dial("127.0.0.1", listener.port, function(link) a = link end, links.account())
  w.holds(function() return a and b end)
  function w.close()
    listener:close()
    given.links:close()
    w.loop:close()
  end
  return a, b
end

KINDS["a program"] = function(w)
  local given, dir = on_sockets(w), folder.new()
  local ends, made = { pipe.ends(dir.path, {}) }, {}
  for i, text in ipairs(ends) do
    local path = pipe.put(dir.path, "end" .. i, text)
    made[i] = exec.new { loop = given.loop, random = given.random, log = given.log, program = "end" .. i,
      find = function() return path end }
  end
  function w.start() for _, one in ipairs(made) do exec.start(one) end end
  function w.close()
    w.loop:close()
    dir.remove()
  end
  return made[1], made[2]
end

KINDS["a topic"] = function(w)
  local given, room, made = on_sockets(w), {}, {}
  for i = 1, 2 do
    made[i] = assert(pubsub.new { loop = given.loop, random = given.random, log = given.log, topic = "lab",
      api = kubo_stub.new(room).api })
  end
  w.to_all = true
  function w.start()
    for _, one in ipairs(made) do pubsub.start(one) end
    w.holds(function() return made[1]:budget() > 0 and made[2]:budget() > 0 end)
  end
  function w.close()
    for _, one in ipairs(room) do one:stop() end
    w.loop:close()
  end
  return made[1], made[2]
end

KINDS["an IRC channel"] = function(w)
  local given, made = on_sockets(w), {}
  local server = ircd.new(w.loop)
  for i, name in ipairs { "ada", "bob" } do
    local one = irc.new { loop = w.loop, net = net, random = random.seeded(i), log = w.log, room = "#lab",
      rate = 1 << 20 }
    one:add { family = "ip4", host = "127.0.0.1", port = server.port, room = "#lab", id = name .. "xxxxxxx",
      budget = 1 << 20, address = ("/ip4/127.0.0.1/tcp/%d/irc/#lab/dswarm-line"):format(server.port) }
    made[i] = one
  end
  function w.start() w.holds(function() return made[1].was_up and made[2].was_up end) end
  function w.close()
    server:close()
    given.loop:close()
  end
  return made[1], made[2]
end

KINDS["the simulator's medium"] = function(w)
  local medium = sim_links.medium(in_virtual_time(w), 16384)
  return sim_links.join(medium, "10.0.0.1"), sim_links.join(medium, "10.0.0.2")
end

KINDS["the simulator's stream"] = function(w) return sim_links.stream(in_virtual_time(w), "10.0.0.1", "10.0.0.2") end

function KINDS.toy(w)
  in_virtual_time(w)
  return toy.new(w.loop, "room", "ada"), toy.new(w.loop, "room", "bob")
end

local function ping(text) return { head = "* - 8 ping " .. text, kind = "ping" } end

-- A head of SIZE bytes.
local function head(size) return ping(("x"):rep(size - #ping "".head)) end

local function statements(n, size)
  local message = { head = "* - 8 statements", kind = "statements", body = {} }
  for i = 1, n do message.body[i] = ("%03d"):format(i) .. ("s"):rep(size - 3) end
  return message
end

-- Opens ONE for an owner that notes what it is told.
local function note(one, w)
  one.told = { frames = {}, rooms = 0, downs = {} }
  local function calm() assert.is_nil(w.sending, "the owner is called from inside send()") end
  return stub.open(one, {
    on_frame = function(me, source, message)
      calm()
      assert.equal(one, me)
      local lines = message.list and message.list:text()
      if message.list then message.list:close() end
      table.insert(one.told.frames, { source = source, message = message, lines = lines })
      return true
    end,
    on_room = function() calm() one.told.rooms = one.told.rooms + 1 end,
    on_up = calm,
    on_down = function(_, reason) table.insert(one.told.downs, { reason = reason, closed = one.closed }) end })
end

for _, kind in ipairs { "udp", "a TCP link", "a program", "a topic", "an IRC channel", "the simulator's medium",
  "the simulator's stream", "toy" } do
  describe(kind, function()
    local w, a, b
    before_each(function()
      w = {}
      a, b = KINDS[kind](w)
      note(a, w)
      note(b, w)
      if w.start then w.start() end
    end)
    after_each(function()
      a:close()
      b:close()
      w.close()
    end)

    local function send(one, message, to)
      w.sending = true
      local ok, text, code = one:send(message, to)
      w.sending = nil
      assert.is_true(ok == true or text:sub(1, #code) == code, "a refusal's text begins with its code")
      return ok, text, code
    end

    -- Sends until B has N messages more; what the budget refuses is sent again when there is room.
    local function sends(n, make)
      local before = #b.told.frames
      for i = 1, n do
        local rooms = a.told.rooms
        while not send(a, make(i)) do
          a:budget()
          w.holds(function() return a.told.rooms > rooms end)
          rooms = a.told.rooms
        end
      end
      w.holds(function() return #b.told.frames >= before + n end)
    end

    local function text_of(heard) return envelope.head(heard.message) .. (heard.lines and "\n" .. heard.lines or "") end

    it("keeps the contract, and is refused without any part of it", function()
      assert.is_true(channel.check(a))
      for _, part in ipairs { "kind", "address", "traits", "send", "budget", "status", "close" } do
        local _, text, code = channel.check(setmetatable({ [part] = false }, { __index = a }))
        assert.same({ "form: a channel without " .. part, "form" }, { text, code })
      end
    end)

    it("brings messages over whole, with their source, and changes none of its sender's", function()
      local two = statements(2, 100)
      sends(1, function() return ping "hello" end)
      sends(1, function() return two end)
      assert.same(statements(2, 100), two)
      local said = {}
      for i, heard in ipairs(b.told.frames) do said[i] = text_of(heard) end
      local all = table.concat(said, "\n"):gsub("\n%* %- 8 statements", "") -- a channel may cut statements as it likes
      assert.equal("* - 8 ping hello\n" .. table.concat(two.body, "\n"), all)
      local source = b.told.frames[1].source
      assert.equal(b, source.channel)
      for _, name in ipairs { "principal", "id", "address" } do assert.is_truthy(#source[name] > 0, name) end
      assert.is_true(source.received >= #"* - 8 ping hello")
      assert.equal(a.traits.medium, source.broadcast)
    end)

    it("answers along a source, to nobody else where it can", function()
      sends(1, function() return ping "who" end)
      assert.is_true(send(b, ping "me", b.told.frames[1].source))
      w.holds(function() return a.told.frames[1] end)
      local heard = a.told.frames[1]
      assert.same({ "* - 8 ping me", w.to_all or false }, { text_of(heard), heard.source.broadcast })
    end)

    it("carries a line as long as line_max and a message as large as frame_max, and refuses a longer line", function()
      local traits = a.traits
      sends(1, function() return head(traits.line_max) end)
      assert.equal(traits.line_max, #envelope.head(b.told.frames[1].message))
      local longest = math.min(traits.line_max, 1024)
      local n = (traits.frame_max - 17) // (longest + 1)
      if n > 0 then sends(1, function() return statements(n, longest) end) end
      assert.equal("long", select(3, send(a, head(traits.line_max + 1))))
      assert.same({ 1, 0 }, { a:status().refused.long, a:status().refused.form or 0 })
    end)

    it("refuses what is no text, and counts it", function()
      assert.equal("form", select(3, send(a, ping "bell \7")))
      assert.equal("form", select(3, send(a, { head = "", kind = "" })))
      assert.equal(2, a:status().refused.form)
    end)

    it("counts messages, bytes and beacons both ways", function()
      sends(1, function() return { head = "* - 8 beacon x", kind = "beacon" } end)
      sends(1, function() return ping "x" end)
      local sent, heard = a:status().sent, b:status().heard
      assert.same({ 2, 1, 2, 1 }, { sent.frames, sent.beacons, heard.frames, heard.beacons })
      assert.is_true(sent.bytes >= 26 and heard.bytes >= 26)
      assert.same({ "up", a.kind, a.address }, { a:status().state, a:status().kind, a:status().address })
    end)

    it("says when a frame fits again, after it did not", function()
      assert.is_true(a:budget() >= a.traits.frame_max)
      if a:budget() == math.maxinteger then return end
      if b.pause then b:pause() end
      local size = math.min(a.traits.line_max, 1024)
      local message, tries = statements(math.max(1, (a.traits.frame_max - 17) // (size + 1)), size - 20), 0
      local ok, code, left
      repeat -- a quick one may have room again before it is asked how much
        ok, _, code = send(a, message)
        left, tries = a:budget(), tries + 1
      until not ok and left < a.traits.frame_max or tries > 5000
      assert.is_truthy(({ budget = true, full = true })[code], code)
      assert.is_true(left < a.traits.frame_max)
      local rooms = a.told.rooms
      if b.resume then b:resume() end
      w.holds(function() return a.told.rooms > rooms end)
      assert.is_true(a:budget() >= a.traits.frame_max)
    end)

    it("keeps the order where it is ordered, also for who reads no more for a while", function()
      if not a.traits.ordered then return end
      sends(1, function() return ping "0" end)
      b:pause()
      for i = 1, 50 do assert.is_true(send(a, ping(tostring(i)))) end
      w.holds(function()
        b.asked = (b.asked or 0) + 1
        return b.asked > 20
      end)
      assert.equal(1, #b.told.frames)
      b:resume()
      w.holds(function() return #b.told.frames == 51 end)
      for i = 0, 50 do assert.equal(tostring(i), b.told.frames[i + 1].message.rest) end
    end)

    it("ends once, and does nothing any more", function()
      sends(1, function() return ping "x" end)
      local heard = #a.told.frames
      a:close "closed: by the spec"
      a:close "again"
      assert.same({ { reason = "closed: by the spec", closed = true } }, a.told.downs)
      assert.same({ 0, "down" }, { a:budget(), a:status().state })
      assert.equal("closed", select(3, send(a, ping "x")))
      if not b.closed then b:send(ping "late") end
      w.holds(function()
        a.asked = (a.asked or 0) + 1
        return a.asked > 20
      end)
      assert.equal(heard, #a.told.frames)
    end)
  end)
end

describe("the contract of channels", function()
  local function refused(change, more)
    local one = stub.channel("udp", more)
    one.traits = {}
    for name, value in pairs(stub.TRAITS.udp) do one.traits[name] = value end
    change(one, one.traits)
    local ok, text, code = channel.check(one)
    assert.same({ nil, "form" }, { ok, code })
    return text
  end

  it("names the trait that is missing, wrong or unknown", function()
    for name in pairs(stub.TRAITS.udp) do
      assert.equal("form: a channel without the trait " .. name, refused(function(_, traits) traits[name] = nil end))
    end
    assert.matches("trait medium is no boolean", refused(function(_, traits) traits.medium = 1 end))
    assert.matches("trait line_max is no integer", refused(function(_, traits) traits.line_max = 12.5 end))
    assert.equal("form: a channel's unknown trait broadcast",
      refused(function(_, traits) traits.broadcast, traits.zeal = true, true end))
  end)

  it("names what an ordered one, and a stream, must have beside", function()
    local none = { pause = false, resume = false }
    assert.equal("form: a channel without pause", refused(function(_, traits) traits.ordered = true end, none))
    assert.matches("line_max is too short for a stream", refused(function(_, traits) traits.stream = true end))
    assert.matches("a channel is a table", select(2, channel.check "udp"))
  end)

  it("asks the same of the owner", function()
    for _, part in ipairs { "on_frame", "on_room", "on_up", "on_down" } do
      local owner = stub.owner {}
      owner[part] = nil
      local ok, text = channel.open(stub.channel "udp", "x", owner)
      assert.same({ nil, "form: a channel's owner without " .. part }, { ok, text })
    end
  end)

  it("is asked of each that is given to the dispatcher: a bad one is closed, and nobody hears of it", function()
    local w = require "sim".new { seed = 1,
      policy = assert(require "policy".load("policies/duckiebot.lua", { shipped = "policies" })) }
    local node = w:add "ada"
    local before = #node.routing.list
    local bad = stub.channel("udp", { budget = false })
    local ok, text, code = node.routing:add(bad, {})
    assert.same({ nil, "form: a channel without budget", "form", true }, { ok, text, code, bad.closed })
    assert.same({ before, 1 }, { #node.routing.list, #node.comms.outbox.names })
  end)
end)
