-- net_spec.lua - core.net on real sockets of the loopback interface.
local net = require "core.net"
local uv = require "luv"

-- Asks until there is an answer: what the loop does in a daemon.
local function soon(ask)
  for _ = 1, 10000 do
    local a, b, c, d, e = ask()
    if a ~= nil or (c ~= "EAGAIN" and c ~= "EINPROGRESS") then return a, b, c, d, e end
    uv.sleep(1)
  end
  error "nothing came"
end

local function folder()
  local path = os.tmpname()
  os.remove(path)
  assert(uv.fs_mkdir(path, 448))
  return path
end

describe("UDP", function()
  local a, b
  before_each(function()
    a = assert(net.udp { host = "127.0.0.1", broadcast = true })
    b = assert(net.udp { host = "127.0.0.1" })
  end)
  after_each(function() a:close() b:close() end)

  it("says who sent, and that it was for us alone", function()
    assert.is_true(a:send("hello", "127.0.0.1", b:port()))
    local bytes, host, port, broadcast, index = soon(function() return b:receive() end)
    assert.same({ "hello", "127.0.0.1", a:port(), false }, { bytes, host, port, broadcast })
    assert.is_true(index > 0)
    local none, _, word = b:receive()
    assert.same({ nil, "EAGAIN" }, { none, word })
  end)

  it("lets several sockets of a port hear one broadcast, once each, and knows it for one", function()
    local first = assert(net.udp { host = "0.0.0.0", shared = true, broadcast = true })
    local second = assert(net.udp { host = "0.0.0.0", port = first:port(), shared = true, broadcast = true })
    local lo
    for _, one in ipairs(net.interfaces()) do if one.name == "lo" and one.family == 4 then lo = one end end
    assert.is_true(a:send("all", lo.broadcast, first:port(), lo.index))
    for _, socket in ipairs { first, second } do
      local bytes, host, port, broadcast, index = soon(function() return socket:receive() end)
      assert.same({ "all", "127.0.0.1", a:port(), true, lo.index }, { bytes, host, port, broadcast, index })
      assert.is_nil((socket:receive()))
    end
    first:close() second:close()
  end)

  it("does not share a port that was not opened for sharing", function()
    local none, message, word = net.udp { host = "127.0.0.1", port = a:port(), shared = true }
    assert.same({ nil, "EADDRINUSE" }, { none, word })
    assert.matches("udp 127.0.0.1 port " .. a:port(), message, 1, true)
  end)

  it("refuses what is longer than a frame, and hears the next", function()
    a:send(("x"):rep(1201), "127.0.0.1", b:port())
    a:send(("y"):rep(1200), "127.0.0.1", b:port())
    local none, _, word = soon(function() return b:receive() end)
    assert.same({ nil, "long" }, { none, word })
    assert.equal(("y"):rep(1200), (soon(function() return b:receive() end)))
  end)

  it("hands an empty datagram on, and counts what the kernel dropped", function()
    a:send("", "127.0.0.1", b:port())
    assert.equal("", (soon(function() return b:receive() end)))
    for _ = 1, 3000 do a:send(("z"):rep(1000), "127.0.0.1", b:port()) end
    local heard = 0
    while b:receive() do heard = heard + 1 end
    assert.is_true(heard > 10 and heard < 3000)
    a:send("after", "127.0.0.1", b:port())
    assert.equal("after", (soon(function() return b:receive() end)))
    assert.equal(3000 - heard, b:drops())
  end)

  it("returns words for the world's faults and throws for the caller's", function()
    assert.equal("address", select(3, a:send("x", "::1", 5)))
    assert.equal("address", select(3, a:send("x", "1.2.3.04", 5)))
    assert.equal("address", select(3, net.udp { host = "localhost" }))
    assert.equal("EADDRNOTAVAIL", select(3, net.udp { host = "203.0.113.77" }))
    assert.equal("EACCES", select(3, b:send("no leave", "127.255.255.255", 9)))
    assert.has_error(function() a:send("x", "127.0.0.1", 70000) end)
    assert.has_error(function() net.udp { port = -1 } end)
    a:close() a:close()
    assert.has_error(function() a:send("x", "127.0.0.1", 5) end)
  end)

  it("speaks IPv6 where the machine does", function()
    local six = net.udp { host = "::1" }
    if not six then return pending "no IPv6 here" end
    local other = assert(net.udp { host = "::1" })
    assert.is_true(six:send("hi", "::1", other:port()))
    local bytes, host, port, broadcast = soon(function() return other:receive() end)
    assert.same({ "hi", "::1", six:port(), false }, { bytes, host, port, broadcast })
    six:close() other:close()
  end)
end)

