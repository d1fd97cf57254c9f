-- forged.lua - a program: eight streams of statements with garbage signatures, fast. Judges nothing.
-- usage: lua5.4 spec/e2e/forged.lua HOST SWARM NOW. At SIGTERM says "lines N".
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local host, swarm, now = arg[1], arg[2], math.tointeger(tonumber(arg[3]))
local net = require "core.net"
local statement = require "core.statement"
local text = require "core.text"
local random = require "core.random".seeded(3)
local loop = require "loop".new { on_error = error }
local LINKS, LINES = 8, 64

local from = now // 16000 * 16
local good = assert(statement.sign(require "core.key".generate(random:bytes(32)), swarm, { verb = "propose",
  bucket = "share/files", key = "k", at = now, valid_from = from, valid_until = from + 3600,
  data = ('{"class":"lab","names":["%s"],"size":5}'):format(("y"):rep(500)) })).line
local made = 0

local function frame()
  local lines = { "* - 8 statements " .. LINES }
  for i = 2, LINES + 1 do
    made = made + 1
    lines[i] = text.base64url(random:bytes(63)) .. "AA" .. good:sub(87)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function begin()
  local stream = net.connect { host = host, port = 3825 }
  if not stream then return loop:after(500, begin) end
  local out, watch = "", nil
  local function over()
    watch:close()
    stream:close()
    loop:after(200, begin)
  end
  watch = loop:watch(stream:fd(), "rw", function()
    local got, _, word = stream:receive(65536)
    if got == "" or not got and word ~= "EAGAIN" then return over() end
    if out == "" then out = frame() end
    local sent
    sent, _, word = stream:send(out)
    if not sent and word ~= "EAGAIN" then return over() end
    out = out:sub((sent or 0) + 1)
  end)
end

for _ = 1, LINKS do begin() end
loop:signal("sigterm", function()
  print("lines " .. made)
  io.stdout:flush()
  loop:stop()
end)
loop:run()
