-- tcp.lua - TCP as a kind of channel: an address is listened at or dialled. Each connection is a channel (link.lua).
local backoff = require "backoff"
local dialable = require "routing.channels.dialable"
local frame = require "routing.channels.frame"
local host_address = require "routing.channels.host_address"
local kept_link = require "routing.channels.kept_link"
local links = require "routing.channels.links"

local tcp = {}

local DEFAULT_PORT = 3825
local ACCEPTS = 16 -- a turn
local LINK_MS = 1900 -- for a link to who is far: Linux sends a third SYN after 2 s, and dead ones are dialled for ever
local NO_FILES_MS = 1000 -- rest where the process or the kernel has no room for another socket
local NO_ROOM = { EMFILE = true, ENFILE = true, ENOBUFS = true, ENOMEM = true }

-- -- listening -------------------------------------------------------------------------------

local Listener = {}
Listener.__index = Listener

local function accept(self)
  for _ = 1, ACCEPTS do
    if self.closed then return end
    local stream, host, port = self.listener:accept()
    if stream then
      local one = self.links:make(stream, host, port, false, self.account)
      if one then self.on_link(one) end
    elseif port == "EAGAIN" then -- nil, text, code
      return
    elseif NO_ROOM[port] then
      self.account.refused[port] = (self.account.refused[port] or 0) + 1
      self.log:warn("routing", "no room for another link", { error = host })
      self.watch:set ""
      self.rest = self.loop:after(NO_FILES_MS, function() self.watch:set "r" end)
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
  self.address = host_address.text(self.host, "tcp", self.port)
  return true
end

-- Beacons tell one port, so that of the other family of addresses is taken where it is free, else the kernel chooses.
local function bind_elsewhere(self)
  local port = self.sibling()
  if port > 0 and bind(self, port) then return true end
  return bind(self, 0)
end

