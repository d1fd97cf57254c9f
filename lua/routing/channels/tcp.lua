-- tcp.lua - TCP lines: listens, dials, bounds how many links there are. A link is a channel object of its own.
local backoff = require "routing.channels.backoff"
local frame = require "routing.channels.frame"
local link = require "routing.channels.link"

local tcp = {}

-- How many, and how long in milliseconds. Some links are left for those that we dial ourselves; idle_ms is
-- half as much again as the longest wait between beacons.
local LIMIT = {
  links = 64, accepted = 48, per_host = 8, loopback = 16, dialling = 16,
  dial_ms = 10000, line_ms = 10000, frame_ms = 60000, stall_ms = 30000, idle_ms = 90000, sweep_ms = 1000,
}
local ACCEPTS = 16 -- a turn
local NO_FILES_MS = 1000 -- rest where the process or the kernel has no room for another socket
local NO_ROOM = { EMFILE = true, ENFILE = true, ENOBUFS = true, ENOMEM = true }

local Server = {}
Server.__index = Server

local function refuse(self, code, text)
  self.refused[code] = (self.refused[code] or 0) + 1
  return nil, code .. ": " .. text, code
end

-- -- links -----------------------------------------------------------------------------------

local function take_counts(into, from)
  for _, name in ipairs { "frames", "bytes", "beacons" } do into[name] = into[name] + from[name] end
end

-- A link has ended: its figures stay.
local function gone(self, one, reason)
  local at
  for i, other in ipairs(self.list) do if other == one then at = i end end
  if not at then return end
  table.remove(self.list, at)
  self.hosts[one.host] = self.hosts[one.host] - 1
  if self.hosts[one.host] == 0 then self.hosts[one.host] = nil end
  if not one.dialled then self.accepted = self.accepted - 1 end
  take_counts(self.sent, one.sent)
  take_counts(self.heard, one.heard)
  for code, n in pairs(one.refused) do self.refused[code] = (self.refused[code] or 0) + n end -- sums only
  self.log:debug("routing", "link down", { address = one.address, reason = reason })
end

-- nil if one more link with HOST fits, else why not.
local function too_many(self, host, own, dialled)
  local limit = self.limit
  if #self.list >= limit.links then return limit.links .. " links" end
  if not dialled and self.accepted >= limit.accepted then return limit.accepted .. " links that others dialled" end
  local most = own and limit.loopback or limit.per_host
  if (self.hosts[host] or 0) >= most then return most .. " links with " .. host end
end