describe("TCP", function()
  local listener, client, server
  before_each(function()
    listener = assert(net.listen { host = "127.0.0.1" })
    client = assert(net.connect { host = "127.0.0.1", port = listener:port() })
    server = assert(soon(function() return listener:accept() end))
    assert.is_true(soon(function() return client:finished() end))
  end)
  after_each(function() client:close() server:close() listener:close() end)

  it("carries bytes both ways and says when the other side ended", function()
    assert.equal(5, client:send("hello"))
    assert.equal("hel", soon(function() return server:receive(3) end))
    assert.equal("lo", soon(function() return server:receive(65536) end))
    assert.equal(2, server:send("abcd", 3))
    assert.equal("cd", soon(function() return client:receive(9) end))
    assert.equal("EAGAIN", select(3, client:receive(9)))
    assert.same({ "127.0.0.1", listener:port() }, { client:peer() })
    client:close()
    assert.equal("", soon(function() return server:receive(9) end))
  end)

  it("takes no more than fits, and says so", function()
    local block, taken, word = ("x"):rep(65536), 0, nil
    for _ = 1, 1000 do
      local n
      n, _, word = client:send(block)
      if not n then break end
      taken = taken + n
    end
    assert.equal("EAGAIN", word)
    local heard = 0
    while heard < taken do heard = heard + #soon(function() return server:receive(65536) end) end
    assert.equal(taken, heard)
  end)

  it("tells a refused connection, a taken port and a vanished reader", function()
    local port = listener:port()
    assert.equal("EADDRINUSE", select(3, net.listen { host = "127.0.0.1", port = port }))
    listener:close()
    local refused, _, word = net.connect { host = "127.0.0.1", port = port }
    if refused then _, _, word = soon(function() return refused:finished() end) end
    assert.equal("ECONNREFUSED", word)
    server:close()
    for _ = 1, 1000 do -- until its kernel has said that nobody reads
      if not client:send "x" then break end
      uv.sleep(1)
    end
    assert.is_nil((client:send "x"))
  end)

  it("has bbr where the kernel has it, and no made-up one", function()
    assert.is_false(client:congestion "nosuch")
    assert.is_boolean(client:congestion "bbr")
  end)

  it("refuses the caller's mistakes loudly", function()
    assert.has_error(function() client:receive(0) end)
    assert.has_error(function() client:receive(65537) end)
    assert.has_error(function() client:send("abc", 5) end)
    assert.has_error(function() net.connect { port = 65536 } end)
    client:close() client:close()
    assert.has_error(function() client:fd() end)
  end)
end)

describe("Unix sockets", function()
  local dir
  before_each(function() dir = folder() end)
  after_each(function() os.remove(dir .. "/s") os.remove(dir) end)

  it("say who connected, are 0600 from the start, and go with their listener", function()
    local listener = assert(net.unix_listen(dir .. "/s"))
    assert.equal(384, uv.fs_stat(dir .. "/s").mode & 511)
    local client = assert(net.unix_connect(dir .. "/s"))
    local server = assert(listener:accept())
    assert.same({ uv.getuid(), uv.getpid() }, { server:credentials() })
    assert.equal(2, client:send "hi")
    assert.equal("hi", server:receive(10))
    assert.equal("EADDRINUSE", select(3, net.unix_listen(dir .. "/s")))
    client:close() server:close() listener:close() listener:close()
    assert.is_nil(uv.fs_stat(dir .. "/s"))
    assert.equal("ENOENT", select(3, net.unix_connect(dir .. "/s")))
  end)

  it("take over a path that a dead process left, but no other file", function()
    local made = uv.new_pipe(false)
    assert(made:bind(dir .. "/s"))
    local socket = assert(uv.fs_stat(dir .. "/s"))
    assert.equal("socket", socket.type)
    os.rename(dir .. "/s", dir .. "/kept") -- luv removes the path that it knows
    made:close()
    uv.run "nowait"
    os.rename(dir .. "/kept", dir .. "/s")
    assert(net.unix_listen(dir .. "/s", 432)):close()
    local file = assert(io.open(dir .. "/s", "w"))
    file:write "precious" file:close()
    assert.equal("EADDRINUSE", select(3, net.unix_listen(dir .. "/s")))
    assert.equal(8, uv.fs_stat(dir .. "/s").size)
  end)

  it("do not remove the path of a listener that came after", function()
    local old = assert(net.unix_listen(dir .. "/s"))
    os.remove(dir .. "/s")
    local new = assert(net.unix_listen(dir .. "/s"))
    old:close()
    assert.is_truthy(uv.fs_stat(dir .. "/s"))
    new:close()
  end)

  it("refuse a path that does not fit", function()
    assert.equal("ENAMETOOLONG", select(3, net.unix_listen("/" .. ("x"):rep(107))))
    assert.equal("ENOENT", select(3, net.unix_listen("/nowhere/" .. ("x"):rep(98))))
    assert.equal("EINVAL", select(3, net.unix_connect ""))
  end)
end)

