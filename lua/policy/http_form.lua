-- http_form.lua - what clients.control.http means: where programs of this machine may ask over HTTP. Opens nothing.
local address = require "core.address"

local http_form = {}

local PORT <const> = 3827

local WANTED <const> = "/ip4/127.0.0.1/tcp/%d, /ip6/::1/tcp/%d or false"
local TUNNEL <const> = "only programs of this machine may ask there, as it knows no passwords: %s. From another "
  .. "machine go through ssh: ssh -L %d:localhost:%d USER@ROBOT"

local function is_loopback(kind, host)
  return kind == "ip4" and host:find "^127%.%d+%.%d+%.%d+$" ~= nil or kind == "ip6" and host == "::1"
end

--- TEXT → host, port | nil, why not
function http_form.read(text)
  local good, why = address.check(text)
  if not good then return nil, ("%s; it is %s"):format(why:gsub("^form: ", ""), WANTED:format(PORT, PORT)) end
  local parts = address.parts(good)
  local host, port = parts[1], parts[2]
  local number = port and port[1] == "tcp" and not parts[3] and math.tointeger(tonumber(port[2]))
  if not number or host[1] ~= "ip4" and host[1] ~= "ip6" then return nil, "it is " .. WANTED:format(PORT, PORT) end
  if is_loopback(host[1], host[2]) then return host[2], number end
  local wanted = number > 0 and number or PORT
  return nil, TUNNEL:format(WANTED:format(wanted, wanted), wanted, wanted)
end

return http_form
