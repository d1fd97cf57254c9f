-- far_spec.lua - a connection that is dialled for a line: by an address or a name, and what waits until it is there.
require "spec.helper"
local far = require "routing.far"
local sim_loop = require "sim.loop"

describe("a line for a place that is dialled", function()
  local loop, one, dialled, sent, failed, names

  before_each(function()
    loop, dialled, sent, failed, names = sim_loop.new(), {}, {}, {}, {}
    local function dial(kind)
      return function(host, port, done, gone) table.insert(dialled, { kind, host, port, done = done, gone = gone }) end
    end
    local named = { dial_link = function(_, ...) dial "link"(...) end }
    one = far.new { loop = loop, resolve = function(name, family, done) names[name .. family] = done end,
      routing = { list = {}, named = named, comms = { dial = dial "dial" },
        send_to_all = function(_, channel, out)
          table.insert(sent, { channel, out })
          return true
        end,
        ways = { failed = function(_, key, code) table.insert(failed, { key, code }) end },
        forward = { another_way = function() end } } }
  end)

  local function channel() return { close = function(self) self.closed = true end } end

  local function way(head, by_policy)
    local found = assert(one:toward(head, "/dswarm/*/brain"))
    if by_policy then found.origin = "policy" end
    return found
  end

  it("goes as soon as it is connected, where nobody is to pass it on", function()
    assert.is_true(one:send(way "/ip4/192.0.2.7/tcp/3825/dswarm-line", { kind = "ping" }))
    assert.same({ "dial", "192.0.2.7", 3825 }, { table.unpack(dialled[1], 1, 3) })
    assert.same({}, sent)
    dialled[1].done(channel())
    assert.equal("ping", sent[1][2].kind)
  end)

  it("waits, by the policy's route, until the other end was shown who we are; then others go at once", function()
    local relay = way("/ip4/192.0.2.7/tcp/3825/dswarm-line", true)
    assert.is_true(one:send(relay, { kind = "call" }))
    assert.equal("link", dialled[1][1])
    local link = channel()
    dialled[1].done(link)
    one:send(relay, { kind = "ping" })
    loop:run_until(loop.time + 2000)
    assert.same({}, sent)
    link.shown()
    assert.same({ "call", "ping" }, { sent[1][2].kind, sent[2][2].kind })
    one:send(relay, { kind = "pong" })
    assert.equal("pong", sent[3][2].kind)
    assert.equal(1, #dialled)
  end)

  it("goes over the connection that is there, though the time of an earlier one to the same place is over", function()
    local place = "/ip4/192.0.2.7/tcp/3825/dswarm-line"
    one:send(way(place), { kind = "ping" })
    local old, new = channel(), channel()
    dialled[1].done(old)
    loop:run_until(loop.time + 60 * 1000)
    old.closed = true
    one:send(way(place), { kind = "ping" })
    dialled[2].done(new)
    loop:run_until(loop.time + 130 * 1000)
    one:send(way(place), { kind = "ping" })
    assert.same({ 2, 3 }, { #dialled, #sent })
  end)

  it("waits no longer than three seconds for one who never asks", function()
    one:send(way("/ip4/192.0.2.7/tcp/3825/dswarm-line", true), { kind = "call" })
    dialled[1].done(channel())
    loop:run_until(loop.time + 2900)
    assert.same({}, sent)
    loop:run_until(loop.time + 200)
    assert.equal(1, #sent)
    loop:run_until(loop.time + 10000)
    assert.equal(1, #sent)
  end)

  it("is judged by who listens there, also where somebody is connected there already; and goes over that", function()
    local address = "/ip4/192.0.2.7/tcp/3825/dswarm-line"
    local open = { address = address, traits = {} }
    one.routing.list = { open }
    local found = way(address)
    assert.same({ { "192.0.2.7", 3825, family = false }, open }, { found.dial, found.channel })
    open.entry = { address = address }
    found = way(address)
    assert.same({ "policy", open }, { found.origin, found.channel })
    assert.is_nil(found.dial)
  end)

  it("waits also where it is to go on from there, by a chain that it names", function()
    local found = assert(one:toward("/ip4/192.0.2.7/tcp/3825/dswarm-line", "/ip4/192.0.2.8/tcp/1/dswarm-line/x"))
    one:send(found, { kind = "call" })
    assert.equal("link", dialled[1][1])
    dialled[1].done(channel())
    assert.same({}, sent)
  end)

  it("looks a name up first, and fails where it has no address", function()
    local named = way("/dns4/swarm.lab.example/tcp/3825/dswarm-line", true)
    one:send(named, { kind = "call" })
    assert.same({}, dialled)
    names["swarm.lab.example4"](nil, "192.0.2.9")
    assert.same({ "link", "192.0.2.9", 3825 }, { table.unpack(dialled[1], 1, 3) })
    one:send(way("/dns6/swarm.lab.example/tcp/3825/dswarm-line", true), { kind = "call" })
    names["swarm.lab.example6"]("ENOENT", nil)
    assert.same({ { "dial swarm.lab.example by IPv6 3825", "address" } }, failed)
    assert.equal(1, #dialled)
  end)

  it("is refused where it would be no connection", function()
    for _, head in ipairs { "/ip4/192.0.2.7/udp/3825/dswarm-line", "/exec/x/dswarm-line",
      "/dns4/a.example/tcp/6667/irc/#c/dswarm-line" } do
      assert.equal("address", select(3, one:toward(head, "/dswarm/*/brain")))
    end
  end)
end)
