-- honest.lua - a program: pings a daemon over TCP lines and asks its control socket, without a pause. Judges nothing.
-- usage: lua5.4 spec/e2e/honest.lua HOST PORT SOCKET. At SIGTERM says "tcp N WORST control N WORST", in ms; a
-- question without an answer counts as long as it has waited.
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local host, port, socket = arg[1], math.tointeger(tonumber(arg[2])), arg[3]
local key = require "core.key"
local checks = require "comms.checks"
local messages = require "comms.messages"
local net = require "core.net"
local text = require "core.text"
local random = require "core.random".system()
local loop = require "loop".new { on_error = error }
local owner = key.generate(random:bytes(32))
local PAUSE = 50 -- ms between an answer and the next question

-- Asks question() on stream after stream; good(line) says whether that answers it.
local function asker(connect, question, good)
  local self = { n = 0, worst = 0 }
  local function ended(stream, watch)
    watch:close()
    stream:close()
    self.again = loop:after(PAUSE, self.begin)
  end
  local function on_line(line)
    if not self.asked or not good(line) then return end
    self.n, self.worst, self.asked = self.n + 1, math.max(self.worst, loop:now() - self.asked), nil
    loop:after(PAUSE, self.ask)
  end
  function self.begin()
    local stream = connect()
    if not stream then
      self.again = loop:after(PAUSE, self.begin)
      return
    end
    local input, watch, open = "", nil, false
    function self.ask()
      self.asked = loop:now()
      if not stream:send(question()) then self.asked = self.asked - 100000 end
    end
    watch = loop:watch(stream:fd(), "rw", function()
      if not open then
        open = true
        watch:set "r"
        self.ask()
      end
      local bytes, _, word = stream:receive(65536)
      if bytes == "" or not bytes and word ~= "EAGAIN" then return ended(stream, watch) end
      input = input .. (bytes or "")
      local stop = input:find("\n", 1, true)
      while stop do
        on_line(input:sub(1, stop - 1))
        input = input:sub(stop + 1)
        stop = input:find("\n", 1, true)
      end
    end)
  end
  function self.told()
    local waiting = self.asked and loop:now() - self.asked or 0
    return ("%d %d"):format(self.n, math.max(self.worst, waiting))
  end
  self.begin()
  return self
end

local nonce
local tcp = asker(function() return net.connect { host = host, port = port } end, function()
  nonce = text.base64url(random:bytes(16))
  return ("* /dswarm/%s/brain 8 ping %s\n"):format(owner:id(), nonce)
end, function(line)
  local facts = messages.parse_pong(line:match " pong (.*)$" or "")
  return facts and facts.nonce == nonce and facts.asker == owner:id() and checks.signed(facts, "pong", "duckietown")
end)
local control = asker(function() return net.unix_connect(socket) end,
  function() return '{"command":"status"}\n' end, function(line) return line:find('"refused"', 1, true) end)

loop:signal("sigterm", function()
  print(("tcp %s control %s"):format(tcp.told(), control.told()))
  io.stdout:flush()
  loop:stop()
end)
loop:run()
