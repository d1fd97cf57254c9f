-- irc_server.lua - one IRC server of an IRC channel: when it may be tried next, what went over it. Dials nothing.
local backoff = require "backoff"
local frame = require "routing.channels.frame"
local irc_pace = require "routing.channels.irc_pace"
local sources = require "dcache.content.sources"

local irc_server = { outward = true }
irc_server.__index = irc_server

local STEADY_MS <const> = 30 * 1000 -- in the channel, then the next failure is the first again

--- The connection ended, or did not come to be, by FAULT (irc_faults.lua) at NOW; it lasted LASTED ms in the channel.
function irc_server:failed(fault, now, lasted)
  if lasted >= STEADY_MS then
    self.quick:reset()
    self.slow:reset()
  end
  if fault.flood then
    self.pace:slower()
    self.rate, self.slowed = self.pace.rate, true
  end
  self.reason, self.cure = fault.text, fault.cure
  self.next_at = now + (fault.slow and self.slow or self.quick):next()
  self.refused[fault.code] = (self.refused[fault.code] or 0) + 1
end

--- We are in the channel by it.
function irc_server:joined() self.reason, self.cure = nil, nil end

-- Why it is not up.
local function reason_of(self)
  if self.reason then return self.reason end
  local other = self.channel.was_up and self.channel.server
  return other and other ~= self and "in reserve while " .. other.address .. " is up" or "connecting"
end

-- What people should know of a server that is up.
local function note_of(self, members)
  if self.slowed then return "That server once put us out for our speed: it is spoken to more slowly." end
  if members == 1 then return ("Nobody else is in %s yet."):format(self.where.room) end
end

--- The row of `status`.
function irc_server:status()
  local nick, members = nil, 0
  if self.channel.server == self and self.channel.session then nick, members = self.channel.session:place() end
  return { address = self.address, kind = "irc", state = nick and "up" or "waiting", nick = nick,
    members = nick and members, note = nick and note_of(self, members), reason = not nick and reason_of(self) or nil,
    cure = not nick and self.cure or nil,
    sent = frame.copy(self.sent), heard = frame.copy(self.heard), talk = self.talk,
    refused = frame.copy(self.refused) }
end

--- Where others meet this node by it: its address while it is up | nil. One on this machine is nobody else's.
function irc_server:meets()
  local channel, host = self.channel, self.where.host
  local is_up = channel.server == self and channel.session and channel.session:place()
  return is_up and host ~= "localhost" and not sources.is_local_only(host) and self.address or nil
end

--- It is named no more.
function irc_server:close() self.channel:remove(self) end

--- The one of SERVERS that is tried next: whose time comes first, of these the first in the policy.
function irc_server.next_of(servers)
  local first
  for _, one in ipairs(servers) do
    if not first or one.next_at < first.next_at then first = one end
  end
  return first
end

--- A server of CHANNEL (irc.lua's); OPTIONS: what irc.read made of the address, with address, budget, tls, proxy,
--- password. Fields: rate in bytes a second; where: OPTIONS; talk: lines of people that were heard; sent, heard,
--- refused: counters
function irc_server.new(channel, options)
  local function now() return channel.loop:now() end
  local pace = irc_pace.new(now, options.budget)
  return setmetatable({ channel = channel, address = options.address, where = options, next_at = 0, pace = pace,
    rate = pace.rate, quick = backoff.quick(channel.random), slow = backoff.slow(channel.random), talk = 0,
    sent = frame.counters(), heard = frame.counters(), refused = {} }, irc_server)
end

return irc_server
