-- irc.lua - an IRC channel as a channel: what is said there all hear, and each of them alone. Knows no line of IRC.
--
-- Several addresses with one #channel are several servers of one network: they are one channel object, which is there
-- by one of them, and by the next when that one fails. A frame that is no short line goes in pieces (part.lua).
-- Nicks can be anybody's, so nothing is believed because of who said it.
local budget = require "routing.channels.budget"
local channel = require "routing.channels.channel"
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local irc_lines = require "routing.channels.irc_lines"
local irc_pace = require "routing.channels.irc_pace"
local irc_server = require "routing.channels.irc_server"
local irc_session = require "routing.channels.irc_session"
local part = require "routing.channels.part"
local secrets = require "routing.channels.secrets"
local source = require "routing.channels.source"

local irc = { form = "/dns4/HOST/tcp/P/irc/#CHANNEL/dswarm-line",
  options = { tls = "TLS is for places that are dialled", proxy = "a proxy is for places that are dialled",
    password = "a password is for IRC servers" } }

local FRAME_MAX <const> = 1100 -- bytes: the longest statement and its head, in three lines of usual length
local SHARE <const> = 8 -- times our own rate, so much may be said in the channel by all before we speak less
local GREET_MS <const> = 5000 -- between two newcomers for whom we make ourselves known
local ALONE_MS <const> = 60 * 1000 -- between two frames while nobody else seems to be there

local Channel = {}
Channel.__index = Channel

local try

-- == which server

local function down(self, why)
  local was_up = self.was_up
  self.was_up = false
  if was_up then self.owner.on_down(self, why) end
end

