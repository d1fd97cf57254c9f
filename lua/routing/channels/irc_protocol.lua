-- irc_protocol.lua - one visit to an IRC server, from the first word to the last: bytes in, lines out. No I/O.
--
-- PASS, NICK and USER; from 001 on the server knows us (what is said before gets 451), so then JOIN; and once our own
-- JOIN comes back we know what others see before each line of ours, for that shortens it; at the end of the list of
-- who is there we are in the channel.
local core_text = require "core.text"
local faults = require "routing.channels.irc_faults"
local irc_lines = require "routing.channels.irc_lines"

local irc_protocol = {}
irc_protocol.__index = irc_protocol

local LINE_LEN <const> = 512 -- bytes of a line with its end, unless the server says otherwise
local ROOM_MAX <const> = 390 -- bytes of text in a line: fits whatever stands before it on usual networks
local HOST_MAX <const> = 63 -- bytes: a server may show another host of ours at any time
local NICK_LEN <const>, NICK_LEAST <const> = 9, 4 -- what every server takes; shorter ones would be somebody else's
local NICKS_MAX <const> = 12 -- tries
local LETTERS <const> = "abcdefghijkmnopqrstuvwxyz23456789"
local WELCOME_MS <const> = 60 * 1000 -- until we are in the channel; some look up our host for long
local JOIN_MS <const> = 30 * 1000
local ASK_MS <const>, ANSWER_MS <const> = 45 * 1000, 30 * 1000 -- between two PINGs of ours; until one is answered
local PONG_MAX <const> = 400 -- bytes of a PING that are answered
local FORM_MAX <const> = 64 -- lines without form, then it is no IRC server

local fold = irc_lines.fold

-- Nothing that somebody else chose, such as a password, may end our line and begin another.
local function say(self, form, ...) self.say((form:format(...):gsub("[\r\n%z]", ""))) end

-- The end, once.
local function over(self, fault)
  if self.state == "over" then return end
  self.state = "over"
  self.on.ended(fault)
end

local function fail(self, kind, said) over(self, faults.make(kind, said)) end

-- -- who we are -----------------------------------------------------------------------------

