-- call/answer.lua - what goes back to a caller: sealed parts, some at a time, again where they were lost. No socket.
local lines = require "routing.call.lines"

local answer = {}
answer.__index = answer

local HELD_MAX <const> = 1 << 20 -- bytes that the caller has not acknowledged
local WINDOW_FIRST <const>, WINDOW_MOST <const> = 16, 32 -- parts on their way
local AT_ONCE <const> = 4 -- parts that are sent again where the caller has none
local SENDS <const> = 16 -- times that a part goes
local AGAIN <const> = 250 -- ms between two of these
local QUIET <const> = 3 * 1000 -- ms after which a caller who asks hears that nothing new was said

--- given.keys, swarm, tag   of the call
--- given.part     plain bytes of a part at most
--- given.now      fn() → ms
--- given.send     fn(rest, tries): TRIES times it was sent before
--- given.refused  fn(code)
--- given.drained  fn(): there is room again
function answer.new(given)
  local self = setmetatable({ parts = {}, made = 0, sent = 0, acked = 0, bytes = 0, window = WINDOW_FIRST, said = 0 },
    answer)
  for name, value in pairs(given) do self[name] = value end -- any order
  return self
end

-- Once more? Not where that was tried often enough, or just now.
local function send(self, n)
  local part, now = self.parts[n], self.now()
  if not part or (part.at and now - part.at < AGAIN) then return end
  if part.sends >= SENDS then return self.refused "quota" end
  part.at, part.sends, self.said = now, part.sends + 1, now
  self.send(part.rest, part.sends - 1)
end

local function send_on(self)
  while self.sent < self.made and self.sent - self.acked < self.window do
    self.sent = self.sent + 1
    send(self, self.sent)
  end
end

local function add(self, word, plain)
  self.made = self.made + 1
  local rest = lines.reply(self.tag, self.swarm, word, self.made, self.keys, plain)
  self.parts[self.made] = { rest = rest, sends = 0 }
  self.bytes = self.bytes + #rest
end

--- Bytes that may still be written: sealed and as text, two of them are not quite three.
function answer:room() return self.over and 0 or math.max(0, (HELD_MAX - self.bytes) * 2 // 3) end

-- WORD: of the last part.
local function write(self, whole, word)
  if self.over then return nil, "closed: that answer is over", "closed" end
  if #whole > self:room() then
    return nil, "full: the caller has not read what was said before", "full"
  end
  local list = lines.parts(whole, self.part)
  for i, plain in ipairs(list) do add(self, i == #list and word or "more", plain) end
  self.over = word == "end"
  send_on(self)
  return true
end

--- TEXT is said at once → true | nil, text, "full"|"closed"
function answer:write(whole) return write(self, whole, "more") end

--- The same, and that was all.
function answer:finish(whole) return write(self, whole or "", "end") end

--- The caller asks again, as if it had heard nothing: the beginning once more, or that there is none yet.
-- → true | nil, text, "replay": it is not here any more
function answer:begin_again()
  if self.made == 0 then return write(self, "", "more") end
  if self.acked > 0 then return nil, "replay: said before, and read", "replay" end
  for n = 1, math.min(AT_ONCE, self.sent) do send(self, n) end
  return true
end

local function acknowledge(self, till)
  for n = self.acked + 1, till do
    self.bytes, self.parts[n] = self.bytes - #self.parts[n].rest, nil
  end
  self.window = math.min(WINDOW_MOST, self.window + till - self.acked)
  self.acked = till
end

--- The caller has all before NEXT_N, and misses those of the list.
function answer:again(next_n, missing)
  local news = math.min(next_n - 1, self.sent) > self.acked
  if news then acknowledge(self, math.min(next_n - 1, self.sent)) end
  local lost = false
  for _, n in ipairs(missing) do
    if n > self.acked and n <= self.sent then
      lost = true
      send(self, n)
    end
  end
  if lost then self.window = math.max(WINDOW_FIRST, self.window // 2) end
  send_on(self)
  if not self.over and self.sent == self.made and self.now() - self.said >= QUIET then write(self, "", "more") end
  if news and not self.over then self.drained() end
end

--- Forgets what was said; nothing is said any more.
function answer:drop()
  self.parts, self.bytes, self.over, self.dropped = {}, 0, true, true
  self.sent, self.acked = self.made, self.made
end

return answer
