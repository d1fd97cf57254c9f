-- irc_session.lua - one connection to an IRC server: dialled once, read and written until it ends. Never tries again.
local dialled = require "routing.channels.dialled"
local irc_protocol = require "routing.channels.irc_protocol"
local token_bucket = require "token_bucket"

local irc_session = {}
irc_session.__index = irc_session

local QUEUE_MAX <const> = 16384 -- bytes that wait for the server to read
local OVERHEAD <const> = 96 -- bytes of a line before its text: the longest nick or channel
local OUT_MAX <const> = 2 * QUEUE_MAX -- the same with answers to the server: then it reads nothing
local CHUNK <const>, READS <const> = 4096, 2 -- bytes of a read; reads a turn
local READ <const> = { rate = 1 << 17, burst = 1 << 17 } -- bytes that are read, a second and at once; then it waits
local TICK_MS <const> = 5000
local STALL_MS <const> = 30 * 1000 -- that the server may leave what waits unread
-- Why a dial failed that a person has to mend.
local SLOW <const> = { certificate = true, form = true }
-- What to do where no server is reached; for other reasons the word's own cure says it.
local LOOK <const> = "See whether an IRC server runs at that address and port, and whether the port is one for TLS."
local CURES <const> = { slow = LOOK, ECONNREFUSED = LOOK, ECONNRESET = LOOK }

-- The end, once; the watch goes before its fd.
local function over(self, fault)
  if self.ended then return end
  self.ended = true
  self.cancel()
  for _, name in ipairs { "timer", "rest" } do if self[name] then self[name]:cancel() end end
  if self.watch then self.watch:close() end
  if self.stream then self.stream:close() end
  self.stream, self.watch = nil, nil
  if fault then self.on.ended(fault) end
end

local read

-- Nothing can be written any more, for the reason WHY; what the server said before it went is the better one.
local function broken(self, why)
  read(self)
  if not self.ended then self.protocol:gone(why) end
end

local function update_events(self)
  if self.watch then self.watch:set((self.rest and "" or "r") .. (self.out == "" and "" or "w")) end
end

-- Writes what waits, as far as the server reads. → true | nil, text: the connection is broken
local function flush(self)
  while self.stream and self.out ~= "" do
    local n, text, code = self.stream:send(self.out)
    if not n then
      if code == "EAGAIN" then return true end
      return nil, text
    end
    self.out, self.moved_at = self.out:sub(n + 1), self.loop:now()
  end
  return true
end

-- Takes LINE; it is written in this turn or, where the server reads slowly, later.
local function put(self, line)
  if #self.out > OUT_MAX then return self.protocol:gone "it reads nothing" end
  if self:joined() then self.pace:charge(1) end -- what lets us in is asked for once, and by everybody
  if self.out == "" then self.moved_at = self.loop:now() end
  self.out = self.out .. line .. "\r\n"
  if self.posted then return end
  self.posted = true
  self.loop:post(function()
    self.posted = false
    if self.ended then return end
    local ok, text = flush(self)
    if not ok then return broken(self, text) end
    update_events(self)
  end)
end

-- It says more than all robots of a channel may: it is read on when as much as that is due, and others come before.
local function rest(self)
  if self.rest then return end
  self.rest = self.loop:after(self.may_say:wait(0), function()
    self.rest = nil
    update_events(self)
    read(self)
  end)
  update_events(self)
end

function read(self)
  for _ = 1, READS do
    if self.may_say:left() < 0 then return rest(self) end
    local bytes, text, code = self.stream:receive(CHUNK)
    if not bytes then
      if code ~= "EAGAIN" then self.protocol:gone(text) end
      return
    end
    if bytes == "" then return self.protocol:gone "it closed the connection" end
    self.may_say:charge(#bytes)
    self.protocol:take(bytes, self.loop:now())
    if self.ended then return end
  end
end

local function tick(self)
  if self.out ~= "" and self.loop:now() - self.moved_at > STALL_MS then
    return self.protocol:gone "it reads nothing"
  end
  self.protocol:tick(self.loop:now())
end

local function begin(self, where)
  self.timer = self.loop:every(TICK_MS, function() tick(self) end)
  self.protocol = irc_protocol.new { id = where.id, room = where.room, password = where.password,
    random = self.random, now = self.loop:now(), say = function(line) put(self, line) end,
    on = { joined = self.on.joined, met = self.on.met, heard = self.on.heard,
      ended = function(fault) over(self, fault) end } }
end

local function connected(self, stream, where)
  local text, code
  self.stream = stream
  self.watch, text, code = self.loop:watch(stream:fd(), "r", function(readable, writable)
    if writable then
      local ok, why = flush(self)
      if not ok then return broken(self, why) end
      update_events(self)
    end
    if readable and not self.ended then read(self) end
  end)
  if not self.watch then return over(self, { code = code, text = text, slow = false, flood = false }) end
  begin(self, where)
end

--- Is there room for LINES (texts) in what waits for the server to read?
function irc_session:takes(lines)
  local bytes = #self.out
  for _, line in ipairs(lines) do bytes = bytes + #line + OVERHEAD end
  return bytes <= QUEUE_MAX
end

--- Says TEXT to the nick TARGET, or, where that is nil, to the channel.
function irc_session:speak(text, target) self.protocol:speak(text, target) end

--- Are we in the channel?
function irc_session:joined() return self.protocol ~= nil and self.protocol.state == "joined" end

--- Bytes of text that a line to the nick TARGET (nil: the channel) may have.
function irc_session:usable(target) return self.protocol:usable(target) end

--- Our nick there, and how many are in the channel with us | nil, 0 while we are not in it.
function irc_session:place()
  if not self:joined() then return nil, 0 end
  return self.protocol.nick, self.protocol.members
end

--- Ends it, with a word to the server; `ended` is not called.
function irc_session:close(why)
  if self.protocol and self.stream then
    self.protocol:quit(why)
    flush(self)
  end
  over(self)
end

--- Begins to dial at once.
---   given  loop, net, resolve, dial_through (dialled.lua), random
---   where  as dialled.lua has it, and id, room, password (irc_protocol.lua)
---   pace   irc_pace.lua's, which each line is charged to
---   on     as irc_protocol.lua has it; none is called from inside a function of the session
function irc_session.open(given, where, pace, on)
  local self = setmetatable({ loop = given.loop, random = given.random, pace = pace, on = on, out = "",
    moved_at = given.loop:now(), may_say = token_bucket.new { now = function() return given.loop:now() end,
      rate = READ.rate, burst = READ.burst } }, irc_session)
  self.cancel = dialled.open(given, where, function(stream, text, code)
    if stream then return connected(self, stream, where) end
    over(self, { code = code, text = text, cure = CURES[code] or dialled.cure(code, where.host),
      slow = SLOW[code] or false, flood = false })
  end)
  return self
end

return irc_session