describe("poller", function()
  it("says which of many are ready, and no more of one that was taken out", function()
    local poller = assert(net.poller())
    local a, b = assert(net.udp { host = "127.0.0.1" }), assert(net.udp { host = "127.0.0.1" })
    assert.is_true(poller:set(a:fd(), "r", 7))
    assert.is_true(poller:set(b:fd(), "rw", 8))
    assert.same({ 8, 2 }, poller:ready())
    a:send("x", "127.0.0.1", a:port())
    assert.is_true(poller:set(b:fd(), "r", 8))
    assert.same({ 7, 1 }, poller:ready())
    assert.is_true(poller:set(a:fd(), "", 7))
    assert.same({}, poller:ready())
    assert.equal("ENOENT", select(3, poller:set(a:fd(), "", 7)))
    assert.equal("EBADF", select(3, poller:set(9999, "r", 1)))
    poller:close() poller:close()
    assert.has_error(function() poller:ready() end)
    a:close() b:close()
  end)
end)

describe("interfaces", function()
  it("takes no longer for each address where there are many", function()
    local function cost(addresses)
      local pipe = io.popen(([[unshare -Urn sh -c 'ip link set lo up; for i in $(seq %d); do
        printf "addr add 2001:db8::%%x/64 dev lo nodad\n" $i; done | ip -batch - && exec %s spec/core/interfaces.lua']])
        :format(addresses, os.getenv "LUA" or "lua5.4"))
      local found, us = pipe:read("n", "n")
      pipe:close()
      return found == addresses + 2 and us / found or nil
    end
    local few, many = cost(20), cost(250)
    if not (few and many) then return pending "no namespace of one's own here" end
    print(("  %.0f µs for each address, %.0f µs where there are many"):format(few, many))
    assert.is_true(many < 4 * few)
  end)

  it("are sorted, and loopback is among them with its broadcast address", function()
    local list, lo, previous = net.interfaces(), nil, ""
    for _, one in ipairs(list) do
      assert.is_true(previous <= one.name)
      previous = one.name
      if one.host == "127.0.0.1" then lo = one end
    end
    assert.same({ "lo", "127.255.255.255", true, true, 4, 8 },
      { lo.name, lo.broadcast, lo.loopback, lo.up, lo.family, lo.prefix })
  end)

  it("know which hosts are this machine", function()
    for _, one in ipairs(net.interfaces()) do assert.is_true(net.is_own(one.host), one.host) end
    assert.is_true(net.is_own "127.9.9.9")
    for _, way in ipairs { "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0" } do
      assert.is_true(net.is_own(way), way .. " leads here, too")
    end
    assert.is_true(net.is_own "::1")
    for _, other in ipairs { "203.0.113.77", "2001:db8::1", "no address", "", "127.1" } do
      assert.is_false(net.is_own(other))
    end
  end)

  it("know which hosts are in a network of theirs", function()
    for _, one in ipairs(net.interfaces()) do
      if one.up then assert.is_true(net.is_near(one.host), one.host) end
    end
    assert.is_true(net.is_near "127.9.9.9")
    assert.is_true(net.is_near "::1")
    for _, other in ipairs { "203.0.113.77", "2001:db8::1", "no address", "", "127.1" } do
      assert.is_false(net.is_near(other))
    end
  end)
end)
