-- links.lua - all TCP connections of this node: how many, with whom, which is too slow; it dials. Listens on no port.
local dial_stream = require("routing.channels.dialled").open
local block = require "routing.block"
local bounded = require "bounded"
local frame = require "routing.channels.frame"
local link = require "routing.channels.link"
local token_bucket = require "token_bucket"

local links = {}
links.__index = links

-- How many, and how long in milliseconds. Some links are left for those that we dial ourselves; a class of robots
-- behind one router is one host; idle_ms is half as much again as the longest wait between beacons.
local LIMIT = {
  links = 160, accepted = 144, per_host = 96, strange = 8, loopback = 16, dialling = 16,
  dial_ms = 10000, line_ms = 10000, frame_ms = 60000, stall_ms = 30000, idle_ms = 90000, sweep_ms = 1000,
}

-- Figures of links that have one account: those that a listener accepted, say.
--- NEAR: what the policy says of them, true or false; nil: each by the host of the other side (the trait `near`).
--- → account: sent, heard (frame.counters) and refused (by code) of links that have ended; list: the others
function links.account(near)
  return { near = near, sent = frame.counters(), heard = frame.counters(), refused = {}, list = {} }
end

--- What ACCOUNT adds to a row of `status`: sent, heard, refused in all; links, a row for each.
function links.sums(account)
  local sums = { sent = frame.copy(account.sent), heard = frame.copy(account.heard),
    refused = frame.copy(account.refused), links = {} }
  for i, one in ipairs(account.list) do
    sums.links[i] = one:status()
    frame.add(sums.sent, one.sent)
    frame.add(sums.heard, one.heard)
    frame.add_codes(sums.refused, one.refused)
  end
  return sums
end

local refuse = frame.refuse

-- Bytes of messages that bring nothing which are read of one host, a second and at once; of so many hosts at a time.
local USELESS = { rate = 1 << 18, burst = 1 << 20 }
local USELESS_MAX = 256

-- What HOST may still say that brings nothing: all of its links share it, and it outlives them.
local function useless_of(self, host)
  local bucket = self.useless:get(host)
  if not bucket then
    bucket = token_bucket.new { now = function() return self.loop:now() end, rate = USELESS.rate,
      burst = USELESS.burst }
    self.useless:put(host, bucket)
  end
  return bucket
end

local function take_out(list, one)
  for i, other in ipairs(list) do
    if other == one then return table.remove(list, i) end
  end
end

-- A link has ended: its figures stay.
local function gone(self, one, account, reason)
  if not take_out(self.list, one) then return end
  take_out(account.list, one)
  self.hosts[one.host] = self.hosts[one.host] > 1 and self.hosts[one.host] - 1 or nil
  if not one.dialled then self.accepted = self.accepted - 1 end
  frame.add(account.sent, one.sent)
  frame.add(account.heard, one.heard)
  frame.add_codes(account.refused, one.refused)
  self.log:debug("routing", "link down", { address = one.address, reason = reason })
end

-- Links with HOST over which nobody has shown yet that he speaks as we do.
local function strange(self, host)
  local n = 0
  for _, one in ipairs(self.list) do
    if one.host == host and not one.is_met then n = n + 1 end
  end
  return n
end

-- nil if one more link with HOST fits, else why not.
local function too_many(self, host, own, dialled)
  local limit = self.limit
  if #self.list >= limit.links then return limit.links .. " links" end
  if not dialled and self.accepted >= limit.accepted then return limit.accepted .. " links that others dialled" end
  local most = own and limit.loopback or limit.per_host
  if (self.hosts[host] or 0) >= most then return most .. " links with " .. host end
  if not own and strange(self, host) >= limit.strange then
    return ("%d links with %s over which nobody has spoken yet"):format(limit.strange, host)
  end
end

--- A connected STREAM becomes a link of ACCOUNT. THROUGH: the address, as the policy spells it, that TLS or a proxy
--- leads to; HOST may be a name then. → link | nil, text, code; then the stream is closed
function links:make(stream, host, port, dialled, account, through)
  local text, code = self.block:against_dial(host, "tcp", port)
  if text then
    stream:close()
    return refuse(account, code, text)
  end
  local own = self.net.is_own(host)
  local why = too_many(self, host, own, dialled)
  if why then
    stream:close()
    return refuse(account, "full", why)
  end
  if self.congestion and not own then stream:congestion(self.congestion) end
  local near = account.near
  if near == nil then near = not through and (own or self.net.is_near(host)) end
  local one
  one, text, code = link.new { loop = self.loop, stream = stream, host = host, port = port,
    limit = self.limit, useless = not own and useless_of(self, host) or nil, own = own, near = near,
    dialled = dialled, through = through,
    gone = function(ended, reason) gone(self, ended, account, reason) end }
  if not one then return refuse(account, code, text) end
  table.insert(self.list, one)
  table.insert(account.list, one)
  self.hosts[host] = (self.hosts[host] or 0) + 1
  if not dialled then self.accepted = self.accepted + 1 end
  self.log:debug("routing", "link up", { address = one.address, dialled = dialled })
  return one
