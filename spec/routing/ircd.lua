-- ircd.lua - a small IRC server on the loopback interface, for specs in one loop: it does what they ask. No checks.
local net = require "core.net"

local ircd = {}

local Server = {}
Server.__index = Server

local function say(client, ...)
  client.out = client.out .. (...):format(select(2, ...)) .. "\r\n"
  local n = client.stream:send(client.out)
  if n then client.out = client.out:sub(n + 1) end
end

local function drop(self, client, why)
  if client.gone then return end
  client.gone = true
  client.watch:close()
  client.stream:close()
  for i, other in ipairs(self.clients) do
    if other == client then table.remove(self.clients, i) end
  end
  for _, other in ipairs(self.clients) do
    if client.room and other.room == client.room then say(other, ":%s QUIT :%s", client.prefix, why) end
  end
end

local function others_of(self, room)
  local list = {}
  for _, other in ipairs(self.clients) do if other.room == room then list[#list + 1] = other end end
  return list
end

local function welcome(self, client)
  if client.welcomed or not client.nick or not client.user then return end
  client.welcomed, client.prefix = true, ("%s!~%s@127.0.0.1"):format(client.nick, client.user)
  say(client, ":irc.spec 001 %s :Welcome", client.nick)
  say(client, ":irc.spec 005 %s NICKLEN=9 LINELEN=%d :are supported", client.nick, self.line_len or 512)
  say(client, ":irc.spec 422 %s :No message", client.nick)
end

local DO = {}

function DO.NICK(self, client, nick)
  for _, other in ipairs(self.clients) do
    if other ~= client and other.nick == nick then
      return say(client, ":irc.spec 433 * %s :Nickname is already in use", nick)
    end
  end
  client.nick = nick
  welcome(self, client)
end

function DO.USER(self, client, rest)
  client.user = rest:match "^%S+"
  welcome(self, client)
end

function DO.PING(_, client, rest) say(client, ":irc.spec PONG irc.spec %s", rest) end

function DO.JOIN(self, client, room)
  if not client.welcomed then return say(client, ":irc.spec 451 * JOIN :You have not registered") end
  if self.refuse then return say(client, self.refuse, client.nick, room) end
  client.room = room
  local names = {}
  for _, other in ipairs(others_of(self, room)) do
    say(other, ":%s JOIN %s", client.prefix, room)
    names[#names + 1] = other.nick
  end
  say(client, ":irc.spec 353 %s = %s :%s", client.nick, room, table.concat(names, " "))
  say(client, ":irc.spec 366 %s %s :End", client.nick, room)
end

function DO.PRIVMSG(self, client, rest)
  local target, text = rest:match "^(%S+) :(.*)$"
  for _, other in ipairs(self.clients) do
    local to = target == other.nick or other.room == target and target == client.room
    if to and other ~= client then
      local line = (":%s PRIVMSG %s :%s"):format(client.prefix, target, text)
      say(other, "%s", line:sub(1, (self.line_len or 512) - 2)) -- servers cut what is longer
    end
  end
end

function DO.QUIT(self, client, why) drop(self, client, why) end

local function take(self, client, line)
  table.insert(self.lines, line)
  local command, rest = line:match "^(%u+) ?(.*)$"
  if self.deaf or not DO[command] then return end
  DO[command](self, client, rest)
end

local function read(self, client)
  local bytes, _, code = client.stream:receive(65536)
  if not bytes and code == "EAGAIN" then return end
  if not bytes or bytes == "" then return drop(self, client, "gone") end
  client.rest = client.rest .. bytes
  for line in client.rest:gmatch "([^\n]*)\r\n" do
    if client.gone then return end
    take(self, client, line)
  end
  client.rest = client.rest:match "[^\n]*$"
end

--- Says LINE, with %s for his nick, to each client. For what servers say of themselves.
function Server:say(line)
  for _, client in ipairs { table.unpack(self.clients) } do
    say(client, "%s", (line:gsub("%%s", client.nick or "*")))
  end
end

--- Ends all connections, after the last word LINE if there is one.
function Server:drop(line)
  if line then self:say(line) end
  for _, client in ipairs { table.unpack(self.clients) } do drop(self, client, "irc.spec irc.other") end
end

--- Stops; a new one may have the same port.
function Server:close()
  self:drop()
  self.watch:close()
  self.listener:close()
end

--- On LOOP, at PORT (0: any) of 127.0.0.1. Fields: port; clients; lines: all that they said; refuse: the answer to
--- JOIN, with %s for nick and channel; deaf: it answers nothing; line_len.
function ircd.new(loop, port)
  local listener = assert(net.listen { host = "127.0.0.1", port = port or 0 })
  local self = setmetatable({ loop = loop, listener = listener, port = listener:port(), clients = {}, lines = {} },
    Server)
  self.watch = loop:watch(listener:fd(), "r", function()
    local stream = listener:accept()
    if not stream then return end
    local client = { stream = stream, rest = "", out = "" }
    client.watch = loop:watch(stream:fd(), "r", function() read(self, client) end)
    table.insert(self.clients, client)
  end)
  return self
end

return ircd
