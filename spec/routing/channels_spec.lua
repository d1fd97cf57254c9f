-- channels_spec.lua - channels opened, closed and left alone by address, on real sockets and with kinds made up.
local channels = require "routing.channels"
local free_port = require("spec.loopback").free_port
local instead = require "spec.routing.instead"
local made_up = require "spec.routing.made_up"
local net = require "core.net"
local random = require "core.random"
local stub = require "spec.net.stub"
local till = require "spec.net.till"

local room = made_up.room

describe("channels that the policy names", function()
  local set, put_back, opened, closed
  setup(function() put_back = instead("irc", "spec.routing.made_up") end)
  teardown(function() put_back() end)
  before_each(function()
    local locked
    opened, closed, locked = made_up.forget()
    locked["#locked"] = true
    local loop = require "sim.loop".new()
    set = channels.new { loop = loop, net = net, random = random.seeded(1), log = till.log(), add = function() end }
    assert.is_true(set:apply { room "a", room "b" })
  end)

  local function rooms()
    local list = {}
    for i, row in ipairs(set:status()) do list[i] = row.address:match "#(%w+)" end
    return table.concat(list, " ")
  end

  it("are opened once each, in order", function()
    assert.same({ { "#a", "#b" }, {}, "a b" }, { opened, closed, rooms() })
    assert.is_true(set:apply { room "a", room "a", room "b" })
    assert.same({ { "#a", "#b" }, {}, "a b" }, { opened, closed, rooms() })
  end)

  it("are closed, opened and left alone by address", function()
    local b = set:at(room "b".address)
    assert.is_true(set:apply { room "c", room "b" })
    assert.same({ { "#a", "#b", "#c" }, { "#a" }, "c b" }, { opened, closed, rooms() })
    assert.equal(b, set:at(room "b".address))
    assert.is_nil(set:at(room "a".address))
    assert.is_true(set:apply {})
    assert.same({ { "#a", "#c", "#b" }, "" }, { closed, rooms() })
  end)

  it("are opened anew where their budget changed", function()
    local b = set:at(room "b".address)
    assert.is_true(set:apply { room "a", room("b", { budget = 60 }) })
    assert.same({ { "#a", "#b", "#b" }, { "#b" } }, { opened, closed })
    assert.is_true(b ~= set:at(room "b".address))
    assert.equal(60, set:at(room "b".address).options.budget)
  end)

  it("stay as they were, all of them, where one cannot be opened: it is named with its address", function()
    local ok, text, code = set:apply { room "b", room "d", room "locked" }
    assert.same({ nil, "permission" }, { ok, code })
    assert.equal("routing.channels[3]: " .. room "locked".address .. ": permission: the door is locked", text)
    assert.same({ { "#a", "#b", "#d" }, { "#d" }, "a b" }, { opened, closed, rooms() })
    assert.is_true(set:apply { room "a", room "b" })
    assert.same({ "#a", "#b", "#d" }, opened, "the old ones are still those")
  end)

  it("stay as they were where one is none of ours, and nothing was opened for it", function()
    for _, address in ipairs { "/ip4/1.2.3.4/dswarm-line", "/ip4/1.2.3.4/udp/1", "/dns6/a/udp/1/dswarm-line",
      "/ip4/1.2.3.4/tcp/1/udp/1/dswarm-line", "nonsense", "/ipfs-pubsub/topic/udp/1/dswarm-line" } do
      local ok, text, code = set:apply { room "d", { address = address } }
      assert.same({ nil, "address" }, { ok, code }, address)
      assert.matches("^routing%.channels%[2%]: ", text)
    end
    assert.same({ { "#a", "#b" }, {}, "a b" }, { opened, closed, rooms() })
  end)
end)

