-- ngircd.lua - starts a real ngircd with Debian's limits, for specs. No checks.
local certificates = require "spec.net.certificates"
local servers = require "spec.net.servers"

local ngircd = {}

local FORM = [[
[Global]
Name = %s
Info = specs
Listen = %s
Ports = %s
%s
ServerUID = %s
ServerGID = %s
MotdPhrase = hello
[Limits]
ConnectRetry = 5
MaxConnections = 500
MaxConnectionsIP = 10
MaxJoins = 10
PingTimeout = 120
PongTimeout = 20
[Options]
OperCanUseMode = yes
PAM = no
DNS = no
Ident = no
[Operator]
Name = root
Password = secret
]]

local TLS = [[
[SSL]
CertFile = %s
KeyFile = %s
DHFile = %s
CipherList = SECURE128:-VERS-SSL3.0
Ports = %d
]]

-- The other server of a network, which this one dials.
local LINK = [[
[Server]
Name = %s
Host = %s
Port = %d
MyPassword = link
PeerPassword = link
]]

local function user()
  local pipe = io.popen "id -u"
  local id = pipe:read "l"
  pipe:close()
  return id
end

local function link(other)
  return LINK:format(other.name, other.address or "", other.port or 0):gsub("Host = \n", ""):gsub("Port = 0\n", "")
end

--- Is it here?
function ngircd.found() return servers.program "ngircd" ~= nil end

--- Starts one; see servers.start for what comes back, with `name` and `tls_port`.
---   world, host  where, or nil: on this machine
---   port         6667, on this machine one that is free
---   name         "irc.spec.net" or another with a dot
---   password     that every client has to say, or nil
---   tls          { certificate =, key = } (certificates.lua) or nil; then at port tls_port, 6697 in a world
---   peers        list of { name =, address =, port = }: servers of its network; those with an address it dials
---   extra        more lines of its file, or nil
function ngircd.start(given)
  local port = given.port or given.world and 6667 or servers.free_port()
  local tls_port = given.tls and (given.tls_port or given.world and 6697 or servers.free_port())
  local address = given.world and given.world:address(given.host) or "127.0.0.1"
  local id, name = user(), given.name or "irc.spec.net"
  local text = FORM:format(name, address, port, given.password and "Password = " .. given.password or "", id, id)
  for _, other in ipairs(given.peers or {}) do text = text .. link(other) end
  if given.tls then
    text = text .. TLS:format(given.tls.certificate, given.tls.key, certificates.parameters(), tls_port)
  end
  local one = servers.start { world = given.world, host = given.host, port = port,
    command = servers.program "ngircd" .. " -n -f %s/ngircd.conf",
    files = { ["ngircd.conf"] = text .. (given.extra or "") } }
  one.name, one.tls_port = name, tls_port
  return one
end

return ngircd
