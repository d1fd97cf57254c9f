-- irc_server.lua - an IRC server of the policy: when it may be tried next, and what went over it. Dials nothing.
local backoff = require "backoff"
local frame = require "routing.channels.frame"
local irc_pace = require "routing.channels.irc_pace"

local irc_server = {}
irc_server.__index = irc_server

local STEADY_MS <const> = 30 * 1000 -- in the channel, then the next failure is the first again

--- The connection ended, or did not come to be, by FAULT (irc_faults.lua) at NOW; it lasted LASTED ms in the channel.
function irc_server:failed(fault, now, lasted)
  if lasted >= STEADY_MS then
    self.quick:reset()
    self.slow:reset()
  end
  if fault.flood then self.pace:slower() end
  self.reason = fault.text
  self.next_at = now + (fault.slow and self.slow or self.quick):next()
  self.refused[fault.code] = (self.refused[fault.code] or 0) + 1
end

--- We are in the channel by it.
function irc_server:joined() self.reason = nil end

--- The row of `status`. SESSION: irc_session.lua's, where there is one with it; OTHER: by which address the channel is
--- reached meanwhile, or nil.
function irc_server:status(session, other)
  local nick, members = nil, 0
  if session then nick, members = session:place() end
  return { address = self.address, kind = "irc", state = nick and "up" or "waiting", nick = nick,
    members = nick and members, rate_limit = self.pace.rate, reason = not nick and (self.reason
      or other and "in reserve while " .. other .. " is up" or "being connected to") or nil,
    sent = frame.copy(self.sent), heard = frame.copy(self.heard), refused = frame.copy(self.refused) }
end

--- The one of SERVERS that is tried next: whose time comes first, of these the first in the policy.
function irc_server.next_of(servers)
  local first
  for _, one in ipairs(servers) do
    if not first or one.next_at < first.next_at then first = one end
  end
  return first
end

--- given.now, random; options: what irc.read made of the address, with address, budget, tls, proxy, password
function irc_server.new(given, options)
  local self = setmetatable({ address = options.address, where = options, next_at = 0,
    pace = irc_pace.new(given.now, options.budget), quick = backoff.quick(given.random),
    slow = backoff.slow(given.random), sent = frame.counters(), heard = frame.counters(), refused = {} }, irc_server)
  return self
end

return irc_server
