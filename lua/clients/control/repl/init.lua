-- repl - the command `repl` of the control socket: how many sessions there are. Evaluates nothing itself.
local lazily = require "lazily"
local session = lazily "clients.control.repl.session"

local SESSIONS <const> = 4 -- at one time: each has memory of its own

--- Registers it with the client's HANDLE. LIMITS: of a session, in place of the usual ones (session.lua).
return function(handle, limits)
  local open = 0
  handle:command("repl", function(_, reply)
    if open >= SESSIONS then
      return reply(nil, ("full: %d sessions of the REPL are open; leave one of them (Ctrl-D)"):format(open), "full")
    end
    open = open + 1
    session.new { node = handle.node, reply = reply, limits = limits, closed = function() open = open - 1 end }
  end, { here = "a session of Lua is held where the node runs: ssh there" })
end