describe("a connection that the policy names", function()
  local kept_link = require "routing.channels.kept_link"

  -- Dials within MINUTES where each connection ends after LASTS ms (nil: each fails with CODE) and FRAMES that came.
  local function dials(minutes, lasts, code, frames)
    local loop, n = require "sim.loop".new(), 0
    local fake = { drop = function() end, dial = function(_, _, _, done)
      n = n + 1
      loop:after(5, function()
        code = code or "ETIMEDOUT"
        if lasts then done { heard = { frames = frames or 0 } } else done(nil, code .. ": nobody", code) end
      end)
    end }
    local one = kept_link.new { loop = loop, random = random.seeded(4), log = till.log(), links = fake, port = 9,
      address = "/ip4/10.9.9.9/tcp/9/dswarm-line", host = "10.9.9.9", add = function(_, options)
        loop:after(lasts, function() options.gone "closed: by the other side" end)
        return {}
      end }
    loop:run_until(minutes * 60 * 1000)
    one:close()
    loop:run_until((minutes + 60) * 60 * 1000)
    return n
  end

  it("is tried again more and more rarely, also where each ends at once, and soon where it lasted", function()
    for _, lasts in ipairs { false, 10 } do
      local n = dials(60, lasts or nil)
      assert.is_true(n >= 60 and n <= 110, n)
    end
    local n = dials(60, 60 * 1000)
    assert.is_true(n >= 58 and n <= 61, n)
  end)

  it("is tried within seconds where the other side spoke and it was cut soon", function()
    local n = dials(60, 3000, nil, 1)
    assert.is_true(n >= 320 and n <= 520, n) -- each 3 s, then 4 to 8
    assert.is_true(dials(60, 3000, nil, 0) <= 110)
  end)

  it("is tried rarely where a person has to mend something", function()
    local n = dials(60, nil, "certificate")
    assert.is_true(n >= 6 and n <= 9, n)
  end)
end)

