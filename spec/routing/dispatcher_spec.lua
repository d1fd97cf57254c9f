-- dispatcher_spec.lua - channels pull what is to be said, frames go to components; by a brain and channels of tables.
local block = require "routing.block"
local frame = require "routing.channels.frame"
local hash = require "core.hash"
local peers = require "comms.peers"
local routing = require "routing"
local simloop = require "sim.loop"
local stub = require "spec.net.stub"
local core_text = require "core.text"
local till = require "spec.net.till"

local function world()
  local w = { loop = simloop.new(), queue = {}, refused = {}, got = {}, asked = 0 }
  local comms = { outbox = { channels = {} }, peers = { source_proved = function() return w.proved end },
    beacon = { appear = function() end }, channel_up = function() end, channel_down = function() end }
  function comms.next(_, _, bytes)
    w.asked, w.bytes = w.asked + 1, bytes
    return table.remove(w.queue, 1)
  end
  function comms.due() return w.queue[1] and 0 or nil end
  function comms.receive(_, message, _, reply)
    w.got[#w.got + 1] = message
    w.reply = reply
  end
  w.comms = comms
  w.routing = routing.new { loop = w.loop, log = till.log(), comms = comms, id = "12D3me",
    refused = function(word) w.refused[#w.refused + 1] = word end }
  w.channel = stub.channel("udp", { room = 10000, sent = {}, budget = function(self) return self.room end,
    send = function(self, message) table.insert(self.sent, frame.text(message)) return true end })
  assert(w.routing:add(w.channel, {}))
  return w
end

describe("the dispatcher", function()
  it("asks for something to say only when any frame may go: nothing that was taken out is lost", function()
    local w = world()
    w.queue = { { kind = "beacon", rest = ("x"):rep(600) } }
    w.channel.room = 300
    w.comms.poke(w.channel.name)
    w.loop:run_until(10000)
    assert.equal(0, w.asked)
    w.channel.room = 1200
    w.channel.owner.on_room(w.channel)
    w.loop:run_until(10001)
    assert.equal(1, #w.channel.sent)
    assert.same({}, w.refused)
  end)

  it("goes on in another turn when there is much to say", function()
    local w = world()
    for i = 1, 100 do w.queue[i] = { kind = "beacon", rest = tostring(i) } end
    w.comms.poke(w.channel.name)
    w.loop:run_until(10)
    assert.equal(100, #w.channel.sent)
    assert.equal("* - 8 beacon 100", w.channel.sent[100])
  end)

  it("passes on a burst over a stream, of which the outbox keeps a few only, as long as that has room", function()
    local w = world()
    local link = stub.channel("tcp", { room = 100000, sent = {}, budget = function(self) return self.room end,
      send = function(self, message) table.insert(self.sent, message.rest) return true end })
    link.traits.stream, link.traits.line_max = true, 8192
    assert(w.routing:add(link, {}))
    local dropped = 0
    function w.comms.outbox.say(_, _, message)
      if #w.queue == 64 then dropped = dropped + (table.remove(w.queue, 1) and 1 or 0) end
      w.queue[#w.queue + 1] = message
      return #w.queue
    end
    for i = 1, 1000 do assert.is_true(w.routing:send_to_all(link, { kind = "call", rest = tostring(i) })) end
    w.comms.poke(link.name)
    w.loop:run_until(10)
    assert.same({ 0, 1000, "1", "1000" }, { dropped, #link.sent, link.sent[1], link.sent[1000] })
    link.room = 0
    for i = 1, 100 do w.routing:send_to_all(link, { kind = "call", rest = tostring(i) }) end
    assert.same({ 36, 1000 }, { dropped, #link.sent }, "one that takes nothing now is not written to")
  end)

  it("lets lines for others wait where a channel is slow, by turns with own words, eight of one host", function()
    local w = world()
    w.channel.rate, w.channel.room = 195, 0
    local source = stub.source(w.channel, "10.9.9.9", {})
    local function line(i, by) -- → word
      return select(3, w.routing:send_in_turn(w.channel, source, { to = "~x", kind = "pong", rest = tostring(i) }, by))
    end
    for i = 1, 8 do assert.is_nil(line(i, "10.9.9.9")) end
    assert.is_nil(line(8, "10.9.9.9"), "that one waits already")
    assert.equal("full", line(9, "10.9.9.9"))
    assert.is_nil(line(9, "10.9.9.8"))
    assert.equal("long", line(("x"):rep(1200), "10.9.9.7"))
    for i = 1, 4 do w.queue[i] = { kind = "beacon", rest = tostring(i) } end
    w.channel.room = 10000
    w.channel.owner.on_room(w.channel)
    w.loop:run_until(100)
    local said = {}
    for i, text in ipairs(w.channel.sent) do said[i] = text:match "%l+ %d$":gsub("(%l)%l+ ", "%1") end
    assert.equal("p1 b1 p2 b2 p3 b3 p4 b4 p5 p6 p7 p8 p9", table.concat(said, " "))
    for i = 1, 4 do line(i, "10.9.9.9") end
    w.loop:run_until(61 * 1000)
    assert.equal(17, #w.channel.sent)
    w.channel.room = 0
    line(1, "10.9.9.9")
    w.loop:run_until(122 * 1000)
    w.channel.room = 10000
    w.channel.owner.on_room(w.channel)
    w.loop:run_until(123 * 1000)
    assert.equal(17, #w.channel.sent, "what waited for a minute is said no more")
    assert.same({ "slow" }, w.refused)
  end)

  it("delivers by the head of TO, and counts what is for nobody here", function()
    local w = world()
    local source = stub.source(w.channel, "10.9.9.9", { received = 50 })
    for to, mine in pairs { ["*"] = true, ["/dswarm/12D3me/brain"] = true, ["/dswarm/*/brain"] = true,
      ["/dswarm/12D3you/brain"] = false, ["/dswarm/12D3me/nothing"] = false, ["/dswarm/12D3me"] = false,
      ["/ip4/1.2.3.4/udp/1/dswarm-line"] = false } do
      local before, refused = #w.got, #w.refused
      w.routing:frame(source, frame.read(to .. " - 8 beacon x"))
      assert.equal(before + (mine and 1 or 0), #w.got, to)
      assert.equal(refused + (mine and 0 or 1), #w.refused, to)
    end
  end)

  it("lets others speak to exported components only, and to those whose lines bear their own proof", function()
    local w = world()
    local source, got = stub.source(w.channel, "10.9.9.9"), {}
    for _, name in ipairs { "control", "content", "ping" } do
      w.routing:component(name, function() got[#got + 1] = name return true end)
    end
    function w.routing.exported(name) return name == "ping" end
    for _, name in ipairs { "brain", "ping", "control", "content" } do
      w.routing:frame(source, frame.read(("/dswarm/12D3me/%s - 8 x y"):format(name)))
    end
    assert.same({ "ping", "control", "content" }, got)
    assert.same({ {}, { "address" } }, { w.got, w.refused })
  end)

  it("takes nothing from who is shut out, and sends him nothing", function()
    local w = world()
    local known = peers.new { loop = w.loop }
    w.routing.block = block.new { loop = w.loop, peers = known, id = "12D3me", signed = function() return false end }
    w.routing.block:apply(w.routing, { "/ip4/10.9.9.9" })
    for n, host in ipairs { "10.9.9.9", "10.9.9.8" } do
      local source = stub.source(w.channel, host)
      w.routing:frame(source, frame.read "* - 8 beacon x")
      w.routing:tell(source, { to = "~x", kind = "pong", rest = "y" })
      assert.equal(n - 1, #w.got)
      assert.equal(n - 1, #w.channel.sent)
    end
    assert.same({ "permission", "permission" }, w.refused)
    assert.same({ { what = "/ip4/10.9.9.9", dropped = 1, kept = 1, age_ms = 0 } }, w.routing.block:rows())
  end)

  it("tells who has lines passed on what is left of that, by the line that he sent", function()
    local w = world()
    w.proved = true
    local source = stub.source(w.channel, "10.9.9.9")
    local line = { to = "/dswarm/12D3you/control", kind = "call", rest = "x", from = "~label" }
    w.routing.answers:budget(source, line, "5 7")
    line.from = "-"
    w.routing.answers:budget(source, line, "5 7")
    local ref = core_text.base64url(hash.blake2b "call x":sub(1, 8))
    assert.same({ ("~label - 8 budget %s 5 7"):format(ref) }, w.channel.sent)
  end)

  it("says on a medium that a line goes no further only where that names this node", function()
    local w = world()
    w.proved = true
    w.routing.answers.key = { sign = function() return ("s"):rep(86) end }
    local source = stub.source(w.channel, "10.9.9.9", { broadcast = true })
    for _, to in ipairs { "/dswarm/*/nothing", "/dswarm/12D3you/nothing", "/ip4/10.0.0.1/udp/1/dswarm-line/dswarm/x/y",
      "/dswarm/12D3mer/nothing" } do
      w.routing:frame(source, frame.read(to .. " ~label 8 call x"))
      assert.same({}, w.channel.sent, to)
    end
    w.routing:frame(source, frame.read "/dswarm/12D3me/nothing ~label 8 call x")
    assert.matches("^~label %- 8 unreachable s+ [%w_-]+ address 12D3me$", w.channel.sent[1])
    w.routing:frame(source, frame.read "/dswarm/12D3me/nothing - 8 call x")
    assert.equal(1, #w.channel.sent)
  end)

  it("blames nobody for what all hear that is said to one, and keeps nothing of it", function()
    local w = world()
    local heard
    function w.comms.overhear(_, message) heard = message end
    local source = stub.source(w.channel, "10.9.9.9", { broadcast = true })
    local message = frame.read "/dswarm/12D3you/brain - 8 statements\nx"
    assert.equal(1, #message.list:text())
    assert.is_true(w.routing:frame(source, message))
    assert.equal(message, heard)
    assert.same({}, w.refused)
    assert.has_error(function() message.list:text() end)
  end)

  it("answers an unproved datagram with no more than three times its size, and nobody who is -", function()
    local w = world()
    local source = stub.source(w.channel, "10.9.9.9", { received = 40 })
    local from = "/dswarm/12D3you/brain"
    w.routing:frame(source, frame.read(("* %s 8 ping x"):format(from)))
    local head = #("%s - 8 pong "):format(from)
    assert.is_true(w.reply { kind = "pong", rest = ("y"):rep(120 - head) })
    assert.is_nil((w.reply { kind = "pong", rest = "y" }))
    w.routing:frame(source, frame.read(("* %s 8 ping x"):format(from)))
    assert.equal("unproved", select(3, w.reply { kind = "pong", rest = ("y"):rep(121 - head) }))
    w.proved = true
    w.routing:frame(source, frame.read(("* %s 8 ping x"):format(from)))
    assert.is_true(w.reply { kind = "pong", rest = ("y"):rep(500) })
    w.routing:frame(source, frame.read "* - 8 ping x")
    assert.equal("address", select(3, w.reply { kind = "pong", rest = "y" }))
  end)
end)
