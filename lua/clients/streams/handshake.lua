-- handshake.lua - a connection that is dialled and becomes a stream: the lines of its call. Moves no byte after that.
local call = require "routing.call"
local dialled = require "routing.channels.dialled"
local envelope = require "routing.envelope"
local json = require "core.json"
local ticks = require "routing.call.ticks"

local handshake = {}
handshake.__index = handshake

local MOST <const> = 5000 -- ms for all of it, the connecting too
local CHUNK <const> = 4096 -- bytes that are read at once: what is more comes after the thread has taken over
local LINE_MAX <const> = require "core".limits.line
local PART <const> = 4096 -- plain bytes of a part
local NEVER <const> = 60 * 1000 -- ms before a line is said again: on a connection none is lost

local function finish(self, stream, ...)
  if self.over then return end
  self.over = true
  self.cancel()
  self.timer:cancel()
  if self.watch then self.watch:close() end
  if self.ticks then self.ticks:stop() end
  if self.caller then self.caller:close() end
  if self.stream and not stream then self.stream:close() end
  if self.keys and not stream then self.keys:close() end
  self.done(stream, ...)
end

local function fail(self, text, code) finish(self, nil, text, code) end

local function say(self, rest)
  local line = envelope.head { to = ("/dswarm/%s/content"):format(self.id),
    from = ("/dswarm/%s/content"):format(self.node.id), hops = 0, kind = "call", rest = rest } .. "\n"
  local sent, text, code = self.stream:send(line)
  if sent ~= #line then fail(self, text or "slow: it takes no line", code or "slow") end
end

local function take(self, line)
  local message = envelope.read(line)
  if message.kind ~= "reply" then return fail(self, "form: it said something else than a reply", "form") end
  local ok, text, code = self.caller:take(message.rest)
  self.ticks:now()
  if not ok then fail(self, text, code) end
end

local function read(self)
  local bytes, text, code = self.stream:receive(CHUNK)
  if code == "EAGAIN" then return end
  if not bytes then return fail(self, text, code) end
  if bytes == "" then return fail(self, "closed: it hung up before it answered", "closed") end
  self.unread = self.unread .. bytes
  while not self.over do
    local line, rest = self.unread:match "^([^\n]*)\n(.*)$"
    if not line and #self.unread <= LINE_MAX then return end
    if not line then return fail(self, "long: no line of ours is so long", "long") end
    self.unread = rest
    take(self, line)
  end
end

local function call_over(self, ok, text, code)
  if not ok then return finish(self, nil, text, code, code ~= "slow") end -- else sealed, and so his own word
  finish(self, self.stream, self.keys, self.unread)
end

local function begin(self, stream, text, code)
  if not stream then return fail(self, text, code) end
  local node = self.node
  self.stream = stream
  self.watch, text, code = self.loop:watch(stream:fd(), "r", function() read(self) end)
  if not self.watch then return fail(self, text, code) end
  self.caller = call.caller { swarm = node.swarm, callee = self.id, component = "content", caller = node.id,
    node = node.id, request = json.encode { command = "stream", role = self.role }, first = NEVER, part = PART,
    now = function() return self.loop:now() end, tell = function(rest) say(self, rest) end,
    sign = function(kind, swarm, signed, done) done(node.key:sign(kind, swarm, signed)) end,
    text = function() end, keep = function(keys) self.keys = keys end,
    over = function(...) call_over(self, ...) end }
  self.ticks = ticks.new(self.loop, function() return self.caller:tick() end)
  self.ticks:now()
end

--- Dials node ID at WHERE (dialled.lua's) for a stream: ROLE "serve": this node gives, or "fetch": it asks.
--- DONE(stream, keys, ahead), whose owner that is then, or DONE(nil, text, code, said = did ID himself refuse it?);
--- once, later.
--- LOOP; NODE: id, key, swarm, net
function handshake.new(loop, node, id, where, role, done)
  local self = setmetatable({ loop = loop, node = node, id = id, role = role, done = done, unread = "" }, handshake)
  self.cancel = dialled.open({ loop = loop, net = node.net,
    resolve = function(...) return node.loop:resolve(...) end,
    dial_through = function(...) return require "core.http".dial(...) end },
    { host = where.host, port = where.port, family = where.family, tls = where.tls, proxy = where.proxy,
      timeout_ms = MOST }, function(...) begin(self, ...) end)
  self.timer = loop:after(MOST, function() fail(self, "slow: it did not answer", "slow") end)
  return self
end

--- Gives it up: DONE is not called.
function handshake:close()
  self.done = function() end
  fail(self, "closed: here", "closed")
end

return handshake
