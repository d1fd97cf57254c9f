-- passing.lua - a program: says statements to a daemon over one TCP link, hears them over another. Judges nothing.
-- usage: lua5.4 spec/e2e/passing.lua HOST COUNT PAUSE_MS SWARM [SERVER ROOM PEOPLE]: says each line when the one before
-- came back and the pause is over; where an IRC server is named, so many people say them there in turn. Prints "AT
-- TOOK" for each, in µs: the wall clock when it was said, and how long it took; then "end N".
package.path = "lua/?.lua;lua/?/init.lua;./?.lua;" .. package.path
package.cpath = (os.getenv "DT_SWARM_BUILD" or ".build") .. "/?.so;" .. package.cpath
require "core"
local host, count, pause, swarm = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3])), arg[4]
local server, room, people = arg[5], arg[6], math.tointeger(tonumber(arg[7] or "0"))
local cid = require "core.cid"
local hash = require "core.hash"
local irc_client = require "spec.net.irc_client"
local key = require "core.key"
local messages = require "comms.messages"
local net = require "core.net"
local part = require "routing.channels.part"
local statement = require "core.statement"
local random = require "core.random".system()
local loop = require "loop".new { on_error = error }
local owner, listener = key.generate(random:bytes(32)), key.generate(random:bytes(32))
local PATIENCE = 30 * 1000 -- ms for one line: then the daemon gives none on

local say_frame -- fn(frame, n): the n-th goes out
local said, at, took = 0, nil, nil
local waiting -- the signature of the line that is on its way

local function finish(text)
  print(text or "end " .. said)
  io.stdout:flush()
  loop:stop()
end

local function say()
  if said == count then return finish() end
  said = said + 1
  local now = loop:wall()
  local from = now // 16000 * 16
  local line = assert(statement.sign(owner, swarm, { verb = "propose", bucket = "share/files",
    key = cid.make("raw", hash.blake2b(owner:id() .. said)), at = now, valid_from = from, valid_until = from + 3600,
    data = '{"class":"lab","names":["a"],"size":1}' })).line
  waiting, at, took = line:sub(1, 86), now * 1000, loop:micro()
  say_frame("* - 8 statements\n" .. line, said)
  local n = said
  loop:after(PATIENCE, function() if said == n and waiting then finish("lost " .. n) end end)
end

-- A beacon, so that the daemon tells news there.
local function beacon(stream, who)
  stream:send("* - 8 beacon " .. messages.beacon(who, swarm, { id = who:id(), boot = 1, count = 1,
    t = loop:wall() // 16000 * 16, tcp = 0, http = 0, name = "passing", classes = {} }) .. "\n")
end

-- Begins once the lines can go out, and the daemon knows of who listens: it asks him who he is.
local can_say, is_known = false, false

local function begin()
  if can_say and is_known then loop:after(300, say) end
end

local function heard(line)
  if not is_known and line:find(" 8 ping ", 1, true) then
    is_known = true
    begin()
  end
  if not waiting or line:sub(1, 86) ~= waiting then return end
  waiting = nil
  print(("%d %d"):format(at, loop:micro() - took))
  loop:after(pause, say)
end

local function connect(on_line, on_open)
  local stream, watch, rest, open = assert(net.connect { host = host, port = 3825 }), nil, "", false
  watch = loop:watch(stream:fd(), "rw", function()
    if not open then
      open = true
      watch:set "r"
      on_open(stream)
    end
    local bytes = stream:receive(65536)
    if bytes == "" then return finish "closed" end
    rest = rest .. (bytes or "")
    for line in rest:gmatch "([^\n]*)\n" do on_line(line) end
    rest = rest:match ".*\n(.*)$" or rest
  end)
  return stream
end

-- People in ROOM of the SERVER; there a statement goes in pieces.
local function enter(ready)
  local list, joined = {}, 0
  for i = 1, people do
    list[i] = irc_client.enter(server, 6667, "person" .. i, room, { ended = finish, joined = function()
      joined = joined + 1
      if joined == people then ready() end
    end })
  end
  function say_frame(frame, n)
    for _, piece in ipairs(part.split(frame, 390)) do list[n % people + 1].say(piece) end
  end
end

local function link(ready)
  local says = connect(function() end, function(stream)
    beacon(stream, owner)
    ready()
  end)
  function say_frame(frame) says:send(frame:gsub("statements", "statements 1", 1) .. "\n") end
end

local hears = connect(heard, function(stream) beacon(stream, listener) end);
(server and enter or link)(function()
  can_say = true
  begin()
end)
loop:run()
assert(hears)
