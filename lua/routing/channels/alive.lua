-- alive.lua - does the other side of a stream still hear us, and we him? A short question above TCP. Sends nothing.
--
-- A connection may be dead in one direction, and a proxy between may still acknowledge all: only an answer from the
-- other end tells. Who dialled asks, `alive N`, and the other answers `here N`; so both hear each other each 45 s,
-- by 30 bytes. Whoever does not know the question never answers, and is not judged by it.
local alive = {}
alive.__index = alive

local ASK_MS <const> = 45 * 1000 -- from an answer to the next question
local AGAIN_MS <const> = 10 * 1000 -- between two that nobody answered
local DEAD_MS <const> = 72 * 1000 -- without an answer
local NUMBERS <const> = 10000

--- given.now   fn() → ms
--- given.asks  bool: is it we who ask?
--- given.say   fn(message): sends MESSAGE before all that waits
function alive.new(given)
  local now = given.now()
  return setmetatable({ now = given.now, asks = given.asks, say = given.say, number = 0, answered = now, asked = now },
    alive)
end

local function message(kind, number) return { to = "*", from = "-", hops = 0, kind = kind, rest = tostring(number) } end

local function answers(self, rest)
  if not self.asks or rest ~= tostring(self.number) then return end
  self.known, self.answered = true, self.now()
end

--- Is MESSAGE (envelope.read) one of ours? Then it needs no other reader.
function alive:heard(one)
  if one.code or one.kind ~= "alive" and one.kind ~= "here" then return false end
  if one.kind == "here" then
    answers(self, one.rest)
  elseif #one.rest <= 4 and one.rest:find "^%d+$" then
    self.known = true
    self.say(message("here", one.rest))
  end
  return true
end

--- Asks where that is due; once a second. → why the other side counts as dead, or nil
function alive:look()
  if not self.asks then return nil end
  local now = self.now()
  if self.known and now - self.answered > DEAD_MS then return "slow: does not answer" end
  local waits = self.asked > self.answered
  if now - (waits and self.asked or self.answered) < (waits and AGAIN_MS or ASK_MS) then return nil end
  self.number, self.asked = (self.number + 1) % NUMBERS, now
  self.say(message("alive", self.number))
end

return alive