local function ended(self, server, fault)
  local now = self.loop:now()
  server:failed(fault, now, self.was_up and now - self.joined_at or 0)
  self.session, self.server = nil, nil
  self.log:once("irc " .. server.address .. " " .. fault.code, "warn", "routing", "an IRC channel waits",
    { address = server.address, why = fault.text, cure = fault.cure,
      retry_s = math.max(1, (server.next_at - now) // 1000) })
  down(self, fault.text)
  try(self)
end

local function joined(self, server)
  server:joined()
  self.was_up, self.joined_at, self.hidden = true, self.loop:now(), false
  self.alone_till = self.joined_at + ALONE_MS -- who comes back with us from a split is there in a moment
  local pieces = part.split(("x"):rep(FRAME_MAX), self.session:usable())
  self.lines_of_frame = math.min(pieces and #pieces or irc_pace.BURST, irc_pace.BURST)
  self.log:info("routing", "an IRC channel was joined",
    { address = server.address, nick = self.session:place() })
  self.owner.on_up(self)
  self.owner.on_room(self)
end

local function met(self)
  self.owner.on_room(self)
  if self.loop:now() < self.greets_at then return end
  self.greets_at = self.loop:now() + GREET_MS
  self.owner.on_up(self)
end

local heard

-- The password for SERVER, nil where none is wanted; or false, fault. Read each time: its owner may have changed it.
local function password_of(self, server)
  local wanted = server.where.password
  if not wanted then return nil end
  local secret, text, code, cure = secrets.ask(self.given.secrets, wanted.secret)
  if secret then return secret end
  return false, { code = code, text = text, cure = cure, slow = true }
end

-- What all may say in the channel where we say RATE bytes a second.
local function medium_of(loop, rate)
  return budget.new { now = function() return loop:now() end, rate = SHARE * rate,
    burst = math.max(2 * SHARE * rate, 2 * FRAME_MAX), least = FRAME_MAX }
end

-- From now on it is there by SERVER, at the pace that is for that one.
local function go_by(self, server)
  self.server, self.address, self.via, self.entry = server, server.address, server.address, server.where
  if self.rate == server.rate then return end
  self.rate, self.medium = server.rate, medium_of(self.loop, server.rate)
end

local function connect(self, server)
  local password, missing = password_of(self, server)
  go_by(self, server)
  if password == false then return ended(self, server, missing) end
  local where = { password = password }
  for name, value in pairs(server.where) do where[name] = where[name] or value end -- any order
  self.session = irc_session.open(self.given, where, server.pace, {
    joined = function() joined(self, server) end,
    met = function() met(self) end,
    heard = function(...) heard(self, ...) end,
    ended = function(fault) ended(self, server, fault) end })
end

function try(self)
  if self.timer then self.timer:cancel() end
  self.timer = nil
  if self.closed or self.session then return end
  local server = irc_server.next_of(self.servers)
  local wait = server.next_at - self.loop:now()
  if wait <= 0 then return connect(self, server) end
  self.timer = self.loop:after(wait, function() try(self) end)
end

-- == hearing

-- The flow is more than the nick, which somebody else may take when its holder goes: what was proved is of the holder.
local function source_of(self, nick, size, to_all, origin)
  return source.new { channel = self, principal = "irc " .. irc_lines.fold(nick), id = "irc " .. origin,
    address = self.address, received = size, broadcast = to_all, own = false, nick = nick }
end

-- NICK, of ORIGIN, said the line TEXT. What people talk about in the channel is none of ours, and nobody's fault.
function heard(self, nick, text, to_all, origin)
  self.medium:heard(#text)
  self.hidden = self.hidden or select(2, self.session:place()) <= 1
  local whole, _, code = self.joiner:take(irc_lines.fold(nick), text)
  if code then self.server.refused[code] = (self.server.refused[code] or 0) + 1 end
  if not whole then return end
  if not envelope.may_begin(whole) or frame.garbled(whole) then
    self.server.talk = self.server.talk + 1
    return
  end
  local message = frame.read(whole)
  frame.count(self.server.heard, message, #whole)
  self.owner.on_frame(self, source_of(self, nick, #whole, to_all, origin), message)
end

-- == speaking

-- Is nobody else in the channel? Where servers hide who is in it, we know it by hearing them.
local function alone(self)
  local _, members = self.session:place()
  return members <= 1 and not self.hidden
end

-- How long until a whole frame may go, in ms; 0: now.
local function wait_of(self)
  local wait = math.max(self.server.pace:wait(self.lines_of_frame), self.medium:wait(FRAME_MAX))
  if alone(self) then wait = math.max(wait, self.alone_till - self.loop:now()) end
  return wait
end

local function await_room(self, ms)
  if self.room then self.room:cancel() end
  self.room = self.loop:after(math.max(1, ms), function()
    self.room = nil
    if not self.closed and self.was_up then self.owner.on_room(self) end
  end)
end

--- Bytes that may go now: as many as stand in the lines that may be said, if a whole frame does.
function Channel:budget()
  if self.closed or not self.was_up then return 0 end
  local wait = wait_of(self)
  if wait == 0 then
    return math.min(self.medium:available(), self.server.pace:lines() * FRAME_MAX // self.lines_of_frame)
  end
  await_room(self, wait)
  return 0
end

local function refuse(self, code, text)
  return frame.refuse(self.server or self.servers[1] or { refused = {} }, code, text)
end

-- The lines of MESSAGE to NICK, or to all | nil, text, code
local function lines_of(self, message, nick)
  local text = frame.text(message)
  if #text > FRAME_MAX then return nil, #text .. " bytes in a frame", "long" end
  if text == "" or frame.garbled(text) then return nil, "no text", "form" end
  local lines = part.split(text, self.session:usable(nick))
  if not lines then return nil, #text .. " bytes in lines of this server", "long" end
  return lines
end

--- Says MESSAGE in the channel, or, with TO, to the nick of that source alone.
function Channel:send(message, to)
  if self.closed or not self.was_up then return refuse(self, "closed", self.closed and "channel" or "not joined") end
  local lines, text, code = lines_of(self, message, to and to.nick)
  if not lines then return refuse(self, code, text) end
  local pace, size = self.server.pace, frame.size(message)
  if pace:lines() < math.min(#lines, self.lines_of_frame) or self.medium:available() < size then
    await_room(self, wait_of(self))
    return refuse(self, "budget", "of lines that the server takes")
  end
  if not self.session:takes(lines) then return refuse(self, "full", "the server reads too slowly") end
  for _, line in ipairs(lines) do self.session:speak(line, to and to.nick) end
  self.medium:spend(size)
  self.alone_till = self.loop:now() + ALONE_MS
  frame.count(self.server.sent, message, size)
  return true
end

-- == the whole

--- The row of the server by which it is there; each server has its own in `status`.
function Channel:status()
  local server = self.server or self.servers[1]
  local row = server and server:status() or { address = self.address, kind = "irc", sent = frame.counters(),
    heard = frame.counters(), refused = {} }
  if self.closed then row.state = "down" end
  return row
end

function Channel:close(reason)
  if self.closed then return end
  self.closed, self.was_up = true, false
  for _, name in ipairs { "timer", "room" } do if self[name] then self[name]:cancel() end end
  if self.session then self.session:close(reason or "closed: here") end
  self.owner.on_down(self, reason or "closed: here")
end

--- OPTIONS of one more server of this channel → what is open for its address: status(), close()
function Channel:add(options)
  local server = irc_server.new(self, options)
  table.insert(self.servers, server)
  if not self.session then self.loop:post(function() try(self) end) end
  return server
end

--- SERVER is named no more: the next one, or the end.
function Channel:remove(server)
  for i, other in ipairs(self.servers) do
    if other == server then table.remove(self.servers, i) end
  end
  if not self.servers[1] then return self:close "closed: here" end
  if self.server ~= server then return end
  self.session:close "closed: here"
  self.session, self.server = nil, nil
  down(self, "closed: by the policy")
  try(self)
end

local function traits(near)
  return { stream = false, medium = true, ordered = false, near = near or false, source_proved = false,
    line_max = FRAME_MAX, frame_max = FRAME_MAX }
end

--- A channel without a server yet; it joins once it has one (add).
---   loop, net, resolve, dial_through, secrets, random, log
---   id      text: own peer ID
---   room    text: "#channel"
---   rate    bytes a second that are said until it is there by a server, or nil; near: as the policy has it
function irc.new(given)
  local rate = given.rate or irc_pace.RATE
  return setmetatable({ kind = "irc", address = given.room, traits = traits(given.near), rate = rate,
    owner = channel.nobody, loop = given.loop, log = given.log, random = given.random, given = given, servers = {},
    joiner = part.joiner { now = function() return given.loop:now() end }, medium = medium_of(given.loop, rate),
    was_up = false, greets_at = 0, alone_till = 0, joined_at = 0, lines_of_frame = irc_pace.BURST }, Channel)
end

-- == as the policy names it

local FAMILIES <const> = { ip4 = true, ip6 = true, dns4 = true, dns6 = true }

--- PARTS of a multiaddr → { family, host, port, room }, or nil where it is none of this form
function irc.read(parts)
  local place, port, room = parts[1], parts[2], parts[3]
  if #parts ~= 4 or not FAMILIES[place[1]] or port[1] ~= "tcp" or room[1] ~= "irc" or not room[2] then return nil end
  return { family = place[1], host = place[2], port = math.tointeger(tonumber(port[2])), room = room[2] }
end

--- given.id: own peer ID.
function irc.kind(given)
  local kind, rooms = {}, setmetatable({}, { __mode = "v" }) -- routing holds those that are open
  function kind.open(_, options)
    local name = options.room .. (options.near and " near" or "")
    local one = rooms[name]
    if not one or one.closed then
      local text, code
      one, text, code = given.add(irc.new { loop = given.loop, net = given.net, resolve = given.resolve,
        dial_through = given.dial_through, secrets = given.secrets, random = given.random, log = given.log,
        id = given.id, room = options.room, rate = options.budget, near = options.near }, {})
      if not one then return nil, text, code end
      rooms[name] = one
    end
    options.id = given.id
    return one:add(options)
  end
  return kind
end

return irc
