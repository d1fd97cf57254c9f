-- irc_say.lua - a person at an IRC server, for specs: says lines once he is let in, prints what comes. A program.
-- usage: lua5.4 spec/net/irc_say.lua ADDRESS PORT NICK SECONDS LINE…   He stays so many seconds after the last line was
-- answered: behind it he says a PING, and servers take lines in their order.
local uv = require "luv"
local address, port, nick, seconds = arg[1], tonumber(arg[2]), arg[3], tonumber(arg[4])
local client, timer = uv.new_tcp(), uv.new_timer()
io.stdout:setvbuf "line"

local function say(line) client:write(line .. "\r\n") end

local function leave()
  if not client:is_closing() then client:close() end
  if not timer:is_closing() then timer:close() end
end

local rest = ""

local function heard(line)
  print(line)
  if line:find "^PING" then say("PONG" .. line:sub(5)) end
  if line:find "^:%S+ PONG .*said$" then return timer:start(seconds * 1000 // 1, 0, leave) end
  if not line:find "^:%S+ 001 " then return end
  for i = 5, #arg do say(arg[i]) end
  say "PING :said"
end

local broken = uv.new_signal()
broken:start("sigpipe", function() end)
broken:unref()
client:connect(address, port, function(fault)
  if fault then
    print(fault)
    return leave()
  end
  client:read_start(function(_, bytes)
    if not bytes then return leave() end
    rest = rest .. bytes
    for line in rest:gmatch "([^\r\n]*)\r?\n" do heard(line) end
    rest = rest:match "[^\n]*$"
  end)
  say(("NICK %s\r\nUSER person 0 * :a person"):format(nick)) -- a server that does not want us says so first
end)
timer:start(20000, 0, leave)
uv.run()
