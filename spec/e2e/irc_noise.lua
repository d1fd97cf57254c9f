-- irc_noise.lua - a program: a client of an IRC server that says garbage, as quickly as that reads. Judges nothing.
-- usage: lua5.4 spec/e2e/irc_noise.lua HOST ROOM FILE: FILE is garbage.lua's. At SIGTERM it goes once the server has
-- read what it said, and prints "lines N"; where it is sent away, why.
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local host, room, path = arg[1], arg[2], arg[3]
local frame = require "routing.channels.frame"
local irc_client = require "spec.net.irc_client"
local part = require "routing.channels.part"
local random = require "core.random".seeded(4)
local text = require "core.text"
local uv = require "luv"
local LINE <const> = 390 -- bytes
local AHEAD <const> = 6 -- lines that wait for the server at least, so that none of its time is lost

local frames, said, serial = {}, 0, 0
local file = assert(io.open(path, "rb"))
local all, at = file:read "a", 1
file:close()
while at <= #all do
  local one
  one, at = string.unpack(">s2", all, at)
  if one ~= "" and not frame.garbled(one) then frames[#frames + 1] = one end
end

local function label() return text.base64url(random:bytes(8)) end

-- In turn: pieces of whole frames, pieces of frames that never end, pieces without form, no frame at all.
local KINDS <const> = {
  function() return part.split((frames[serial // 4 % #frames + 1]:gsub("~SERIAL~", ("%08d"):format(serial))), LINE) end,
  function() return { ("part %s %d 64 %s"):format(label(), random:integer(64) + 1, ("z"):rep(340)) } end,
  function() return { "part " .. label() .. " 65 64 " .. ("q"):rep(300) } end,
  function() return { (random:bytes(LINE):gsub("[%z\r\n]", "x")) } end,
}

local client, signal = nil, uv.new_signal()

local function speak()
  if said == 0 then print "begins" end
  io.stdout:flush()
  local n = 0
  while n < AHEAD do
    serial = serial + 1
    local lines = KINDS[serial % #KINDS + 1]() or {}
    for _, line in ipairs(lines) do client.say(line) end
    n = n + #lines
  end
  client.ask()
  said = said + n
end

client = irc_client.enter(host, 6667, ("n%d"):format(uv.os_getpid()), room, {
  joined = speak,
  read = function() speak() end,
  ended = function(why)
    print(why)
    signal:close()
  end })
signal:start("sigterm", function()
  speak = client.quit
  client.quit()
  print("lines " .. said)
end)
uv.run()
