-- part.lua - a frame as lines of a chat room: cut into pieces, and put together again. Knows no channel, and no I/O.
--
-- A piece is `part HASH I N TEXT`: the I-th of N pieces of the frame whose BLAKE2b-256 begins with HASH. In TEXT a tab
-- stands for a line feed, since no frame has tabs and no chat room has line feeds. Pieces may come twice, in any order,
-- or not at all; so the next hop keeps what it has of a frame until a minute passed without a new piece of it. It keeps
-- that by who said it: so nobody can spoil the frame of another by a piece of his own.
local core_text = require "core.text"
local frame = require "routing.channels.frame"
local hash = require "core.hash"

local part = {}

local PIECES_MAX <const> = 64 -- of a frame
local SENDER_MAX <const> = 64 * 1024 -- bytes of unfinished frames that one sender may have here
local ALL_MAX <const> = 1 << 20 -- bytes of unfinished frames in all
local FRAME_COST <const>, PIECE_COST <const> = 512, 64 -- bytes that a frame and a piece count for beside their text
local WAIT_MS <const> = 60 * 1000 -- without a new piece of a frame
local HASH_SIZE <const> = 8 -- bytes
local HEAD <const> = "part %s %d %d %s"

local function name_of(text) return core_text.base64url(hash.blake2b(text):sub(1, HASH_SIZE)) end

local function is_piece(text) return text:sub(1, 5) == "part " end

-- -- cutting --------------------------------------------------------------------------------

