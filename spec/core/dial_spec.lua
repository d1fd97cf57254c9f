-- dial_spec.lua - streams through TLS and proxies by libcurl, against servers on the loopback that do as they like.
local folder = require "spec.folder"
local http = require "core.http"
local loopback = require "spec.loopback"
local net = require "core.net"
local random = require "core.random"
local till = require "spec.net.till"
local uv = require "luv"

describe("core.http.dial", function()
  local L, made
  before_each(function() L, made = till.loop(), {} end)
  after_each(function()
    for i = #made, 1, -1 do made[i]:close() end
    L:close()
  end)

  local function keep(one)
    made[#made + 1] = one
    return one
  end

  -- → stream, address | nil, text, code
  local function dial(options)
    options.host = options.host or "127.0.0.1"
    local d <close> = assert(http.dial(options))
    local found
    local watch = assert(L:watch(d:fd(), "r", function() found = found or table.pack(d:finished()) end))
    till.holds(L, function() return found end, 20000)
    watch:close()
    if found[1] then keep(found[1]) end
    return table.unpack(found, 1, 3)
  end

  -- Calls each(stream) for whoever connects. → port
  local function server(each)
    local listener = keep(assert(net.listen { host = "127.0.0.1", port = 0 }))
    keep(assert(L:watch(listener:fd(), "r", function()
      local stream = listener:accept()
      if stream then each(keep(stream)) end
    end)))
    return listener:port()
  end

  -- Reads STREAM until it has what PATTERN finds, then calls fn(found).
  local function when(stream, pattern, fn)
    local text, watch = "", nil
    watch = keep(assert(L:watch(stream:fd(), "r", function()
      local bytes = stream:receive(65536)
      if bytes == "" then return watch:close() end
      text = text .. (bytes or "")
      if not text:find(pattern) then return end
      watch:close()
      fn(text)
    end)))
  end

  -- Says back to the other side what it says, and half-closes when it does.
  local function echo(stream)
    local queue, watch = "", nil
    watch = keep(assert(L:watch(stream:fd(), "r", function()
      local bytes = #queue < 100000 and stream:receive(65536)
      if bytes == "" then return watch:close() end
      queue = queue .. (bytes or "")
      queue = queue:sub(1 + (stream:send(queue) or 0))
      watch:set(queue == "" and "r" or "rw")
    end)))
  end

  -- Sends BYTES through STREAM, whose other end says them back. → what came
  local function through(stream, bytes)
    local from, got = 1, {}
    local size = 0
    till.holds(L, function()
      if from <= #bytes then from = from + (stream:send(bytes, from) or 0) end
      local came = stream:receive(65536)
      if came then got[#got + 1], size = came, size + #came end
      return size >= #bytes
    end, 20000)
    return table.concat(got)
  end

  it("carries any bytes both ways, as many as there are", function()
    local stream, address = dial { port = server(echo) }
    assert.equal("127.0.0.1", address)
    for _, size in ipairs { 1, 16384, 16385, 700000 } do
      local bytes = random.seeded(size):bytes(size)
      assert.is_true(bytes == through(stream, bytes), size .. " bytes")
    end
  end)

  it("ends a side at a time: what was said before still comes", function()
    local heard
    local port = server(function(stream)
      when(stream, "last words$", function(text)
        heard = text
        stream:send "and mine"
        stream:close()
      end)
    end)
    local stream = dial { port = port }
    stream:send "last words"
    till.holds(L, function() return heard end)
    local got = {}
    till.holds(L, function()
      got[#got + 1] = stream:receive(100)
      return got[#got] == ""
    end)
    assert.same({ "and mine", "" }, got)
    local bytes, size, ended = random.seeded(3):bytes(20000), 0, false
    stream = dial { port = server(function(other)
      keep(assert(L:watch(other:fd(), "r", function()
        local came = other:receive(65536) or ""
        size, ended = size + #came, ended or came == ""
      end)))
    end) }
    assert.equal(20000, stream:send(bytes))
    stream:close() -- at once, with all of it under way
    till.holds(L, function() return ended end)
    assert.equal(20000, size)
  end)

  it("makes who sends wait where nobody reads", function()
    local sent, calm = 0, 0
    local stream = dial { port = server(function() end) }
    till.holds(L, function()
      local n = stream:send(("x"):rep(65536)) or 0
      sent, calm = sent + n, n == 0 and calm + 1 or 0
      return calm > 100 or sent > 64 << 20
    end, 20000)
    assert.is_true(sent < 64 << 20, sent .. " bytes wait somewhere")
  end)

  it("says why there is none", function()
    local function code(options) return select(3, dial(options)) end
    assert.equal("ECONNREFUSED", code { port = loopback.free_port() })
    assert.equal("address", code { host = "nobody.invalid", port = 9 })
    local port = server(function() end)
    local text = select(2, dial { port = port, tls = true, timeout_ms = 100 })
    assert.matches("^slow: 127%.0%.0%.1 port %d+: ", text)
    local plain = server(function(stream) stream:send "NOTICE * :*** Looking up your hostname\r\n" end)
    assert.equal("form", code { port = plain, tls = true })
  end)

  it("goes by a proxy, or says that this one does not let it", function()
    local http_ok = server(function(stream)
      when(stream, "\r\n\r\n", function(text)
        assert.matches("^CONNECT irc%.example%.org:6667 HTTP/1%.1\r\n", text)
        stream:send "HTTP/1.1 200 OK\r\n\r\n"
        echo(stream)
      end)
    end)
    local socks_ok = server(function(stream)
      when(stream, "^\5", function()
        stream:send "\5\0"
        when(stream, "^\5\1\0\3\15irc%.example%.org..$", function()
          stream:send "\5\0\0\1\0\0\0\0\0\0"
          echo(stream)
        end)
      end)
    end)
    for _, proxy in ipairs { "http://127.0.0.1:" .. http_ok, "socks5h://127.0.0.1:" .. socks_ok } do
      local stream, address = dial { host = "irc.example.org", port = 6667, proxy = proxy }
      assert.equal("", address)
      assert.equal("NICK ada\r\n", through(stream, "NICK ada\r\n"))
    end
    local http_no = server(function(stream)
      when(stream, "\r\n\r\n", function() stream:send "HTTP/1.1 403 Filtered\r\n\r\nno\n" end)
    end)
    local socks_no = server(function(stream)
      when(stream, "^\5", function()
        stream:send "\5\0"
        when(stream, "^\5\1", function() stream:send "\5\2\0\1\0\0\0\0\0\0" end)
      end)
    end)
    local silent, gone = server(function() end), server(function(stream) stream:close() end)
    for proxy, word in pairs { -- any order: each stands alone
      ["http://127.0.0.1:" .. http_no] = "proxy", ["socks5h://127.0.0.1:" .. socks_no] = "proxy",
      ["http://127.0.0.1:" .. gone] = "proxy", ["socks5h://127.0.0.1:" .. gone] = "proxy",
      ["http://127.0.0.1:9"] = "proxy", ["http://nobody.invalid:9"] = "proxy",
      ["http://127.0.0.1:" .. silent] = "slow", ["socks5h://127.0.0.1:" .. silent] = "slow",
    } do
      local none, text, code = dial { host = "irc.example.org", port = 6667, proxy = proxy,
        timeout_ms = word == "slow" and 300 or 20000 }
      assert.same({ nil, word }, { none, code }, proxy)
      assert.matches(": irc.example.org port 6667 by " .. proxy .. ": ", text, 1, true)
    end
  end)

  it("leaves a proxy whose refusal never ends", function()
    for _, head in ipairs { "HTTP/1.1 407 No\r\nContent-Length: 100000000000\r\n\r\n", "HTTP/1.1 200 OK\r\nX: " } do
      local proxy = "http://127.0.0.1:" .. server(function(stream)
        stream:send(head)
        keep(assert(L:watch(stream:fd(), "w", function() stream:send(("x"):rep(16384)) end)))
      end)
      local none, _, code = dial { host = "irc.example.org", port = 6667, proxy = proxy, timeout_ms = 20000 }
      assert.same({ nil, "proxy" }, { none, code })
    end
  end)

  it("goes by the proxy that it is told and by no other, whatever the environment says", function()
    local asked = 0
    local proxy = "http://127.0.0.1:" .. server(function(stream)
      asked = asked + 1
      when(stream, "\r\n\r\n", function() stream:send "HTTP/1.1 200 OK\r\n\r\n" end)
    end)
    local port = server(echo)
    for _, name in ipairs { "no_proxy", "http_proxy", "https_proxy", "all_proxy" } do
      uv.os_setenv(name, name == "no_proxy" and "*" or "http://127.0.0.1:9")
    end
    local by_proxy = dial { port = port, proxy = proxy }
    uv.os_unsetenv "no_proxy"
    local direct = dial { port = port }
    for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy" } do uv.os_unsetenv(name) end
    assert.is_truthy(by_proxy and direct)
    assert.equal(1, asked)
  end)

  it("believes no certificate but the system's, and only for its host", function()
    local dir = folder.new()
    assert(os.execute(([[cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -keyout key.pem -out cert.pem -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>err]]):format(
      dir.path)))
    local port = loopback.free_port()
    local tls = assert(uv.spawn("openssl", { cwd = dir.path, args = { "s_server", "-accept",
      "127.0.0.1:" .. port, "-cert", "cert.pem", "-key", "key.pem", "-quiet", "-rev" } }, function() end))
    till.holds(L, function() return loopback.listens(port) end, 10000)
    assert.equal("certificate", select(3, dial { host = "localhost", port = port, tls = true, family = 4 }))
    local pipe = io.popen(([[unshare -rm sh -c 'mount --bind %s/cert.pem /etc/ssl/certs/ca-certificates.crt &&
      exec %s spec/core/dial_tls.lua %d' 2>&1]]):format(dir.path, os.getenv "LUA" or "lua5.4", port))
    local said = pipe:read "a"
    pipe:close()
    tls:kill "sigkill"
    tls:close()
    uv.run "nowait"
    dir.remove()
    assert.equal("localhost drawkcab\n127.0.0.1 certificate\n", said)
  end)

  it("gives up at once when closed, and leaves no thread and no socket", function()
    local function count(what)
      local pipe = io.popen("ls /proc/$PPID/" .. what .. " | wc -l")
      local n = pipe:read "n"
      pipe:close()
      return n
    end
    local proxy = "http://127.0.0.1:" .. server(function() end)
    till.passed(L, 20)
    local before, fds, held = count "task", count "fd", {}
    for i = 1, 64 do -- of which none gives up by itself before we would
      held[i] = assert(http.dial { host = "x.example", port = 7, proxy = proxy, timeout_ms = 600000 })
    end
    assert.equal("full", select(3, http.dial { host = "x.example", port = 7 }))
    for _, d in ipairs(held) do d:close() end
    till.holds(L, function() return count "task" <= before end)
    till.holds(L, function() return http.dial { host = "127.0.0.1", port = 9 } end)
    collectgarbage()
    for _ = 1, #made do table.remove(made):close() end
    till.holds(L, function() return count "fd" <= fds end)
  end)

  it("takes no host and no proxy of another form", function()
    for _, bad in ipairs { { host = "" }, { host = "a b" }, { host = "a/b" }, { host = "a@b" },
      { host = ("a"):rep(256) }, { host = "a", proxy = "socks4://b:1" }, { host = "a", proxy = "b:1" },
      { host = "a", proxy = "http://u:p@b:1" } } do
      bad.port = 7
      assert.equal("form", select(3, http.dial(bad)))
    end
    assert.has_error(function() http.dial { host = "a", port = 0 } end)
  end)
end)