-- A port that the policy names is tried again; the default one may be another daemon's on this machine.
local function listen(self)
  if self.closed then return end
  local could, text, code = bind(self, self.wanted)
  if not could and code == "EADDRINUSE" and not self.named then
    local first = text
    could, text, code = bind_elsewhere(self)
    if could then
      self.taken = first
      self.log:once(("port %d for %d"):format(self.port, self.wanted), "info", "routing", "port chosen",
        { wanted = self.wanted, port = self.port, because = first })
    end
  end
  if could then
    if self.reason then self.log:info("routing", "channel up", { address = self.address }) end
    self.reason = nil
    return self.backoff:reset()
  end
  local wait = self.backoff:next()
  if text ~= self.reason then
    self.log:warn("routing", code == "EADDRINUSE" and "port in use" or "channel waits",
      { address = self.address, error = text, retry_s = math.max(1, wait // 1000) })
  end
  self.reason = text
  self.retry = self.loop:after(wait, function() listen(self) end)
end

-- The row of `status`; the first listener's has the links that repairs dialled, too.
function Listener:status()
  local sums = links.sums(self.account)
  local repairs = self.repairs(self)
  if repairs then
    local others = links.sums(repairs)
    frame.add(sums.sent, others.sent)
    frame.add(sums.heard, others.heard)
    frame.add_codes(sums.refused, others.refused)
    table.move(others.links, 1, #others.links, #sums.links + 1, sums.links)
  end
  sums.address, sums.kind, sums.reason, sums.taken = self.address, "tcp", self.reason, self.taken
  sums.state = self.closed and "down" or self.listener and "up" or "waiting"
  sums.port, sums.dialling = self.listener and self.port, #self.links.dials
  return sums
end

function Listener:close()
  if self.closed then return end
  self.closed = true
  if self.watch then self.watch:close() end
  if self.listener then self.listener:close() end
  for _, name in ipairs { "retry", "rest" } do if self[name] then self[name]:cancel() end end
  self.links:drop(self.account)
end

--- Listens at once, and tries again where that fails.
---   loop, net, random, log
---   links      links.lua, of which the accepted ones become
---   on_link(link)  is called for each link that somebody else dialled
---   host, port what to listen on; named: no other port will do, if that is taken
---   near       what the policy says of accepted links (links.account)
---   repairs(listener) → account of the links that repairs dialled, for the listener whose row tells of them, else nil
---   sibling()  the port of another listener of this node, 0 where there is none
---   retry_ms   the first wait before another try (for specs)
function tcp.listen(options)
  local host, port = options.host or "0.0.0.0", options.port or DEFAULT_PORT
  local self = setmetatable({
    loop = options.loop, net = options.net, log = options.log, links = options.links, on_link = options.on_link,
    host = host, wanted = port, named = options.named, account = links.account(options.near),
    repairs = options.repairs or function() end, sibling = options.sibling or function() return 0 end,
    backoff = backoff.quick(options.random, options.retry_ms),
  }, Listener)
  self.address = host_address.text(host, "tcp", port)
  listen(self)
  return self
end

-- -- the kind --------------------------------------------------------------------------------

local Kind = {}
Kind.__index = Kind

local EVERYWHERE = { ["0.0.0.0"] = true, ["::"] = true }
local FAMILIES = { ip4 = true, ip6 = true, dns4 = true, dns6 = true }

tcp.form = "/ip4/A/tcp/P/dswarm-line"
tcp.options = { tls = "TLS is for places that are dialled", proxy = "a proxy is for places that are dialled" }

--- PARTS of a multiaddr → { family, host, port }, or nil where it is none of this form
function tcp.read(parts)
  local place, port = parts[1], parts[2]
  if #parts ~= 3 or port[1] ~= "tcp" or not FAMILIES[place[1]] then return nil end
  return { family = place[1], host = place[2], port = math.tointeger(tonumber(port[2])) }
end

--- Only what is dialled goes through something.
function tcp.misfit(options)
  if not EVERYWHERE[options.host] or not (options.tls or options.proxy) then return nil end
  return "TLS and proxies are for places that are dialled, and this is where others dial us"
end

-- Listens at its host, or dials it? Through TLS and proxies one only dials.
local function listens(self, options)
  if EVERYWHERE[options.host] then return true end
  if options.tls or options.proxy then return false end
  return options.family:match "^ip" ~= nil and self.given.net.is_own(options.host)
end

-- Forgets those that were closed: each change of the policy may close one.
local function forget_closed(self)
  for i = #self.listeners, 1, -1 do
    if self.listeners[i].closed then table.remove(self.listeners, i) end
  end
end

-- The first listener that is open.
local function first(self)
  forget_closed(self)
  return self.listeners[1]
end

local function start_listening(self, options)
  local given = self.given
  local one = tcp.listen { loop = given.loop, net = given.net, random = given.random, log = given.log,
    links = self.links, host = options.host, port = options.port, near = options.near,
    named = options.named or options.port ~= DEFAULT_PORT,
    repairs = function(listener) return first(self) == listener and self.repairs or nil end,
    sibling = function() return self:port() end,
    on_link = function(accepted) given.add(accepted, { quiet = true, wakes = true, entry = options }) end }
  forget_closed(self)
  table.insert(self.listeners, one)
  return one
end

local function is_listened_at(self, port)
  for _, one in ipairs(self.listeners) do
    if one.listener and not one.closed and one.port == port then return true end
  end
  return false
end

--- OPTIONS: what tcp.read gave, with address → what is open for that address: status(), close()
function Kind:open(options)
  if listens(self, options) then return start_listening(self, options) end
  local given = self.given
  return kept_link.new { loop = given.loop, random = given.random, log = given.log, add = given.add,
    links = self.links, address = options.address, family = options.family, host = options.host, port = options.port,
    near = options.near, tls = options.tls, proxy = options.proxy, entry = options,
    is_listened_at = function(port) return is_listened_at(self, port) end }
end

--- Dials HOST, an IP address, for a repair, who closes the link: done(channel), or done(nil, text, code), later.
function Kind:dial(host, port, done)
  self.links:dial(host, port, function(one, text, code)
    if one then one, text, code = self.given.add(one, { quiet = true }) end
    done(one, text, code)
  end, self.repairs)
end

--- The same for a link that stays until whoever wants it closes it: over it goes all that is said. gone(reason), or
--- nil, is called when it has ended.
function Kind:dial_link(host, port, done, gone)
  self.links:dial(host, port, function(one, text, code)
    if one then one, text, code = self.given.add(one, { quiet = false, gone = gone }) end
    done(one, text, code)
  end, self.repairs, { timeout_ms = LINK_MS })
end

--- The port that others may dial, 0 while there is none.
function Kind:port()
  for _, one in ipairs(self.listeners) do
    if one.listener and not one.closed then return one.port end
  end
  return 0
end

--- Where others may dial this machine (dialable.lua's rows).
function Kind:own_addresses()
  local open = {}
  for _, one in ipairs(self.listeners) do
    if one.listener and not one.closed then open[#open + 1] = one end
  end
  return open[1] and dialable.rows(open, (self.given.net.interfaces())) or {}
end

function Kind:stop() self.links:close() end

--- TCP for one node: loop, net, random, log, resolve, add (init.lua).
function tcp.kind(given)
  return setmetatable({ given = given, repairs = links.account(), listeners = {},
    links = links.new { loop = given.loop, net = given.net, log = given.log, resolve = given.resolve,
      dial_through = given.dial_through, block = given.block } }, Kind)
end

return tcp
