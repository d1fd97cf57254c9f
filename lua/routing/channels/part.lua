-- part.lua - a frame as lines of a chat room: cut into pieces, and put together again. Knows no channel, and no I/O.
--
-- A piece is `part HASH I N TEXT`: the I-th of N pieces of the frame whose BLAKE2b-256 begins with HASH. In TEXT a tab
-- stands for a line feed, since no frame has tabs and no chat room has line feeds. Pieces may come twice, in any order,
-- or not at all; so the next hop keeps what it has of a frame for a minute, by who said it, within bounds.
local core_text = require "core.text"
local hash = require "core.hash"

local part = {}

local PIECES_MAX <const> = 64 -- of a frame
local SENDER_MAX <const> = 64 * 1024 -- bytes of unfinished frames that one sender may have here
local ALL_MAX <const> = 1 << 20 -- bytes of unfinished frames in all
local FRAME_COST <const> = 256 -- bytes that an unfinished frame counts for beside its pieces
local WAIT_MS <const> = 60 * 1000 -- without a new piece of a frame
local HASH_SIZE <const> = 8 -- bytes
local HEAD <const> = "part %s %d %d %s"

local function name_of(text) return core_text.base64url(hash.blake2b(text):sub(1, HASH_SIZE)) end

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
--- that fits stays as it is | nil, text, "long"
function part.split(text, room)
  if #text <= room and not text:find("\n", 1, true) then return { text } end
  local name, line, cuts, from = name_of(text), text:gsub("\n", "\t"), {}, 1
  local body = room - #HEAD:format(name, PIECES_MAX, PIECES_MAX, "")
  while from <= #line and body > 0 and #cuts <= PIECES_MAX do
    local last = last_of(line, from, body)
    cuts[#cuts + 1], from = line:sub(from, last), last + 1
  end
  if from <= #line or #cuts > PIECES_MAX then
    return nil, ("long: %d bytes in pieces of %d"):format(#text, room), "long"
  end
  for i, piece in ipairs(cuts) do cuts[i] = HEAD:format(name, i, #cuts, piece) end
  return cuts
end

-- -- putting together -----------------------------------------------------------------------

local Joiner = {}
Joiner.__index = Joiner

local function forget(self, frame)
  self.frames[frame.key] = nil
  self.bytes, self.count = self.bytes - frame.bytes, self.count - 1
  local left = self.senders[frame.sender] - frame.bytes
  self.senders[frame.sender] = left > 0 and left or nil
  if frame.before then frame.before.after = frame.after else self.first = frame.after end
  if frame.after then frame.after.before = frame.before else self.last = frame.before end
end

local function grow(self, frame, bytes)
  frame.bytes, self.bytes = frame.bytes + bytes, self.bytes + bytes
  self.senders[frame.sender] = (self.senders[frame.sender] or 0) + bytes
end

local function begin(self, key, sender, n)
  local frame = { key = key, sender = sender, n = n, have = 0, pieces = {}, bytes = 0, at = self.now(),
    before = self.last }
  if self.last then self.last.after = frame else self.first = frame end
  self.last, self.frames[key], self.count = frame, frame, self.count + 1
  grow(self, frame, FRAME_COST)
  return frame
end

-- What has waited too long goes.
local function expire(self)
  local frame, now = self.first, self.now()
  while frame do
    local after = frame.after
    if now - frame.at > WAIT_MS then
      forget(self, frame)
      self.ended = self.ended + 1
    end
    frame = after
  end
end

local function drop_oldest(self, of, but)
  local frame = self.first
  while frame and (frame == but or of and frame.sender ~= of) do frame = frame.after end
  if not frame then return false end
  forget(self, frame)
  self.dropped = self.dropped + 1
  return true
end

-- Room for BYTES more of FRAME: the sender's own older frames go first, then anybody's oldest.
local function make_room(self, frame, bytes)
  while (self.senders[frame.sender] or 0) + bytes > SENDER_MAX do
    if not drop_oldest(self, frame.sender, frame) then return false end
  end
  while self.bytes + bytes > ALL_MAX do
    if not drop_oldest(self, nil, frame) then return false end
  end
  return true
end

local function refuse(text) return nil, "form: " .. text, "form" end

local function read(text)
  local name, i, n, body = text:match "^part ([%w_-]+) ([1-9]%d?) ([1-9]%d?) (.+)$"
  i, n = i and math.tointeger(tonumber(i)), n and math.tointeger(tonumber(n))
  if not name or #name ~= 11 or i > n or n > PIECES_MAX then return nil end
  return name, i, n, body
end

local function finish(self, frame, name)
  forget(self, frame)
  local text = table.concat(frame.pieces):gsub("\t", "\n")
  if name_of(text) ~= name then return refuse "pieces that make no frame" end
  return text
end

--- TEXT came as one line from SENDER, a text → the frame that is whole now; it is TEXT itself where that is no piece
--- | nil: others are still to come | nil, text, "form" or "full"
function Joiner:take(sender, text)
  if text:sub(1, 5) ~= "part " then return text end
  expire(self)
  local name, i, n, body = read(text)
  if not name then return refuse "a piece is `part HASH I N TEXT`" end
  local key = sender .. " " .. name
  local frame = self.frames[key] or begin(self, key, sender, n)
  if frame.n ~= n then return refuse "pieces of one frame that differ in their number" end
  if frame.pieces[i] then return nil end
  if not make_room(self, frame, #body) then
    forget(self, frame)
    return nil, "full: unfinished frames of one sender", "full"
  end
  frame.pieces[i], frame.have, frame.at = body, frame.have + 1, self.now()
  grow(self, frame, #body)
  if frame.have == n then return finish(self, frame, name) end
end

--- Rows of `status`, as bounded.lua's: bytes of unfinished frames.
function Joiner:bounds()
  return { { name = "unfinished frames, bytes", count = self.bytes, limit = ALL_MAX, dropped = self.dropped } }
end

--- given.now: fn() → ms. Fields: count of unfinished frames, dropped: how many went for others, ended: for their age.
function part.joiner(given)
  return setmetatable({ now = given.now, frames = {}, senders = {}, bytes = 0, count = 0, dropped = 0, ended = 0 },
    Joiner)
end

return part
