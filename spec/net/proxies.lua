-- proxies.lua - starts real proxies for specs: microsocks (SOCKS5) and tinyproxy (HTTP CONNECT). No checks.
local servers = require "spec.net.servers"

local proxies = {}

local function place(given, port)
  return given.world and given.world:address(given.host) or "127.0.0.1",
    given.port or given.world and port or servers.free_port()
end

--- Are both here?
function proxies.found() return servers.program "microsocks" ~= nil and servers.program "tinyproxy" ~= nil end

--- given.world, host: where, or nil: on this machine; port: 1080, on this machine one that is free. user, password:
--- whom it lets in, or nil: everybody; before: words before its command, or nil. → as servers.start, with `url`,
--- socks5h://…
function proxies.socks(given)
  local address, port = place(given, 1080)
  local who = given.user and ("-u %s -P %s"):format(given.user, given.password) or ""
  local one = servers.start { world = given.world, host = given.host, port = port, before = given.before,
    command = ("%s -i %s -p %d %s"):format(servers.program "microsocks", address, port, who) }
  one.url = ("socks5h://%s:%d"):format(address, port)
  return one
end

--- The same for HTTP CONNECT; given.ports: list of ports to which it connects. → as above, with `url`, http://…
function proxies.connect(given)
  local address, port = place(given, 8888)
  local text = ("Port %d\nListen %s\nTimeout 600\nMaxClients 100\nLogLevel Info\n"):format(port, address)
  for _, each in ipairs(given.ports) do text = text .. ("ConnectPort %d\n"):format(each) end
  local one = servers.start { world = given.world, host = given.host, port = port,
    command = servers.program "tinyproxy" .. " -d -c %s/tinyproxy.conf", files = { ["tinyproxy.conf"] = text } }
  one.url = ("http://%s:%d"):format(address, port)
  return one
end

return proxies
