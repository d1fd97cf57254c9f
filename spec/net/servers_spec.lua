-- servers_spec.lua - the real servers that specs meet start, speak, and end. No check of ours.
-- mostly waits: for servers that start and end
local certificates = require "spec.net.certificates"
local inspircd = require "spec.net.inspircd"
local folder = require "spec.folder"
local ngircd = require "spec.net.ngircd"
local patience = require "spec.patience"
local proxies = require "spec.net.proxies"

local function output(command)
  local pipe = io.popen(command .. " 2>&1")
  local text = pipe:read "a"
  pipe:close()
  return text
end

local function person(one, nick, seconds, ...)
  local words = {}
  for i, line in ipairs { ... } do words[i] = "'" .. line .. "'" end
  return ("lua5.4 spec/net/irc_say.lua %s %d %s %s %s"):format(one.address, one.port, nick, seconds,
    table.concat(words, " "))
end

-- A person who is there until he is removed.
local function stays(one, nick)
  local path = os.tmpname()
  os.execute(("%s >%s 2>&1 & echo $! >%s.pid"):format(person(one, nick, 60), path, path))
  local pid = tonumber(folder.read(path .. ".pid"))
  os.remove(path .. ".pid")
  return {
    heard = function() return folder.read(path) end,
    remove = function()
      os.execute(("kill %d 2>/dev/null"):format(pid))
      os.remove(path)
    end,
  }
end

local function certificate_at(one, authority)
  return output(("timeout 10 openssl s_client -CAfile %s -verify_return_error -connect %s:%d </dev/null")
    :format(authority.path, one.address, one.tls_port))
end

if not (ngircd.found() and inspircd.found() and proxies.found()) then
  it("real servers", function() pending "NO SERVERS: they cannot be had here (spec/net/servers.sh)" end)
  return
end

describe("a real server", function()
  local authority, running
  setup(function() authority = certificates.new() end)
  teardown(function() authority.remove() end)
  before_each(function() running = {} end)
  after_each(function() for _, one in ipairs(running) do one.remove() end end)

  local function keep(one)
    running[#running + 1] = one
    return one
  end

  it("ngircd: nicks of nine, a password, TLS; it ends, and starts again", function()
    local one = keep(ngircd.start { password = "sesame", tls = authority.issue("irc.spec.net", "127.0.0.1") })
    assert.truthy(output(person(one, "bea", 0)):find "Bad password")
    assert.truthy(certificate_at(one, authority):find "Verify return code: 0")
    assert.is_true(one.stop())
    assert.truthy(output(person(one, "bea", 0)):find "ECONNREFUSED")
    one.start()
    local open = keep(ngircd.start {})
    assert.truthy(output(person(open, "bea", 0.1)):find "NICKLEN=9 ")
  end)

  it("inspircd: three an address, K-lines, TLS", function()
    local one = keep(inspircd.start { tls = authority.issue("irc.spec.net", "127.0.0.1") })
    local three = {}
    for i = 1, 3 do three[i] = keep(stays(one, "bea" .. i)) end
    for _, each in ipairs(three) do
      assert.truthy(patience.within(8, function() return each.heard():find " 001 bea%d " end), each.heard())
    end
    local said = output(person(one, "bea4", 0))
    assert.is_nil(said:find " 001 ", said)
    assert.truthy(said:find "ERROR :Closing link", said)
    for _, each in ipairs(three) do each.remove() end
    assert.truthy(patience.within(8, function() -- as soon as the server has seen that the three have gone
      return output(person(one, "bea", 0, "OPER spec secret", "KLINE bad@* 1h :too loud")):find " 381 "
    end))
    assert.truthy(certificate_at(one, authority):find "Verify return code: 0")
  end)

  it("microsocks and tinyproxy: bytes come through, and no more once they are stopped", function()
    local server = keep(ngircd.start {})
    local two, asks = { keep(proxies.socks {}), keep(proxies.connect { ports = { server.port } }) }, {}
    for i, one in ipairs(two) do
      asks[i] = ("printf 'NICK bea%d\\r\\nUSER a 0 * :b\\r\\nQUIT\\r\\n' | timeout 9 curl -sp -x %s telnet://%s:%d")
        :format(i, one.url, server.address, server.port)
    end
    local all = table.concat(asks, " & ") .. " & wait"
    local said = output(all)
    assert.truthy(said:find " 001 bea1 " and said:find " 001 bea2 ", said)
    for _, one in ipairs(two) do one.stop() end
    assert.is_nil(output(all):find " 001 ")
  end)
end)
