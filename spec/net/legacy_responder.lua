-- legacy_responder.lua - answers on UDP port 11411 as a robot of today's Duckietown does, for specs. A program.
-- usage: lua5.4 spec/net/legacy_responder.lua ANSWER…   Each is sent in turn to every question; "*" is 60,000 bytes.
local cjson = require "cjson"
local uv = require "luv"

local socket, answers = uv.new_udp(), uv.new_udp() -- its answers come from a port of their own, as there
assert(socket:bind("0.0.0.0", 11411))
assert(socket:recv_start(function(_, bytes, from)
  local ok, question = pcall(cjson.decode, bytes or "")
  if not ok or type(question) ~= "table" or not question.version or not question.port then return end
  for _, answer in ipairs(arg) do
    answers:try_send(answer == "*" and ("x"):rep(60000) or answer, from.ip, math.tointeger(question.port))
  end
end))
uv.run()
