-- dial_tls.lua - says through TLS what a server says back reversed: for a mount namespace that trusts it. No checks.
-- usage: lua5.4 spec/core/dial_tls.lua PORT
dofile "spec/helper.lua"
local http = require "core.http"
local uv = require "luv"

for _, host in ipairs { "localhost", "127.0.0.1" } do
  local d = assert(http.dial { host = host, port = tonumber(arg[1]), tls = true, family = 4 })
  local stream, _, code
  repeat
    uv.sleep(5)
    stream, _, code = d:finished()
  until code ~= "EINPROGRESS"
  local text = stream and ""
  if stream then stream:send "backward\n" end
  while stream and not text:find "\n" do
    uv.sleep(5)
    text = text .. (stream:receive(100) or "")
  end
  print(host .. " " .. (text and text:gsub("\n", "") or code))
end
