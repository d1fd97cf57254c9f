-- inspircd.lua - starts a real inspircd with the limits of Debian's file, for specs. No checks.
--
-- What is not stock: where it listens, an operator who may K-line ("OPER spec secret"), TLS where asked for, and that
-- it does not look up names of clients. With the stock file 001 comes after 5 s, as no resolver is there.
local folder = require "spec.folder"
local servers = require "spec.net.servers"

local inspircd = {}

local function stock()
  local text = assert(folder.read(servers.place() .. "/etc/inspircd/inspircd.conf"))
  return (text:gsub("\n%s*#[^\n]*", "\n"))
end

local function swap(text, old, new)
  local from, to = text:find(old, 1, true)
  assert(from, "not in the stock file: " .. old)
  return text:sub(1, from - 1) .. new .. text:sub(to + 1)
end

local TLS = [[
<module name="ssl_gnutls">
<sslprofile name="own" provider="gnutls" certfile="%s" keyfile="%s">
<bind address="%s" port="%d" type="clients" sslprofile="own">
]]

local OPER = '<oper name="spec" password="secret" host="*@*" type="NetAdmin">\n'
local PATHS = '<path configdir="%%s" datadir="%%s" logdir="%%s" runtimedir="%%s" moduledir="%s">\n'

--- Is it here?
function inspircd.found() return servers.program "inspircd" ~= nil end

--- Starts one; see servers.start for what comes back, with `tls_port`.
---   world, host  where, or nil: on this machine
---   port         6667, on this machine one that is free
---   password     that every client has to say, or nil
---   tls          { certificate =, key = } (certificates.lua) or nil; then at port tls_port, 6697 in a world
---   resolve      true: it asks for clients' names, as the stock file has it, and waits 5 s in vain
---   extra        more lines of its file, or nil
function inspircd.start(given)
  local port = given.port or given.world and 6667 or servers.free_port()
  local tls_port = given.tls and (given.tls_port or given.world and 6697 or servers.free_port())
  local address = given.world and given.world:address(given.host) or "127.0.0.1"
  local text = swap(stock(), '"127.0.0.1" port="6667"', ('"%s" port="%d"'):format(address, port))
  if not given.resolve then text = swap(text, '<connect allow="*"', '<connect allow="*" resolvehostnames="no"') end
  text = swap(text, '<pid file="/var/run/inspircd/inspircd.pid">', '<pid file="%s/pid">')
  text = swap(text, '<files motd="/etc/inspircd/inspircd.motd">', "")
  if given.password then text = swap(text, "<connect ", ('<connect password="%s" '):format(given.password)) end
  text = PATHS:format(servers.place() .. "/usr/lib/inspircd/modules") .. text .. OPER
  if given.tls then text = text .. TLS:format(given.tls.certificate, given.tls.key, address, tls_port) end
  local one = servers.start { world = given.world, host = given.host, port = port,
    command = servers.program "inspircd" .. " --nofork --runasroot --config=%s/inspircd.conf",
    files = { ["inspircd.conf"] = text .. (given.extra or "") } }
  one.tls_port = tls_port
  return one
end

return inspircd
