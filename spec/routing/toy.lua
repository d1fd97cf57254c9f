-- toy.lua - a kind of channel for specs: rooms of lines, whose speakers have nicks and no hosts. Opens no socket.
--
-- It is this file and one line in channels.KINDS, where it stands in the place of IRC (instead.lua). A line in a room
-- has at most 390 bytes and holds "e" and a head, or "s" and one statement: a message is one line, or more.
-- toy.loses(line), where a spec sets it: is that line lost on its way to one of the members? toy.said(nick, line) hears
-- what is said; toy.line_max may be another while it joins, and toy.rate so many bytes a second that each may say.
local batch = require "core.batch"
local channel = require "routing.channels.channel"
local envelope = require "routing.envelope"
local frame = require "routing.channels.frame"
local source = require "routing.channels.source"

local toy = { form = "/dns4/A/tcp/P/irc/#ROOM/dswarm-line", rooms = {}, -- rooms: name → array of its members
  loses = function() return false end, said = function() end, line_max = 390 } -- bytes

local BURST, REFILL_MS = 12, 20 -- lines at once; until there are as many again
local PACE_MAX = 10 * 1000 -- ms that answers may wait where there is a rate
local FRAME_MAX = 1200 -- bytes

local function traits()
  return { stream = false, medium = true, ordered = false, near = false, source_proved = false,
    line_max = toy.line_max - 1, frame_max = FRAME_MAX }
end

local Member = {}
Member.__index = Member

local function refuse(self, code, text)
  self.refused[code] = (self.refused[code] or 0) + 1
  return nil, code .. ": " .. text, code
end

-- The lines of MESSAGE in the room | nil, code
local function lines_of(self, message)
  local list = {}
  for i, line in ipairs(message.body or { message.head }) do
    if #line > self.traits.line_max then return nil, "long" end
    if line == "" or line:find "%c" then return nil, "form" end
    list[i] = (message.body and "s" or "e") .. line
  end
  if frame.size(message) > FRAME_MAX then return nil, "long" end
  return list
end

local function hear(self, nick, line, broadcast)
  if self.closed then return end
  local message = envelope.read(line:sub(1, 1) == "s" and "* - 8 statements" or line:sub(2))
  if line:sub(1, 1) == "s" then message.list = batch.new(line:sub(2)) end
  frame.count(self.heard, message, #line)
  self.owner.on_frame(self, source.new { channel = self, principal = "toy " .. nick, id = "toy " .. nick,
    address = self.address, received = #line, broadcast = broadcast, own = false, nick = nick }, message)
end

local function refill(self, ms)
  self.timer = self.timer or self.loop:after(ms or REFILL_MS, function()
    self.timer, self.left = nil, BURST
    self.owner.on_room(self)
  end)
end

-- ms until what was said has gone out, where there is a rate.
local function pace(self) return math.max(0, self.free_at - self.loop:now()) end

local function spend(self, lines, size)
  self.left = self.left - lines
  if self.rate then self.free_at = math.max(self.loop:now(), self.free_at) + size * 1000 // self.rate end
end

function Member:send(message, to)
  if self.closed then return refuse(self, "closed", "left the room") end
  local lines, code = lines_of(self, message)
  if not lines then return refuse(self, code, "a line") end
  if #lines > self.left or pace(self) > PACE_MAX then
    refill(self)
    return refuse(self, "budget", "lines at once")
  end
  spend(self, #lines, frame.size(message))
  frame.count(self.sent, message, frame.size(message))
  for _, line in ipairs(lines) do toy.said(self.nick, line) end
  for _, other in ipairs { table.unpack(toy.rooms[self.room]) } do
    if other ~= self and (not to or to.nick == other.nick) then
      for _, line in ipairs(lines) do
        if not toy.loses(line) then self.loop:post(function() hear(other, self.nick, line, not to) end) end
      end
    end
  end
  return true
end

function Member:budget()
  if self.closed then return 0 end
  if pace(self) > 0 then
    refill(self, pace(self))
    return 0
  end
  if self.left < 4 then refill(self) end
  return self.left // 4 * FRAME_MAX -- a frame has at most four lines of its longest
end

function Member:status()
  return { address = self.address, kind = "toy", state = self.closed and "down" or "up", sent = frame.copy(self.sent),
    heard = frame.copy(self.heard), refused = frame.copy(self.refused) }
end

function Member:close(reason)
  if self.closed then return end
  self.closed = true
  if self.timer then self.timer:cancel() end
  local room = toy.rooms[self.room]
  for i, other in ipairs(room) do if other == self then table.remove(room, i) end end
  if not room[1] then toy.rooms[self.room] = nil end
  self.owner.on_down(self, reason or "closed: here")
end

--- NICK in the ROOM with that name.
function toy.new(loop, room, nick)
  local self = setmetatable({ kind = "toy", address = ("/dns4/toy/tcp/6667/irc/#%s/dswarm-line"):format(room),
    traits = traits(), rate = toy.rate, free_at = 0, owner = channel.nobody, loop = loop, room = room, nick = nick,
    left = BURST, refused = {}, sent = frame.counters(), heard = frame.counters() }, Member)
  toy.rooms[room] = toy.rooms[room] or {}
  table.insert(toy.rooms[room], self)
  for _, other in ipairs(toy.rooms[room]) do
    loop:post(function() if not other.closed then other.owner.on_up(other) end end)
  end
  return self
end

function toy.read(parts)
  if #parts == 4 and parts[3][1] == "irc" then return { room = (parts[3][2]:gsub("^#", "")) } end
end

function toy.kind(given)
  local kind = {}
  function kind.open(_, options)
    return given.add(toy.new(given.loop, options.room, ("n%06d"):format(given.random:integer(1000000))), {})
  end
  return kind
end

return toy