-- Where the piece of at most ROOM bytes ends that begins at FROM: not in the midst of a character, since some servers
-- take UTF-8 alone, and not behind a space, since some take spaces away at the end of a line.
local function last_of(text, from, room)
  local last = math.min(#text, from + room - 1)
  local least = math.max(from, last - room // 2)
  while last > least and last < #text do
    local following = text:byte(last + 1)
    if text:byte(last) ~= 32 and (following < 0x80 or following >= 0xC0) then break end
    last = last - 1
  end
  return last
end

--- The frame TEXT (frame.text) → array of texts of at most ROOM bytes each, without line feeds; a frame without one
--- that fits stays as it is | nil, text, "long" or "form"
function part.split(text, room)
  if text == "" or frame.garbled(text) then return nil, "form: no text", "form" end
  if #text <= room and not text:find("\n", 1, true) and not is_piece(text) then return { text } end
  local name, line, cuts, from = name_of(text), text:gsub("\n", "\t"), {}, 1
  local body = room - #HEAD:format(name, PIECES_MAX, PIECES_MAX, "")
  while from <= #line and body > 0 and #cuts <= PIECES_MAX do
    local last = last_of(line, from, body)
    cuts[#cuts + 1], from = line:sub(from, last), last + 1
  end
  if from <= #line or #cuts > PIECES_MAX then
    return nil, ("long: %d bytes in lines of %d"):format(#text, room), "long"
  end
  for i, piece in ipairs(cuts) do cuts[i] = HEAD:format(name, i, #cuts, piece) end
  return cuts
end

-- -- putting together -----------------------------------------------------------------------

local Joiner = {}
Joiner.__index = Joiner

-- Unfinished frames are a list, those that had a new piece last at its end.
local function unlink(self, one)
  if one.before then one.before.after = one.after else self.first = one.after end
  if one.after then one.after.before = one.before else self.last = one.before end
  one.before, one.after = nil, nil
end

local function append(self, one)
  one.before = self.last
  if self.last then self.last.after = one else self.first = one end
  self.last, one.at = one, self.now()
end

local function charge(self, one, bytes)
  one.bytes, self.bytes = one.bytes + bytes, self.bytes + bytes
  local of_sender = (self.senders[one.sender] or 0) + bytes
  self.senders[one.sender] = of_sender > 0 and of_sender or nil
end

local function forget(self, one)
  self.frames[one.key] = nil
  self.count = self.count - 1
  charge(self, one, -one.bytes)
  unlink(self, one)
end

local function begin(self, key, sender, n)
  local one = { key = key, sender = sender, n = n, have = 0, pieces = {}, bytes = 0 }
  self.frames[key], self.count = one, self.count + 1
  append(self, one)
  return one
end

-- What has waited too long goes.
local function expire(self)
  local now = self.now()
  while self.first and now - self.first.at > WAIT_MS do
    forget(self, self.first)
    self.ended = self.ended + 1
  end
end

-- The frame that goes for BUT: the oldest one of that sender, or, where TO_ALL is true, of who holds the most here. So
-- who speaks much cannot push out what others began.
local function victim(self, but, to_all)
  local found, most = nil, -1
  local one = self.first
  while one do
    local holds = to_all and self.senders[one.sender] or one.sender == but.sender and 0 or -1
    if one ~= but and holds > most then found, most = one, holds end
    one = one.after
  end
  return found
end

local function drop(self, one)
  if not one then return false end
  forget(self, one)
  self.dropped = self.dropped + 1
  return true
end

-- Room for BYTES more of ONE. → true | false: it is too large by itself
local function make_room(self, one, bytes)
  while (self.senders[one.sender] or 0) + bytes > SENDER_MAX do
    if not drop(self, victim(self, one, false)) then return false end
  end
  while self.bytes + bytes > ALL_MAX do
    if not drop(self, victim(self, one, true)) then return false end
  end
  return true
end

local function refuse(why) return nil, "form: " .. why, "form" end

local function read(text)
  local name, i, n, body = text:match "^part ([%w_-]+) ([1-9]%d?) ([1-9]%d?) (.+)$"
  i, n = i and math.tointeger(tonumber(i)), n and math.tointeger(tonumber(n))
  if not name or #name ~= 11 or i > n or n > PIECES_MAX then return nil end
  return name, i, n, body
end

local function finish(self, one, name)
  forget(self, one)
  local text = table.concat(one.pieces):gsub("\t", "\n")
  if frame.garbled(text) or name_of(text) ~= name then return refuse "pieces that make no frame" end
  return text
end

-- The piece BODY, the I-th of ONE, which has the NAME.
local function add(self, one, name, i, body)
  local bytes = #body + PIECE_COST + (one.have == 0 and FRAME_COST or 0)
  if not make_room(self, one, bytes) then
    forget(self, one)
    return nil, "full: unfinished frames of one sender", "full"
  end
  charge(self, one, bytes)
  one.pieces[i], one.have = body, one.have + 1
  if one.have == one.n then return finish(self, one, name) end
  unlink(self, one)
  append(self, one)
end

--- TEXT came as one line from SENDER, a text → the frame that is whole now; it is TEXT itself where that is no piece
--- | nil: others are still to come | nil, text, "form" or "full"
function Joiner:take(sender, text)
  if not is_piece(text) then return text end
  expire(self)
  local name, i, n, body = read(text)
  if not name then return refuse "a piece is `part HASH I N TEXT`" end
  local key = sender .. " " .. name
  local one = self.frames[key] or begin(self, key, sender, n)
  if one.n ~= n then return refuse "pieces of one frame that differ in their number" end
  if one.pieces[i] then return nil end
  return add(self, one, name, i, body)
end

--- Rows of `status`, as bounded.lua's: bytes of unfinished frames, with what is counted for keeping them.
function Joiner:bounds()
  expire(self)
  return { { name = "unfinished frames, bytes", count = self.bytes, limit = ALL_MAX, dropped = self.dropped } }
end

--- given.now: fn() → ms. Fields: count of unfinished frames, dropped: how many went for others, ended: for their age.
function part.joiner(given)
  return setmetatable({ now = given.now, frames = {}, senders = {}, bytes = 0, count = 0, dropped = 0, ended = 0 },
    Joiner)
end

return part
