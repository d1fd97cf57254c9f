-- udp_spec.lua - the UDP channel on real sockets of the loopback interface, and on interfaces made up.
local net = require "core.net"
local random = require "core.random"
local stub = require "spec.net.stub"
local till = require "spec.net.till"
local udp = require "routing.channels.udp"
local budget = require "routing.channels.budget"

describe("budget", function()
  it("gives a burst, then the rate, and counts what is heard", function()
    local now = 0
    local b = budget.new { now = function() return now end, rate = 1000, burst = 2000, least = 100 }
    assert.equal(2000, b:available())
    assert.is_true(b:spend(1500))
    b:heard(10000)
    assert.equal(200, b:available()) -- the reserve that nobody takes from us
    assert.is_true(b:spend(200))
    assert.is_false(b:spend(1))
    assert.equal(100, b:wait(100))
    now = 99
    assert.is_false(b:spend(100))
    now = 100
    assert.is_true(b:spend(100))
    now = 10000000
    assert.equal(2000, b:available())
  end)

  it("lets a node speak under a flood, and less than the rate in all", function()
    local now, r = 0, random.seeded(3)
    local b = budget.new { now = function() return now end, rate = 16384, burst = 32768, least = 1200 }
    local said = 0
    for _ = 1, 20000 do
      now = now + 1 + r:integer(9)
      b:heard(1200)
      local size = 1 + r:integer(1200)
      if b:spend(size) then said = said + size end
    end
    local seconds = now // 1000
    assert.is_true(said > 900 * seconds, "silenced: " .. said // seconds)
    assert.is_true(said < 1100 * seconds + 32768, "too loud: " .. said // seconds)
  end)
end)

describe("UDP channel", function()
  local L, log, made
  before_each(function()
    L, log, made = till.loop(), till.log(), {}
  end)
  after_each(function()
    for _, channel in ipairs(made) do channel:close() end
    L:close()
  end)

  local function channel(options)
    local given = { loop = L, net = net, random = random.seeded(1), log = log, host = "127.0.0.1", port = 0 }
    for key, value in pairs(options or {}) do given[key] = value end
    local c = udp.new(given)
    c.got, c.port, c.listens = {}, c:status().port, c:status().listens
    stub.open(c, { on_frame = function(_, source, message)
      c.got[#c.got + 1] = { source = source, text = stub.text(message) }
    end })
    made[#made + 1] = c
    return c
  end

  it("broadcasts to every daemon of the machine but itself, and answers find their daemon", function()
    local a = channel()
    local b, c = channel { port = a.listens }, channel { port = a.listens }
    assert.is_true(a:send(stub.message "* - 0 beacon one"))
    till.holds(L, function() return #b.got == 1 and #c.got == 1 end)
    local source = b.got[1].source
    assert.same({ "127.0.0.1", a.port, true, true, 16, "udp 127.0.0.1:" .. a.port },
      { source.host, source.port, source.broadcast, source.own, source.received, source.id })
    assert.equal(("/ip4/127.0.0.1/udp/%d/dswarm-line"):format(a.port), source.address)
    assert.equal(b, source.channel)
    assert.is_true(b:send(stub.message "* - 0 pong two", source))
    till.holds(L, function() return #a.got == 1 end)
    assert.same({ "* - 0 pong two", false }, { a.got[1].text, a.got[1].source.broadcast })
    till.passed(L, 10)
    assert.same({ 1, 1, 1 }, { #a.got, #b.got, #c.got })
    local status = a:status()
    assert.same({ frames = 1, bytes = 16, beacons = 1 }, status.sent)
    assert.same({ frames = 1, bytes = 14, beacons = 0 }, status.heard)
    assert.same({ "up", 1, "lo", 1 },
      { status.state, status.heard_own, status.interfaces[1].name, status.interfaces[1].sent })
  end)

  it("keeps to its size and its form both ways, counted, and throws at nothing", function()
    local a = channel()
    local b = channel { port = a.listens }
    assert.equal("long", select(3, a:send(stub.message(("x"):rep(1201)))))
    assert.equal("form", select(3, a:send(stub.message "")))
    assert.equal("form", select(3, a:send(stub.message "bell \7")))
    local raw, r = assert(net.udp { host = "127.0.0.1" }), random.seeded(7)
    raw:send(("y"):rep(1300), "127.0.0.1", b.port)
    raw:send("", "127.0.0.1", b.port)
    for _ = 1, 40 do raw:send("\0" .. r:bytes(1 + r:integer(1100)), "127.0.0.1", b.port) end
    raw:send("the end\n", "127.0.0.1", b.port)
    till.holds(L, function() return #b.got == 1 end)
    assert.equal("the end", b.got[1].text)
    assert.same({ long = 1, form = 41 }, b:status().refused)
    assert.same({ long = 1, form = 2 }, a:status().refused)
    raw:close()
  end)

  it("drains a flood in parts, so that timers go on", function()
    local a = channel()
    local raw, beats = assert(net.udp { host = "127.0.0.1" }), 0
    for i = 1, 90 do raw:send("n " .. i, "127.0.0.1", a.port) end
    a.owner.on_frame = function(_, _, message)
      local text = stub.text(message)
      if text == "n 64" then L:post(function() beats = #a.got end) end
      a.got[#a.got + 1] = text
    end
    till.holds(L, function() return #a.got == 90 end)
    assert.equal(64, beats)
    raw:close()
  end)

  it("refuses what is over the budget, and calls when there is room again", function()
    local a, rooms = channel { budget = 60000 }, 0
    a.owner.on_room = function(one) assert(one == a) rooms = rooms + 1 end
    local message, went, word = stub.message("* - 0 x " .. ("z"):rep(1100)), 0, nil
    local began = L:now()
    function L.now() return began end -- nothing comes back while it is spent
    for _ = 1, 200 do
      local could
      could, _, word = a:send(message)
      if not could then break end
      went = went + 1
    end
    assert.equal("budget", word)
    assert.is_true(went >= 100 and went < 120, went)
    assert.is_true(a:budget() < 1200)
    L.now = nil
    till.holds(L, function() return rooms == 1 end)
    assert.is_true(a:budget() >= 1200)
    assert.is_true(a:send(message))
    assert.equal(1, a:status().refused.budget)
  end)

  it("tells when it is up, uses an interface that appears, and tells when none is left", function()
    local lo
    for _, one in ipairs(net.interfaces()) do if one.host == "127.0.0.1" then lo = one end end
    local list = {}
    local fake = { udp = net.udp, interfaces = function() return list end }
    local a = channel { net = fake, look_ms = 5 }
    local notes = {}
    a.owner.on_up = function() notes[#notes + 1] = "up" end
    a.owner.on_down = function(_, reason) notes[#notes + 1] = reason end
    till.passed(L, 20)
    assert.same({}, notes)
    assert.same({ 0, "waiting" }, { a:budget(), a:status().state })
    assert.equal("ENETDOWN", select(3, a:send(stub.message "* - 0 x")))
    list = { lo }
    till.holds(L, function() return notes[1] == "up" end)
    assert.is_true(a:send(stub.message "* - 0 x"))
    assert.truthy(log:has "interface up  channel=udp host=127.0.0.1 interface=lo")
    list = { { name = "six", index = 9, host = "fe80::1", family = 6, up = true, prefix = 64 },
      { name = "off", index = 10, host = "10.0.0.1", broadcast = "10.0.0.255", family = 4, up = false } }
    till.holds(L, function() return notes[2] ~= nil end)
    assert.same({ "up", "no interface with a broadcast address" }, notes)
    assert.truthy(log:has "interface down")
    a:close()
    a:close()
    assert.same({ "closed: here" }, { table.unpack(notes, 3) })
    assert.equal("closed", select(3, a:send(stub.message "* - 0 x")))
  end)

  it("sends by each interface once, whatever number of addresses it has", function()
    local sent = {}
    local socket = {
      fd = function() return 0 end, port = function() return 3825 end, drops = function() return 0 end,
      close = function() end, receive = function() return nil, "EAGAIN: not now", "EAGAIN" end,
      send = function(_, _, host, port, index)
        sent[#sent + 1] = ("%s:%d %d"):format(host, port, index)
        if index == 3 then return nil, "ENETUNREACH: no", "ENETUNREACH" end
        return true
      end,
    }
    local function one(name, index, host, broadcast)
      return { name = name, index = index, host = host, broadcast = broadcast, family = 4, up = true, prefix = 24 }
    end
    local list = { one("eth0", 2, "10.0.0.5", "10.0.0.255"), one("eth0", 2, "10.0.0.6", "10.0.0.255"),
      one("usb0", 3, "10.1.0.5", "10.1.0.255"), one("wlan0", 4, "10.0.0.7", "10.0.0.255") }
    local function handle() return { cancel = function() end, close = function() end } end
    local virtual = {
      now = function() return 0 end, post = handle, after = handle, every = handle, watch = handle,
    }
    local c = udp.new { loop = virtual, log = log, random = random.seeded(1), port = 3825,
      net = { udp = function() return socket end, interfaces = function() return list end } }
    assert.is_true(c:send(stub.message "* - 0 x"))
    assert.same({ "10.0.0.255:3825 2", "10.1.0.255:3825 3", "10.0.0.255:3825 4" }, sent)
    c:close()
  end)

  it("tries a taken port again while its own socket works, and says which port", function()
    local other = assert(net.udp { host = "0.0.0.0" }) -- a program that does not share
    local port = other:port()
    local a = channel { port = port, retry_ms = 10 }
    local b = channel()
    local ups = 0
    a.owner.on_up = function() ups = ups + 1 end
    till.holds(L, function() return ups == 1 end)
    assert.same({ "waiting", false }, { a:status().state, a:status().listens or false })
    assert.matches("port in use .*udp 0.0.0.0 port " .. other:port(), log:has "port in use")
    assert.is_true(a:send(stub.message "* - 0 x", { host = "127.0.0.1", port = b.port }))
    till.holds(L, function() return #b.got == 1 end)
    other:close()
    till.holds(L, function() return ups == 2 end)
    assert.same({ "up", port }, { a:status().state, a:status().listens })
    assert.truthy(log:has "channel up")
    local lines = 0
    for _, line in ipairs(log.lines) do if line:find "port in use" then lines = lines + 1 end end
    assert.equal(1, lines)
  end)

  it("goes on after an error in on_frame, and stops in the midst of a drain when closed", function()
    local errors = 0
    L.on_error = function() errors = errors + 1 end
    local a = channel()
    local raw = assert(net.udp { host = "127.0.0.1" })
    a.owner.on_frame = function(_, _, message)
      local text = stub.text(message)
      if text == "bad" then error "on purpose" end
      a.got[#a.got + 1] = text
      if text == "close" then a:close() end
    end
    for _, text in ipairs { "bad", "good", "close", "never" } do raw:send(text, "127.0.0.1", a.port) end
    till.holds(L, function() return #a.got == 2 end)
    till.passed(L, 5)
    assert.same({ "good", "close" }, a.got)
    assert.equal(1, errors)
    raw:close()
  end)
end)

describe("interfaces", function()
  local interfaces = require "routing.channels.interfaces"

  local function address(name, host, prefix, broadcast, more)
    local one = { name = name, index = #name, host = host, prefix = prefix, broadcast = broadcast, up = true,
      family = host:find(":", 1, true) and 6 or 4 }
    for field, value in pairs(more or {}) do one[field] = value end
    return one
  end

  local function link(name, more)
    local one = { name = name, on = true, carrier = true, broadcast = true, member = false, loopback = false }
    for field, value in pairs(more or {}) do one[field] = value end
    return one
  end

  local function looked(addresses, links, host)
    local one = interfaces.new { net = { interfaces = function() return addresses end,
      links = function() return links end }, log = till.log(), host = host or "0.0.0.0" }
    one:check()
    return one
  end

  it("that are not used are named, each with what is the matter", function()
    local one = looked({ address("wlan0", "192.168.1.5", 24, "192.168.1.255"), address("usb0", "10.0.0.1", 32),
      address("ppp0", "10.9.9.9", 32), address("six0", "2001:db8::1", 64), address("new0", "fe80::1%new0", 64),
      address("eth0", "10.1.0.1", 24, "10.1.0.255", { up = false }) },
      { link "wlan0", link "usb0", link("ppp0", { broadcast = false }), link "six0", link "new0",
        link("eth0", { carrier = false }), link("off0", { on = false }), link("port0", { member = true }),
        link("tunl0", { on = false, broadcast = false }) })
    local found = {}
    for i, left_out in ipairs(one:unused()) do found[i] = left_out.name .. ": " .. left_out.reason end
    assert.same({ "eth0: no cable, or no Wi-Fi network joined", "new0: no IPv4 address: DHCP gave none yet",
      "off0: switched off", "ppp0: no broadcast: it joins two hosts only",
      "six0: IPv6 only: /ip6/::/udp/… speaks there",
      "usb0: no broadcast: its network is a /32" }, found)
    assert.same({}, looked({ address("wlan0", "192.168.1.5", 24, "192.168.1.255") }, { link "wlan0" }):unused())
  end)

  it("that take no frame are named, too, until they do", function()
    local one = looked({ address("wlan0", "192.168.1.5", 24, "192.168.1.255") }, { link "wlan0" })
    one.used[1].fault = "EPERM: Operation not permitted"
    one:check()
    assert.same({ { name = "wlan0", reason = "sending fails: EPERM: Operation not permitted" } }, one:unused())
    one.used[1].fault = nil
    assert.same({}, one:unused())
  end)

  it("of IPv6 have a group each, but tunnels and parts of a bridge; one may have no IPv4", function()
    local links = { link "eth0", link "six0", link("tun0", { broadcast = false }), link("port0", { member = true }),
      link("lo", { loopback = true }) }
    local list = { address("eth0", "192.168.1.5", 24, "192.168.1.255"), address("eth0", "fe80::5%eth0", 64),
      address("eth0", "2001:db8::5", 64), address("lo", "::1", 128, nil, { loopback = true }),
      address("port0", "fe80::7%port0", 64), address("tun0", "fe80::8%tun0", 64) }
    local one = looked(list, links, "::")
    assert.same({ { "eth0", "fe80::5%eth0", "ff12::6473:7761:726d%eth0" } },
      { { one.used[1].name, one.used[1].host, one.used[1].broadcast } })
    assert.same({ 1, false }, { #one.used, one:alone() })
    list[#list + 1] = address("six0", "fe80::6%six0", 64, nil, { index = 77 })
    one = looked(list, links, "::")
    assert.same({ 2, true }, { #one.used, one:alone() })
    assert.is_true(one:near "fe80::99%six0" and one:near "2001:db8::77" and one:is_own "fe80::6%six0")
    assert.is_false(one:near "fe80::99%wlan0" or one:near "fe80::99" or one:near "2001:db9::1" or one:near "10.0.0.1")
  end)

  it("say who is near", function()
    local one = looked({ address("wlan0", "192.168.1.5", 24, "192.168.1.255"), address("usb0", "10.0.0.1", 32),
      address("eth0", "172.16.0.1", 12, nil, { up = false }) }, {})
    for host, near in pairs { ["192.168.1.77"] = true, ["192.168.2.1"] = false, ["10.0.0.1"] = true,
      ["10.0.0.2"] = false, ["172.16.0.2"] = false, ["fe80::1"] = false, ["8.8.8.8"] = false } do
      assert.equal(near, one:near(host), host)
    end
  end)
end)
