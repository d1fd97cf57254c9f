-- slow.lua - a program: clients that are slow, half, silent or deaf, many at a time, for ever. Judges nothing.
-- usage: lua5.4 spec/e2e/slow.lua tcp|http|control COUNT HOST|PATH PORT CID. A connection that ended is made again
-- after half a second. At SIGTERM says "made N".
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local what, count, host, port, cid = arg[1], tonumber(arg[2]), arg[3], math.tointeger(tonumber(arg[4])), arg[5]
local net = require "core.net"
local loop = require "loop".new { on_error = error }
local made = 0

local PING = "* /dswarm/12D3KooWEtPFXAyZFjMv1rywQyNfpdX31HyWtNTJN1f5LUTpkCWR/brain 8 ping AAAAAAAAAAAAAAAAAAAAAA\n"
local GET = ("GET /ipfs/%s?format=raw HTTP/1.1\r\nHost: %s\r\n"):format(cid, host)

-- What a client says: DRIP byte by byte, then FLOOD as often as it is taken; it reads nothing unless READS.
local MANNERS = {
  tcp = { { drip = "* - 8 beacon " .. ("x"):rep(9000) }, {}, { flood = PING },
    { drip = "* - 8 statements 200\nAAAA" } },
  http = { { drip = GET .. "X-More: " .. ("x"):rep(9000) }, {}, { say = GET .. "\r\n" }, { flood = GET .. "\r\n" },
    { say = GET .. "\r\n", reads = 100 } },
  control = { { drip = ('{"command":"' .. ("x"):rep(9000)) }, {}, { flood = '{"command":"status"}\n' },
    { say = ("x"):rep(60000) } },
}

local function connect()
  if what == "control" then return net.unix_connect(host) end
  return net.connect { host = host, port = port }
end

local begin

local function again(number) loop:after(500, function() begin(number) end) end

function begin(number)
  local manner = MANNERS[what][number % #MANNERS[what] + 1]
  local stream = connect()
  if not stream then return again(number) end
  made = made + 1
  local watch, beat
  local at = 1
  local function over()
    watch:close()
    if beat then beat:cancel() end
    stream:close()
    again(number)
  end
  local function push(text)
    local _, _, word = stream:send(text)
    if word and word ~= "EAGAIN" then return over() end
    return true
  end
  local function speak()
    if manner.drip then
      if push(manner.drip:sub(at, at)) then at = at + 1 end
    elseif manner.flood then
      for _ = 1, 20 do if not push(manner.flood) then return end end
    elseif manner.reads then
      if stream:receive(manner.reads) == "" then over() end
    end
  end
  watch = loop:watch(stream:fd(), "w", function()
    watch:set ""
    if manner.say and not push(manner.say) then return end
    beat = loop:every(200, speak)
  end)
  -- Who says nothing learns that way that it was sent away.
  if not (manner.drip or manner.flood or manner.reads or manner.say) then
    loop:after(20, function() watch:set "r" end)
  end
end

for number = 1, count do begin(number) end
loop:signal("sigterm", function()
  print("made " .. made)
  io.stdout:flush()
  loop:stop()
end)
loop:run()