end

-- After a sweep that is late (the process stood still) sockets are read first: what waits there was said in time.
local function sweep(self)
  local now, before = self.loop:now(), self.swept
  self.swept = now
  if now - before > 3 * self.limit.sweep_ms then return end
  for i = #self.list, 1, -1 do -- from the end: those that go are taken out
    local one = self.list[i]
    local why = one and one:timed_out(now)
    if why then
      refuse(one, "slow", why)
      one:close(why)
    end
  end
end

-- -- dialling --------------------------------------------------------------------------------

-- How a dial ended, once: a link, or why there is none.
local function ended(self, dial, ...)
  if not take_out(self.dials, dial) then return end
  dial.cancel()
  dial.done(...)
end

local function connected(self, dial, stream, text, code, address)
  local host = dial.through and dial.host or address
  if stream then return ended(self, dial, self:make(stream, host, dial.port, true, dial.account, dial.through)) end
  frame.refuse(dial.account, code, text)
  ended(self, dial, nil, text, code)
end

--- Dials HOST for ACCOUNT: done(link), or done(nil, text, code), later and once. HOW: nil for a HOST that is an IP
--- address, else { family =, tls =, proxy =, timeout_ms = } as dialled.lua takes them (nil: the usual time), and
--- address = as the policy spells it.
function links:dial(host, port, done, account, how)
  local function not_now(...)
    local faults = table.pack(...)
    self.loop:post(function() done(table.unpack(faults, 1, faults.n)) end)
  end
  if self.closed then return not_now(refuse(account, "closed", "channel")) end
  local why = #self.dials >= self.limit.dialling and "too many dials" or
    too_many(self, host, self.net.is_own(host), true)
  if why then return not_now(refuse(account, "full", why)) end
  how = how or {}
  local dial = { host = host, port = port, done = done, account = account,
    through = (how.tls or how.proxy) and how.address or nil }
  table.insert(self.dials, dial)
  dial.cancel = dial_stream(self, { family = how.family, host = host, port = port, tls = how.tls,
    proxy = how.proxy, skips = how.skips, timeout_ms = how.timeout_ms or self.limit.dial_ms },
    function(...) connected(self, dial, ...) end)
end

-- -- the whole -------------------------------------------------------------------------------

--- Gives up what is being dialled for ACCOUNT, and ends its links.
function links:drop(account)
  for _, dial in ipairs(table.move(self.dials, 1, #self.dials, 1, {})) do
    if dial.account == account then ended(self, dial, nil, "closed: channel", "closed") end
  end
  for _, one in ipairs(table.move(account.list, 1, #account.list, 1, {})) do one:close "closed: here" end
end

function links:close()
  if self.closed then return end
  self.closed = true
  self.sweeper:cancel()
  for _, dial in ipairs(table.move(self.dials, 1, #self.dials, 1, {})) do
    ended(self, dial, nil, "closed: channel", "closed")
  end
  for _, one in ipairs(table.move(self.list, 1, #self.list, 1, {})) do one:close "closed: here" end
end

--- The links of a node.
---   loop, net, log
---   resolve, dial_through  where names, TLS and proxies are dialled: as dialled.lua takes them
---   limit       figures of LIMIT that are to be others (for specs)
---   block       routing/block.lua, or nil: nobody is shut out
---   congestion  the congestion control that is asked for on links that leave the machine: "bbr"
function links.new(given)
  local limit = given.limit or {}
  local self = setmetatable({
    loop = given.loop, net = given.net, log = given.log, resolve = given.resolve, dial_through = given.dial_through,
    congestion = given.congestion or "bbr", block = given.block or block.nobody,
    limit = setmetatable({}, { __index = function(_, name) return limit[name] or LIMIT[name] end }),
    list = {}, hosts = {}, accepted = 0, dials = {}, swept = given.loop:now(),
    useless = bounded.new { limit = USELESS_MAX },
  }, links)
  self.sweeper = self.loop:every(self.limit.sweep_ms, function() sweep(self) end)
  return self
end

return links