local function make(self, stream, host, port, dialled)
  local own = self.net.is_own(host)
  local why = too_many(self, host, own, dialled)
  if why then
    stream:close()
    return refuse(self, "full", why)
  end
  if self.congestion and not own then stream:congestion(self.congestion) end
  local one, text, code = link.new {
    loop = self.loop, stream = stream, host = host, port = port, limit = self.limit, own = own,
    dialled = dialled, cost = self.cost, gone = function(ended, reason) gone(self, ended, reason) end,
  }
  if not one then return refuse(self, code, text) end
  self.list[#self.list + 1] = one
  self.hosts[host] = (self.hosts[host] or 0) + 1
  if not dialled then self.accepted = self.accepted + 1 end
  self.log:debug("routing", "link up", { address = one.address, dialled = dialled })
  return one
end

-- After a sweep that is late (the process stood still) sockets are read first: what waits there was said
-- in time.
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

-- -- listening -------------------------------------------------------------------------------

local function accept(self)
  for _ = 1, ACCEPTS do
    if self.closed then return end
    local stream, host, port = self.listener:accept()
    if stream then
      local one = make(self, stream, host, port, false)
      if one and self.on_link then self.on_link(one) end
    elseif port == "EAGAIN" then -- nil, message, code
      return
    elseif NO_ROOM[port] then
      refuse(self, port, host)
      self.log:warn("routing", "no room for another link", { error = host })
      self.watch:set ""
      self.loop:after(NO_FILES_MS, function() if not self.closed then self.watch:set "r" end end)
      return
    end -- else that one went before we took it: the next
  end
end

local function bind(self, port)
  local listener, text, code = self.net.listen { host = self.host, port = port }
  if not listener then return nil, text, code end
  local watch
  watch, text, code = self.loop:watch(listener:fd(), "r", function() accept(self) end)
  if not watch then
    listener:close()
    return nil, text, code
  end
  self.listener, self.watch, self.port = listener, watch, listener:port()
  self.address = self.format:format(self.host, self.port)
  return true
end

-- A port that the policy names is tried again; the default one may be another daemon's on this machine,
-- so there the kernel chooses, and beacons say which.
local function listen(self)
  if self.closed then return end
  local could, text, code = bind(self, self.wanted)
  if not could and code == "EADDRINUSE" and not self.named then
    local first = text
    could, text, code = bind(self, 0)
    if could then
      self.log:info("routing", "port chosen", { wanted = self.wanted, port = self.port, because = first })
    end
  end
  if could then
    if self.reason then self.log:info("routing", "channel up", { address = self.address }) end
    self.reason = nil
    self.backoff:reset()
    if self.on_up then self.on_up(self) end
    return
  end
  local wait = self.backoff:next()
  if text ~= self.reason then
    self.log:warn("routing", code == "EADDRINUSE" and "port in use" or "channel waits",
      { address = self.address, error = text, retry_s = math.max(1, wait // 1000) })
  end
  self.reason = text
  self.retry = self.loop:after(wait, function() listen(self) end)
end

-- -- dialling --------------------------------------------------------------------------------

local function finish(self, dial, one, text, code)
  if dial.over then return end
  dial.over = true
  for i, other in ipairs(self.dials) do
    if other == dial then table.remove(self.dials, i) break end
  end
  if dial.watch then dial.watch:close() end
  dial.timer:cancel()
  if not one then dial.stream:close() end
  dial.done(one, text, code)
end

local function connected(self, dial)
  local could, text, code = dial.stream:finished()
  if could then
    if dial.watch then dial.watch:close() end -- before the link watches the same fd
    return finish(self, dial, make(self, dial.stream, dial.host, dial.port, true))
  end
  if code ~= "EINPROGRESS" then return finish(self, dial, nil, text, code) end
end

-- Dials an IP address: done(link), or done(nil, message, code), later and once.
function Server:dial(host, port, done)
  local function not_now(...)
    local faults = table.pack(...)
    self.loop:post(function() done(table.unpack(faults, 1, faults.n)) end)
  end
  if self.closed then return not_now(refuse(self, "closed", "channel")) end
  local why = #self.dials >= self.limit.dialling and "too many dials" or
    too_many(self, host, self.net.is_own(host), true)
  if why then return not_now(refuse(self, "full", why)) end
  local stream, text, code = self.net.connect { host = host, port = port }
  if not stream then return not_now(nil, text, code) end
  local dial = { host = host, port = port, done = done, stream = stream }
  self.dials[#self.dials + 1] = dial
  dial.timer = self.loop:after(self.limit.dial_ms, function()
    finish(self, dial, refuse(self, "slow", "no answer from " .. host .. " port " .. port))
  end)
  dial.watch, text, code = self.loop:watch(stream:fd(), "w", function() connected(self, dial) end)
  if not dial.watch then finish(self, dial, nil, text, code) end
end

-- -- the whole -------------------------------------------------------------------------------

-- Links that are up, oldest first.
function Server:links()
  return table.move(self.list, 1, #self.list, 1, {})
end

function Server:status()
  local links, sent, heard, refused = {}, frame.copy(self.sent), frame.copy(self.heard), frame.copy(self.refused)
  for i, one in ipairs(self.list) do
    links[i] = one:status()
    take_counts(sent, one.sent)
    take_counts(heard, one.heard)
    for code, n in pairs(one.refused) do refused[code] = (refused[code] or 0) + n end -- sums only
  end
  return {
    address = self.address, kind = "tcp", state = self.closed and "down" or self.listener and "up" or "waiting",
    reason = self.reason, port = self.listener and self.port, sent = sent, heard = heard, refused = refused,
    links = links, dialling = #self.dials,
  }
end

function Server:close()
  if self.closed then return end
  self.closed = true
  if self.watch then self.watch:close() end
  if self.listener then self.listener:close() end
  if self.retry then self.retry:cancel() end
  self.sweeper:cancel()
  for _, one in ipairs(self:links()) do one:close "closed: here" end
  for _, dial in ipairs(table.move(self.dials, 1, #self.dials, 1, {})) do
    finish(self, dial, nil, "closed: channel", "closed")
  end
end

-- tcp.new{ loop, net, random, log, port = 3825, host = "0.0.0.0", named = bool, limit = {…}, congestion =
-- "bbr" } → server, at once. named: the policy names this port, so no other will do. on_link(link) is
-- called for each link that somebody else dialled; set on_frame and the rest there.
function tcp.new(options)
  local host, port = options.host or "0.0.0.0", options.port or 3825
  local family = host:find(":", 1, true) and "ip6" or "ip4"
  local given = options.limit or {}
  local self = setmetatable({
    loop = options.loop, net = options.net, log = options.log, host = host, wanted = port, named = options.named,
    congestion = options.congestion or "bbr", cost = options.cost or 1, kind = "tcp",
    format = "/" .. family .. "/%s/tcp/%d/dswarm-line",
    limit = setmetatable({}, { __index = function(_, name) return given[name] or LIMIT[name] end }),
    list = {}, hosts = {}, accepted = 0, dials = {},
    sent = frame.counters(), heard = frame.counters(), refused = {},
    backoff = backoff.new { random = options.random, first = options.retry_ms },
  }, Server)
  self.address = self.format:format(host, port)
  self.silent = options.silent
  if not self.silent then listen(self) end
  self.swept = self.loop:now()
  self.sweeper = self.loop:every(self.limit.sweep_ms, function() sweep(self) end)
  return self
end

return tcp
