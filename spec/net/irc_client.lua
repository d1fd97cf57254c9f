-- irc_client.lua - somebody in a channel of an IRC server, for programs of specs. Keeps no pace, tries nothing again.
local uv = require "luv"

local irc_client = {}

--- Enters ROOM of the server at ADDRESS and PORT under the name NICK.
---   on.joined()     he is in it, and knows all who are there
---   on.ended(why)   it is over: the server's last line, or why there is no connection; once
---   on.read()       the server has read all that was said before an `ask`; or nil
--- → { say(text) to the channel, ask(), quit() once the server has read what came before }
function irc_client.enter(address, port, nick, room, on)
  local client, rest, last = uv.new_tcp(), "", "closed"

  local function ended(why)
    if client:is_closing() then return end
    client:close()
    on.ended(why)
  end

  local function put(line) client:write(line .. "\r\n") end

  local function heard(line)
    last = line
    if line:find "^PING" then put("PONG" .. line:sub(5)) end
    if line:find "^:%S+ 001 " then put("JOIN " .. room) end
    if line:find "^:%S+ 4[37]%d " then return ended(line) end -- no such nick, or not into that channel
    if line:find "^:%S+ 366 " then on.joined() end
    if line:find "^:%S+ PONG " and on.read then on.read() end
  end

  client:connect(address, port, function(fault)
    if fault then return ended(fault) end
    client:nodelay(true)
    client:read_start(function(_, bytes)
      if not bytes then return ended(last) end
      rest = rest .. bytes
      for line in rest:gmatch "([^\r\n]*)\r?\n" do heard(line) end
      -- A pattern that tries each place in turn would take ms of each line, which count in what is measured.
      rest = rest:match ".*\n(.*)$" or rest
    end)
    put(("NICK %s\r\nUSER person 0 * :a person"):format(nick))
  end)
  return { say = function(text) put(("PRIVMSG %s :%s"):format(room, text)) end,
    ask = function() put "PING :read" end, quit = function() put "QUIT :bye" end }
end

return irc_client