describe("channels on sockets", function()
  local L, made, names

  before_each(function() L, made, names = till.loop(), {}, {} end)
  after_each(function()
    for _, set in ipairs(made) do set:stop() end
    L:close()
  end)

  -- Channels of one node; its links and sockets, as they come, are in `added`.
  local function node()
    local added = {}
    local set = channels.new { loop = L, net = net, random = random.seeded(#made + 1), log = till.log(),
      resolve = function(name, _, done)
        if names[name] ~= nil then L:post(function() done(nil, names[name] or nil) end) end
      end, -- else it never answers
      dial_through = require "core.http".dial,
      add = function(one, options)
        table.insert(added, one)
        return stub.open(one, { on_down = function(_, reason)
          if one.closed and options.gone then options.gone(reason) end
        end })
      end }
    made[#made + 1] = set
    return set, added
  end

  local function tcp(host, port) return { address = ("/ip4/%s/tcp/%d/dswarm-line"):format(host, port) } end

  local function udp(host) return { address = ("/ip4/%s/udp/%d/dswarm-line"):format(host, free_port()) } end

  local function fds()
    local n, pipe = 0, io.popen "ls /proc/$PPID/fd"
    for _ in pipe:lines() do n = n + 1 end
    pipe:close()
    return n
  end

  it("that were closed are forgotten, also behind one that stays", function()
    local set, ports = node(), { free_port(), free_port(), free_port() }
    for i = 1, 20 do
      assert.is_true(set:apply { tcp("127.0.0.1", ports[1]), tcp("127.0.0.1", ports[2 + i % 2]) })
    end
    assert.is_true(#set.kinds.tcp.listeners <= 3, #set.kinds.tcp.listeners .. " listeners are remembered")
    assert.equal(ports[1], set:port())
  end)

  it("keep their connections while others come and go", function()
    local server, accepted = node()
    local port, other = free_port(), free_port()
    assert.is_true(server:apply { tcp("127.0.0.1", port) })
    assert.equal(port, server:port())
    local robot, dialled = node()
    robot.kinds.tcp.given.net = setmetatable({ is_own = function() return false end }, { __index = net }) -- it dials
    assert.is_true(robot:apply { tcp("127.0.0.1", port) })
    till.holds(L, function() return accepted[1] and robot:status()[1].state == "up" end)
    assert.is_true(robot:apply { udp("127.0.0.1"), tcp("127.0.0.1", port) })
    assert.is_true(server:apply { tcp("127.0.0.1", port), tcp("127.0.0.1", other) })
    till.passed(L, 30)
    assert.same({ "udp", "tcp" }, { robot:status()[1].kind, robot:status()[2].kind })
    assert.same({ nil, nil, "up" }, { accepted[1].closed, dialled[1].closed, robot:status()[2].state })
    assert.is_true(robot:apply {})
    till.holds(L, function() return accepted[1].closed and dialled[1].closed and dialled[2].closed end)
    assert.is_true(server:apply { tcp("127.0.0.1", other) })
    assert.equal(other, server:port())
    assert.equal(1, #server:status())
  end)

  it("whose name leads to ourselves, or to nobody, say so", function()
    local one, added = node()
    local port, elsewhere = free_port(), free_port()
    names["me.example"], names["none.example"] = "127.0.0.1", false
    local function dns(name, at) return { address = ("/dns4/%s/tcp/%d/dswarm-line"):format(name, at) } end
    assert.is_true(one:apply { tcp("0.0.0.0", port), dns("me.example", port), dns("none.example", port),
      dns("me.example", elsewhere) })
    till.holds(L, function()
      local rows, n = one:status(), 0
      for i = 2, 4 do n = n + (rows[i].reason ~= "connecting" and 1 or 0) end
      return n == 3
    end)
    local rows = one:status()
    assert.matches("^address: me%.example is this node itself, /ip4/127%.0%.0%.1/tcp/%d+/dswarm%-line$", rows[2].reason)
    assert.matches("take it out", rows[2].cure)
    assert.matches("^address: none%.example has no IPv%d address", rows[3].reason)
    assert.matches("getent hosts none%.example$", rows[3].cure)
    assert.matches("^ECONNREFUSED", rows[4].reason) -- another program of this machine is not ourselves
    for i = 2, 4 do
      assert.equal("waiting", rows[i].state)
      assert.is_true(rows[i].refused[rows[i].reason:match "^%w+"] >= 1)
    end
    for _, link in ipairs(added) do assert.is_false(link.dialled == true, "a link with ourselves was taken in") end
  end)

  it("take over a port from one that goes, rather than choose another", function()
    local one = node()
    local port = free_port()
    assert.is_true(one:apply { tcp("0.0.0.0", port) })
    assert.is_true(one:apply { tcp("127.0.0.1", port) })
    till.holds(L, function() return one:status()[1].state == "up" end)
    assert.same({ port, 1 }, { one:port(), #one:status() })
  end)

  it("leave no socket behind", function()
    local one, before = node(), nil
    for _ = 1, 3 do -- the first time the loop opens what it keeps
      assert.is_true(one:apply { tcp("127.0.0.1", free_port()), udp("127.0.0.1"), tcp("10.255.255.1", 9),
        { address = "/dns4/nowhere.invalid/tcp/9/dswarm-line" } })
      till.passed(L, 10)
      local busy = fds()
      assert.is_true(one:apply {})
      till.passed(L, 10)
      assert.is_true(fds() < busy)
      before = before or fds()
      till.holds(L, function() return fds() <= before end) -- what was left to the collector may go, too
    end
  end)

  it("have a gateway only where they are checkpoints, and checkpoints are read only where there is content", function()
    local cid = require "core.cid".make("dag-pb", ("x"):rep(32))
    local gateway = "http://192.168.1.20:3826"
    local _, text, code = channels.read { address = "/ip4/0.0.0.0/tcp/1/dswarm-line", gateway = gateway }
    assert.same({ "address", true }, { code, text:find("a gateway is only for checkpoints", 1, true) ~= nil })
    local options = channels.read { address = ("/ipfs/%s/dswarm-line"):format(cid), gateway = gateway }
    assert.same({ "ipfs", cid, gateway }, { options and options.scheme, options and options.cid, options.gateway })
    local other = channels.read { address = ("/ipfs/%s/dswarm-line"):format(cid) }
    assert.not_equal(options.key, other.key)
    local alone = channels.new { loop = require "sim.loop".new(), net = net, random = random.seeded(1),
      log = till.log(), add = function() end }
    _, text, code = alone:apply { { address = ("/ipfs/%s/dswarm-line"):format(cid) } }
    assert.same({ "kind", true }, { code, text:find("there are no checkpoints here", 1, true) ~= nil })
  end)
end)