local function by_chance(self, size)
  local letters = {}
  for i = 1, size do
    local at = self.random:integer(#LETTERS) + 1
    letters[i] = LETTERS:sub(at, at)
  end
  return table.concat(letters)
end

-- The end of the peer ID first, since its beginning is the same for all; if that is taken, letters by chance, which
-- nobody can take before us.
local function say_nick(self)
  self.nicks = self.nicks + 1
  if self.nicks > NICKS_MAX then return fail(self, "nicks") end
  local size = self.nick_len - 1
  self.nick = "d" .. (self.nicks == 1 and self.id:sub(-size) or by_chance(self, size))
  say(self, "NICK %s", self.nick)
end

local function is_self(self, nick) return nick ~= nil and fold(nick) == fold(self.nick) end

local function is_room(self, name) return name ~= nil and fold(name) == self.room end

--- Bytes of text that a line to TARGET (a nick, or nil: the channel) may have.
function irc_protocol:usable(target)
  local before = #self.nick + #self.user + math.max(#self.host, HOST_MAX) + #":!@ PRIVMSG  :\r\n"
  return math.max(0, math.min(ROOM_MAX, self.line_len - before - #(target or self.room)))
end

-- -- what the server says -------------------------------------------------------------------

local HANDLERS = {}

function HANDLERS.PING(self, message) say(self, "PONG :%s", (message.params[1] or ""):sub(1, PONG_MAX)) end

function HANDLERS.PONG(self)
  self.asked_at = nil
  self.answered_at = self.heard_at
end

-- Welcome: it knows us, maybe by a nick that it has shortened.
HANDLERS["001"] = function(self, message)
  if self.state ~= "registering" then return end
  self.nick = irc_lines.is_nick(message.params[1]) and message.params[1] or self.nick
  self.state, self.since, self.answered_at = "welcomed", self.heard_at, self.heard_at
  say(self, "JOIN %s", self.room)
end

-- What this server is like: `LINELEN=512 NICKLEN=30 …`.
HANDLERS["005"] = function(self, message)
  for _, token in ipairs(message.params) do
    local name, value = token:match "^(%u+)=(%d+)$"
    local n = value and math.tointeger(tonumber(value))
    if name == "LINELEN" and n and n >= 128 and n <= irc_lines.LINE_MAX then self.line_len = n end
  end
end

-- That nick is taken, or cannot be had now.
local function nick_taken(self, message)
  if self.state == "registering" then return say_nick(self) end
  if is_room(self, message.params[2]) then fail(self, "later", message.params[#message.params]) end
end

HANDLERS["433"], HANDLERS["436"], HANDLERS["437"] = nick_taken, nick_taken, nick_taken

-- It is no nick here: too long, as far as we know.
HANDLERS["432"] = function(self)
  if self.state ~= "registering" then return end
  if self.nick_len > NICK_LEAST then self.nick_len = self.nick_len - 1 end
  say_nick(self)
end

HANDLERS["396"] = function(self, message) -- others see another host of ours
  local host = message.params[2] and message.params[2]:match "[^@]+$"
  if host and is_self(self, message.params[1]) then self.host = host end
end

HANDLERS["353"] = function(self, message) -- some of who is here
  if not is_room(self, message.params[3]) then return end
  local _, n = (message.params[4] or ""):gsub("[^ ]+", "")
  self.listed = self.listed + n
end

HANDLERS["366"] = function(self, message) -- that was all
  if not is_room(self, message.params[2]) or self.state ~= "entering" and self.state ~= "joined" then return end
  local is_first = self.state == "entering"
  self.state, self.members, self.listed = "joined", math.max(1, self.listed), 0
  if is_first then self.on.joined() end
end

function HANDLERS.JOIN(self, message)
  if not is_room(self, message.params[1]) then return end
  if is_self(self, message.nick) then
    if self.state ~= "welcomed" then return end
    self.user, self.host = message.user or self.user, message.host or self.host
    self.state, self.since, self.members, self.listed = "entering", self.heard_at, 1, 0
  elseif self.state == "joined" then
    self.members = self.members + 1
    self.on.met(message.nick)
  end
end

-- One less is in the channel; of us: SAID is why.
local function left(self, nick, kind, said)
  if not nick then return end
  if is_self(self, nick) then return fail(self, kind, said) end
  if self.state == "joined" then self.members = math.max(1, self.members - 1) end
end

function HANDLERS.PART(self, message)
  if is_room(self, message.params[1]) then left(self, message.nick, "kicked", message.params[2]) end
end

function HANDLERS.KICK(self, message)
  if is_room(self, message.params[1]) then left(self, message.params[2], "kicked", message.params[3]) end
end

-- Where two servers lose each other, all on the other side quit, with both names as the reason.
function HANDLERS.QUIT(self, message) left(self, message.nick, "ended", message.params[1]) end

function HANDLERS.KILL(self, message)
  if not is_self(self, message.params[1]) then return end
  local said = message.params[2] or ""
  fail(self, said:lower():find "collision" and "nick" or "killed", said)
end

function HANDLERS.NICK(self, message)
  local new = message.params[1]
  if irc_lines.is_nick(new) and is_self(self, message.nick) then self.nick = new end
end

function HANDLERS.ERROR(self, message) over(self, faults.of_error(message.params[1] or "")) end

function HANDLERS.PRIVMSG(self, message)
  if self.state ~= "joined" or not message.nick or is_self(self, message.nick) then return end
  local target, text = message.params[1], message.params[2]
  local to_all = is_room(self, target)
  if text and (to_all or is_self(self, target)) then self.on.heard(message.nick, text, to_all, message.origin) end
end

-- -- the whole ------------------------------------------------------------------------------

local function answer(self, message)
  local fault = faults.of_number(message.command, message.params[#message.params])
  if not fault then return end
  local n = tonumber(message.command)
  local of_room = n >= 470 or n == 403 or n == 404 or n == 405
  if of_room and not is_room(self, message.params[2]) then return end
  over(self, fault)
end

--- BYTES came from the server at NOW (ms).
function irc_protocol:take(bytes, now)
  if self.state == "over" then return end
  self.heard_at, self.spoken = now, true
  self.reader:feed(bytes)
  while self.state ~= "over" do
    local message, code = self.reader:next()
    if message then
      local handler = HANDLERS[message.command] or answer
      handler(self, message)
    elseif message == nil then
      return
    else
      self.garbled = self.garbled + 1
      if code == "long" or self.garbled > FORM_MAX then fail(self, code) end
    end
  end
end

--- It is NOW (ms): asks the server whether it is there, and ends what takes too long. Called each few seconds.
function irc_protocol:tick(now)
  if self.state == "registering" then
    if now - self.since > WELCOME_MS then fail(self, "welcome") end
  elseif self.state == "welcomed" or self.state == "entering" then
    if now - self.since > JOIN_MS then fail(self, "join") end
  elseif self.state == "joined" then
    if self.asked_at then
      if now - self.asked_at > ANSWER_MS then fail(self, "dead") end
    elseif now - self.answered_at > ASK_MS then
      self.asked_at = now
      say(self, "PING :%d", now)
    end
  end
end

--- Says TEXT, at most `usable` bytes without control characters, to the nick TARGET, or, where that is nil, to the
--- channel. Only once we are joined.
function irc_protocol:speak(text, target) say(self, "PRIVMSG %s :%s", target or self.room, text) end

--- Is NICK us, as IRC compares nicks?
function irc_protocol:is_own(nick) return is_self(self, nick) end

--- The last word, where there still is a server.
function irc_protocol:quit(why)
  if self.state ~= "over" then say(self, "QUIT :%s", core_text.escape(why, 80)) end
  self.state = "over"
end

--- The connection ended without a word of the server; WHY: as the system says it.
function irc_protocol:gone(why) fail(self, self.spoken and "ended" or "mute", why) end

local function begin(self)
  if self.password then say(self, "PASS :%s", self.password) end
  say_nick(self)
  say(self, "USER dtswarm 0 * :dt-swarm %s", self.id)
end

--- Begins at once.
---   id        text: the peer ID; the nick is made of its end
---   room      text: the channel, with #
---   password  text or nil: for the server
---   random    core.random
---   now       integer: ms
---   say       fn(line): a line for the server, without its end
---   on        joined(): we are in the channel; heard(nick, text, to_all, origin): somebody spoke, to all or
---             to us alone; met(nick): somebody came into the channel; ended(fault): it is over, once (irc_faults.lua)
--- Fields: state "registering", "welcomed", "entering", "joined",
--- "over"; nick; members: how many are in the channel, with us
function irc_protocol.new(given)
  local self = setmetatable({ state = "registering", since = given.now, heard_at = given.now, nick = "", nicks = 0,
    nick_len = NICK_LEN, line_len = LINE_LEN, user = "~dtswarm", host = "", members = 0, listed = 0, garbled = 0,
    reader = irc_lines.reader(), room = fold(given.room) }, irc_protocol)
  for _, name in ipairs { "id", "password", "random", "say", "on" } do self[name] = given[name] end
  begin(self)
  return self
end

return irc_protocol
