-- name_server.lua - a name server of a spec: knows the IPv4 addresses that it was given, and no other name. No checks.
--
-- usage: name_server.lua ADDRESS [NAME=A.B.C.D…]   answers on ADDRESS, port 53 (RFC 1035), until it is killed
local uv = require "luv"

local known = {}
for i = 2, #arg do
  local name, address = arg[i]:match "^(.*)=(.*)$"
  known[name] = string.char(address:match "(%d+)%.(%d+)%.(%d+)%.(%d+)")
end

local ANSWER <const>, NO_SUCH_NAME <const> = 0x8580, 0x8583 -- flags: an answer, of who must know, by recursion
local A <const> = 1

-- The name in QUERY's question, and where that ends.
local function name_of(query)
  local labels, at = {}, 13
  while query:byte(at) and query:byte(at) > 0 do
    labels[#labels + 1] = query:sub(at + 1, at + query:byte(at))
    at = at + 1 + query:byte(at)
  end
  return table.concat(labels, "."), at + 4
end

local function answer_to(query)
  local name, last = name_of(query)
  local address = known[name]
  local asks_for_it = address and query:byte(last - 2) == A
  local head = query:sub(1, 2) .. string.pack(">I2I2I2I2I2", address and ANSWER or NO_SUCH_NAME, 1,
    asks_for_it and 1 or 0, 0, 0)
  local record = asks_for_it and string.pack(">I2I2I2I4s2", 0xC00C, A, 1, 60, address) or ""
  return head .. query:sub(13, last) .. record
end

local socket = uv.new_udp()
assert(socket:bind(arg[1], 53))
socket:recv_start(function(_, query, from)
  if query and #query > 16 then socket:try_send(answer_to(query), from.ip, from.port) end
end)
uv.run()
