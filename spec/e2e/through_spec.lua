-- through_spec.lua - robots whose only way out is a proxy or TLS, to a server's TCP and to IRC: whole daemons.
-- mostly waits: for servers and proxies, and words that come through them
local certificates = require "spec.net.certificates"
local folder = require "spec.folder"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local proxies = require "spec.net.proxies"
local servers = require "spec.net.servers"
local swarm = require "spec.e2e.swarm"

-- ngircd takes five lines a second from one nick: with that budget the spec need not wait as users do.
local PASSWORD <const> = "sesame-of-the-spec"
-- Robots by the port of the server that they dial, and how; carl and tess take the spec's authority for the system's.
local TCP <const> = { ada = "socks", bea = "connect", carl = "tls" }
local IRC <const> = { sam = "socks", hal = "connect", tess = "tls" }
local ROBOTS <const> = { "ada", "bea", "carl", "dora", "emil", "hal", "sam", "tess" }

if not (ngircd.found() and proxies.found()) then
  it("robots behind proxies and TLS", function() pending "NO SERVERS (spec/net/servers.sh)" end)
  return
end

describe("robots behind proxies and TLS", function()
  local s, why, authority, socks, connect
  local running = {}

  local function keep(one)
    running[#running + 1] = one
    return one
  end

  local function policy(host, channels)
    local path = ("%s/%s.lua"):format(s.dir, host)
    folder.write(path, ([[local p = extend "duckiebot"
p.clients.logs.settle = { least = 0.2, most = 1, per = 32 * MB }
p.routing.channels = { %s }
return p
]]):format(channels))
    return path
  end

  -- Starts HOST's daemon with one channel: to PORT of the server, with REST behind the port, and these OPTIONS.
  local function start(host, port, rest, options, trusts)
    local secrets = s:path(host, "dt-swarm/secrets")
    swarm.sh(("mkdir -p -m 755 %s"):format(secrets))
    folder.write(secrets .. "/irc", PASSWORD .. "\n")
    swarm.sh(("chmod 600 %s/irc"):format(secrets))
    local line = ('{ "/ip4/%s/tcp/%d%s/dswarm-line", %s }'):format(s.world:address "server", port, rest, options)
    s:start(host, policy(host, line), trusts and authority.before "" or nil)
  end

  local function robot(host, how, ports, rest, more)
    local options = { socks = ('proxy = "%s"'):format(socks.url), connect = ('proxy = "%s"'):format(connect.url),
      tls = "tls = true" }
    start(host, how == "tls" and ports[2] or ports[1], rest, options[how] .. more, how == "tls")
  end

  local function start_servers()
    local one = authority.issue("server.spec.net", s.world:address "server")
    keep(ngircd.start { world = s.world, host = "server", password = PASSWORD, tls = one })
    keep(servers.start { world = s.world, host = "server", port = 6825, command = ("%s OPENSSL-LISTEN:6825,fork,%s")
      :format(servers.program "socat", ("reuseaddr,verify=0,cert=%s,key=%s TCP4:127.0.0.1:3825"):format(
        one.certificate, one.key)) })
    socks = keep(proxies.socks { world = s.world, host = "gate" })
    connect = keep(proxies.connect { world = s.world, host = "gate", ports = { 3825, 6667 } })
  end

  setup(function()
    s, why = swarm.new { "server", "gate", table.unpack(ROBOTS) }
    if not s then return end
    authority = certificates.new()
    start_servers()
    start("server", 6667, "/irc/#spec",
      'budget = 2 * kB, password = secret "irc" }, { "/ip4/0.0.0.0/tcp/3825/dswarm-line"')
    for host, how in pairs(TCP) do robot(host, how, { 3825, 6825 }, "", "") end -- any order
    for host, how in pairs(IRC) do -- any order
      robot(host, how, { 6667, 6697 }, "/irc/#spec", ', budget = 2 * kB, password = secret "irc"')
    end
    start("dora", 6825, "", "tls = true") -- nobody told her of the authority
    start("emil", 6825, "", ('proxy = "%s"'):format(connect.url)) -- a port that this proxy lets nobody reach
  end)

  teardown(function()
    for _, one in ipairs(running) do one.remove() end
    if s then s:close() end
    if authority then authority.remove() end
  end)

  local function has(host, name) return s:cli(host, "report"):find(name, 1, true) ~= nil end

  local function write(host, name) folder.write(("%s/%s"):format(s:path(host, "share"), name), name) end

  local function channel(host) return ((s:ask(host, "status") or {}).channels or {})[1] or {} end

  local function arrives(name, bar)
    local seconds = patience.within(bar, function() return has("server", name) end)
    assert.is_truthy(seconds, name .. "\n" .. s:logs())
    patience.took(name, seconds, bar)
  end

  local function each(robots, fn)
    for _, host in ipairs(ROBOTS) do
      if robots[host] then fn(host) end
    end
  end

  it("are heard by the server, each by its own way", function()
    if not s then return pending(why) end
    for _, robots in ipairs { TCP, IRC } do
      each(robots, function(host)
        assert.is_truthy(swarm.within(5, function()
          return os.execute("test -d " .. s:path(host, "share"))
        end), s:log(host))
        write(host, host .. ".txt")
      end)
    end
    each(TCP, function(host) arrives(host .. ".txt", 10) end)
    each(IRC, function(host) arrives(host .. ".txt", 20) end)
  end)

  it("say what keeps them out: a certificate of nobody's, a port that the proxy lets nobody reach", function()
    if not s then return pending(why) end
    for host, word in pairs { dora = "certificate", emil = "proxy" } do -- any order
      local row
      assert.is_truthy(swarm.within(10, function()
        row = channel(host)
        return row.state == "waiting" and row.reason:find("^" .. word .. ": ") and row.refused[word] >= 1
      end), s:cli(host, "channels"))
    end
  end)

  it("are heard no more when their proxy is stopped, but by TLS, and say so", function()
    if not s then return pending(why) end
    socks.stop "KILL"
    connect.stop "KILL"
    for _, robots in ipairs { TCP, IRC } do
      each(robots, function(host) write(host, host .. "-2.txt") end)
    end
    arrives("carl-2.txt", 10)
    arrives("tess-2.txt", 20)
    for _, host in ipairs { "ada", "bea", "sam", "hal" } do
      assert.is_false(has("server", host .. "-2.txt"), host)
      assert.is_truthy(swarm.within(5, function()
        return (channel(host).reason or ""):find "^proxy: "
      end), s:log(host))
    end
  end)

  it("never show the password", function()
    if not s then return pending(why) end
    for _, host in ipairs { "server", "hal", "sam", "tess" } do
      for _, command in ipairs { "status", "channels", "policy show", "policy diff" } do
        local text = s:cli(host, command .. " --json")
        assert.is_nil(text:find(PASSWORD, 1, true), host .. " " .. command)
      end
    end
    assert.is_nil(s:logs():find(PASSWORD, 1, true))
  end)
end)
