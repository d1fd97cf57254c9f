-- dialled_spec.lua - one connection to a place elsewhere, over the loopback interface: how it comes to be, or fails.
local dialled = require "routing.channels.dialled"
local net = require "core.net"
local till = require "spec.net.till"

describe("a dial", function()
  local L, listener, given, names

  before_each(function()
    L, names = till.loop(), {}
    listener = assert(net.listen { host = "127.0.0.1", port = 0 })
    given = { loop = L, net = net, resolve = function(name, family, done)
      L:post(function() done(table.unpack(names[name .. " " .. family] or {}, 1, 3)) end)
    end }
  end)
  after_each(function()
    listener:close()
    L:close()
  end)

  -- → what done was called with, once it was.
  local function dial(where)
    local answer
    where.port = where.port or listener:port()
    dialled.open(given, where, function(...)
      assert.is_nil(answer, "called twice")
      answer = table.pack(...)
    end)
    assert.is_nil(answer, "called at once")
    till.holds(L, function() return answer end)
    till.passed(L, 5)
    return table.unpack(answer, 1, answer.n)
  end

  it("brings a stream, and says to which address", function()
    names["here.example 4"] = { nil, "127.0.0.1" }
    for _, where in ipairs { { family = "ip4", host = "127.0.0.1" }, { family = "dns4", host = "here.example" } } do
      local stream, text, code, address = dial(where)
      assert.same({ nil, nil, "127.0.0.1" }, { text, code, address })
      assert.equal(3, stream:send "abc")
      local other = assert(listener:accept())
      till.holds(L, function() return other:receive(10) == "abc" end)
      stream:close()
      other:close()
    end
  end)

  it("tries the other addresses of a name where one refuses or is silent", function()
    local silent = assert(net.listen { host = "127.0.0.3", port = listener:port() })
    local held = {}
    for i = 1, 400 do held[i] = net.connect { host = "127.0.0.3", port = listener:port() } end -- its queue is full
    names["many.example 4"] = { nil, "127.0.0.2", { "127.0.0.2", "127.0.0.3", "127.0.0.1" } }
    local found
    for _, ms in ipairs { 2000, 20000 } do -- a machine that stands still may take all of the first
      found = { dial { family = "dns4", host = "many.example", timeout_ms = ms } }
      if found[1] then break end
    end
    assert.equal("127.0.0.1", found[4])
    found[1]:close()
    names["many.example 4"] = { nil, "127.0.0.2", { "127.0.0.2", "127.0.0.4" } }
    local _, _, code, last = dial { family = "dns4", host = "many.example" }
    assert.same({ "ECONNREFUSED", "127.0.0.4" }, { code, last })
    for _, one in ipairs(held) do one:close() end
    silent:close()
  end)

  it("tries none that it is told to skip, unless there is no other", function()
    names["pool.example 4"] = { nil, "127.0.0.2", { "127.0.0.2", "127.0.0.1" } }
    local other = assert(net.listen { host = "127.0.0.2", port = listener:port() })
    local function skips(address) return address == "127.0.0.2" end
    local stream, _, _, address = dial { family = "dns4", host = "pool.example", skips = skips }
    assert.equal("127.0.0.1", address)
    stream:close()
    names["pool.example 4"] = { nil, "127.0.0.2", { "127.0.0.2" } }
    stream, _, _, address = dial { family = "dns4", host = "pool.example", skips = skips }
    assert.equal("127.0.0.2", address)
    stream:close()
    other:close()
  end)

  it("says why there is none: no such name, nobody listens, no answer in time", function()
    names["none.example 6"] = { "EAI_NONAME: none.example" }
    local stream, text, code, address = dial { family = "dns6", host = "none.example" }
    assert.same({ "address: none.example has no IPv6 address (EAI_NONAME: none.example)", "address" },
      { text, code, stream, address })
    assert.same({ "address: empty.example has no IPv4 address (none)", "address" },
      { select(2, dial { family = "dns4", host = "empty.example" }) })
    local port = listener:port()
    listener:close()
    assert.equal("ECONNREFUSED", select(3, dial { family = "ip4", host = "127.0.0.1", port = port }))
    given.resolve = function() end -- never answers
    text, code = select(2, dial { family = "dns4", host = "hangs.example", port = 7, timeout_ms = 20 })
    assert.same({ "slow: no answer from hangs.example port 7", "slow" }, { text, code })
  end)

  it("goes through TLS and by proxies where it is told to, and never past them", function()
    local here = listener:port()
    local silent = { family = "ip4", host = "127.0.0.1", proxy = "socks5h://127.0.0.1:" .. here, timeout_ms = 100 }
    assert.same({ "kind: no TLS and no proxies here", "kind" }, { select(2, dial(silent)) })
    given.dial_through = require "core.http".dial
    local text, code = select(2, dial(silent))
    assert.equal("slow", code)
    assert.matches(("127.0.0.1 port %d by socks5h://127.0.0.1:%d"):format(here, here), text, 1, true)
    silent.proxy, silent.timeout_ms = "http://127.0.0.1:9", 20000
    assert.equal("proxy", select(3, dial(silent)))
    assert.equal("slow", select(3, dial { family = "ip4", host = "127.0.0.1", tls = true, timeout_ms = 100 }))
  end)

  it("is mended by a person where only the name is wrong", function()
    assert.equal("See whether this machine finds it: getent hosts a.example", dialled.cure("address", "a.example"))
    assert.is_nil(dialled.cure("slow", "a.example"))
  end)

  it("that was cancelled calls nobody, and leaves nothing open", function()
    names["here.example 4"] = { nil, "127.0.0.1" }
    for turns = 0, 3 do
      local called
      local cancel = dialled.open(given, { family = "dns4", host = "here.example", port = listener:port() },
        function(stream) called = stream end)
      for _ = 1, turns do
        L:post(function() L:stop() end)
        L:run()
      end
      if called then called:close() else cancel() end
      cancel()
      till.passed(L, 20)
      local other = listener:accept()
      assert.equal("", other and other:receive(1) or "")
      if other then other:close() end
    end
  end)
end)
